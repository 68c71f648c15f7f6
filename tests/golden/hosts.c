/* SPDX-License-Identifier: GPL-2.0-only */
/* Output of `ktstr topo` for recorded machines, and a frame of `ktstr locks` with every kind of row. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hosttree.h"
#include "lock/render.h"

#define HOSTS TESTS_DIR "/hosts"

static void show_hosts(void)
{
	static const char *const names[] = { "hybrid-laptop", "sub-numa",	   "container", "cxl",
					     "contradictory", "offline-and-holes", "bare" };
	struct term t = { .columns = 100 };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_buf_ struct buf out = BUF_NULL;
		struct host h;
		struct cpuset_bits allowed;
		host_tree_read(HOSTS, names[i], &h, &allowed);
		host_render_text(&h, &allowed, &t, &out);
		if (!strcmp(names[i], "cxl") || !strcmp(names[i], "contradictory"))
			host_render_json(&h, &allowed, &out);
		printf("=== %s\n%s", names[i], buf_str(&out));
		host_done(&h);
	}
}

/* --- locks -------------------------------------------------------------------------------------------------------- */

static const int64_t now = 1767225600 * NSEC_PER_SEC;

/* Scans own their names; these are constants that are only read. */
#define NAME(text) .name = (char *)(text)
#define PATH(text) .path = (char *)(text)

static struct lock_file files[] = {
	{ NAME("ktstr-llc-0.lock"), .kind = LOCK_LLC, .index = 0, .first = 0, .holders = 2 },
	{ NAME("ktstr-llc-1.lock"), .kind = LOCK_LLC, .index = 1, .first = 2, .holders = 1 },
	{ NAME("ktstr-llc-9.lock"), .kind = LOCK_LLC, .index = 9 },
	{ NAME("ktstr-cpu-0.lock"), .kind = LOCK_CPU, .index = 0, .first = 3, .holders = 1 },
	{ NAME("ktstr-cpu-16.lock"), .kind = LOCK_CPU, .index = 16, .first = 4, .holders = 1 },
	{ NAME("ktstr-cpu-17.lock"), .kind = LOCK_CPU, .index = 17, .first = 5, .holders = 1 },
	{ NAME("6.12.1-tarball-x86_64-kc00112233.lock"), .kind = LOCK_CACHE, .root = ROOT_CACHE, .first = 6,
	  .holders = 1 },
	{ NAME("source-1a2b3c4d.lock"), .kind = LOCK_CACHE, .root = ROOT_CACHE },
};

static struct lock_holder holders[] = {
	{ .file = 0, .pid = 100, .since = now - 90 * NSEC_PER_SEC, .cmdline = "ktstr test build" },
	{ .file = 0, .pid = 200, .since = now - NSEC_PER_SEC / 2, .cmdline = "ktstr kernel build \"distro\"" },
	{ .file = 1, .pid = 300, .exclusive = true, .since = now - 3600 * NSEC_PER_SEC, .cmdline = "ktstr \xc3\xa9" },
	{ .file = 3, .pid = 100, .exclusive = true, .since = now - 90 * NSEC_PER_SEC, .cmdline = "ktstr test build" },
	{ .file = 4, .pid = 100, .exclusive = true, .since = now - 90 * NSEC_PER_SEC, .cmdline = "ktstr test build" },
	{ .file = 5, .pid = 400, .exclusive = true },
	{ .file = 6, .pid = -1, .exclusive = true },
};

static void show_locks(void)
{
	struct lock_scan s = { .root = { { PATH("/tmp") }, { PATH("/home/x/.cache/ktstr/kernels/.locks") } },
			       .file = files,
			       .files = ARRAY_SIZE(files),
			       .holder = holders,
			       .holders = ARRAY_SIZE(holders),
			       .taken_at = now };
	const struct lock_scan empty = { 0 };
	struct term plain = { .columns = 100 }, narrow = { .columns = 40, .tty = true, .colour = true };
	_cleanup_buf_ struct buf out = BUF_NULL;
	struct host h;
	struct cpuset_bits allowed;
	host_tree_read(HOSTS, "ccx-desktop", &h, &allowed);
	buf_puts(&out, "=== locks\n");
	locks_render_text(&s, &h, &plain, false, &out);
	buf_puts(&out, "=== locks, on a narrow terminal\n");
	locks_render_text(&s, &h, &narrow, true, &out);
	buf_puts(&out, "=== locks, host unknown\n");
	locks_render_text(&s, NULL, &plain, true, &out);
	buf_puts(&out, "=== locks, nothing there\n");
	locks_render_text(&empty, &h, &plain, false, &out);
	locks_render_json(&empty, &h, &out);
	buf_puts(&out, "=== locks, JSON\n");
	locks_render_json(&s, &h, &out);
	fputs(buf_str(&out), stdout);
	host_done(&h);
}

int main(void)
{
	show_hosts();
	show_locks();
	return 0;
}
