/* SPDX-License-Identifier: GPL-2.0-only */
/* dump_core VMLINUX CORE [--json] -- a dump of a core file, for tests of the monitor against real guests. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/time.h"
#include "monitor/core_file.h"
#include "monitor/dump.h"

static int fail(struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	err_format(err, &text);
	fprintf(stderr, "dump_core: %s\n", buf_str(&text));
	err_free(err);
	return 1;
}

static int open_kernel(const char *vmlinux, struct kernel_image *image, struct orc **orc, struct err **err)
{
	int r = symbols_open(vmlinux, &image->symbols, err);
	if (r == 0)
		r = types_open(vmlinux, &image->types, err);
	return r < 0 ? r : orc_open(vmlinux, orc, err);
}

static void show(const json_t *dump, bool json)
{
	const struct dump_view view = { .parts = DUMP_ALL, .cpu = -1 };
	_cleanup_buf_ struct buf out = BUF_NULL;
	if (json)
		json_print(dump, true, &out);
	else
		dump_text(dump, &view, &out);
	fputs(buf_str(&out), stdout);
}

int main(int argc, char **argv)
{
	struct guestmem memory;
	struct kernel_image image = { 0 };
	struct layout layout;
	struct orc *orc = NULL;
	struct err *err = NULL;
	static struct view view;
	if (argc < 3)
		return 64;
	if (core_open(argv[2], &memory, &err) < 0 || open_kernel(argv[1], &image, &orc, &err) < 0)
		return fail(err);
	layout_init(&layout, image.types);
	view_init(&view, &image, &memory, 0);
	const char *why = view_find_slides(&view, 0, 0);
	if (why || view_refresh(&view) < 0)
		fprintf(stderr, "dump_core: %s\n", why ? why : "the kernel has not set up its CPUs yet");
	nsec_t from = nsec_now();
	const struct dump_config config = { .inspect = { .view = &view, .layout = &layout, .orc = orc },
					    .reason = "a core file",
					    .all_tasks = argc > 4 };
	json_t *dump = dump_take(&config);
	nsec_t took = nsec_now() - from, again = nsec_clock(CLOCK_THREAD_CPUTIME_ID);
	json_decref(dump);
	dump = dump_take(&config);
	again = nsec_clock(CLOCK_THREAD_CPUTIME_ID) - again;
	if (!dump)
		return 1;
	show(dump, argc > 3 && strcmp(argv[3], "--json") == 0);
	fprintf(stderr, "dump_core: took %.1f ms, the second time %.1f ms of CPU time\n", (double)took / 1e6,
		(double)again / 1e6);
	json_decref(dump);
	orc_close(orc);
	types_close(image.types);
	symbols_close(image.symbols);
	guestmem_done(&memory);
	return 0;
}
