/* SPDX-License-Identifier: GPL-2.0-only */
/* collect.c -- see collect.h. */
#include <string.h>

#include "base/file.h"
#include "coverage/collect.h"
#include "coverage/data.h"
#include "coverage/library.h"
#include "coverage/loads.h"
#include "coverage/tool.h"

/* A name that other programs can open: the descriptor lives as long as this process. */
static int make_input(const struct coverage_counts *counts)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	coverage_put_file(counts, &text);
	_cleanup_close_ int fd = text.failed ? -ENOMEM : memfd_new("ktstr-counters", 0);
	if (fd < 0)
		return fd;
	int r = fd_write_full(fd, text.data, text.len);
	return r < 0 ? r : TAKE_FD(fd);
}

/* Another one that this process's children can open. */
static int make_library(void)
{
	const struct buf library = coverage_library();
	_cleanup_close_ int fd = memfd_new("ktstr-coverage", 0);
	int r = fd < 0 ? fd : fd_write_full(fd, library.data, library.len);
	return r < 0 ? r : TAKE_FD(fd);
}

/*
 * A test binary knows what its argument means, and ends. Another program gets a library, or has it inside, and ends
 * before its main().
 */
static int write_files(const struct coverage_run *run, const char *program, const char *input, const char *library,
		       const char *profile, struct err **err)
{
	_cleanup_free_ char *prefix = NULL, *output = NULL, *load = NULL, *preload = NULL;
	if (asprintf(&prefix, "GCOV_PREFIX=%s", run->dir) < 0 ||
	    asprintf(&output, "LLVM_PROFILE_FILE=%s/%s", run->dir, profile) < 0 ||
	    asprintf(&load, WIRE_COVERAGE_LOAD "=%s", input) < 0 ||
	    asprintf(&preload, "LD_PRELOAD=%s", library ?: "") < 0)
		return -ENOMEM;
	const struct coverage_tool tool = {
		.argv = (const char *const[]){ program, library ? NULL : "--coverage-load", input, NULL },
		.env = (const char *const[]){ prefix, "GCOV_PREFIX_STRIP=0", output, "ASAN_OPTIONS=" WIRE_COVERAGE_ASAN,
					      library ? preload : NULL, load, NULL },
	};
	return coverage_tool_check(&tool, err);
}

static int keep_counters(struct coverage_run *run, const char *program, const struct coverage_counts *counts,
			 struct err **err)
{
	bool is_test = !strcmp(counts->path, COVERAGE_TEST);
	_cleanup_close_ int fd = make_input(counts), library_fd = is_test ? -1 : make_library();
	char input[40], library[40], profile[64];
	if (fd < 0 || (!is_test && library_fd < 0))
		return FAIL_SYS(err, fd < 0 ? fd : library_fd, "keep the counters of '%s'", program);
	snprintf(input, sizeof(input), "/proc/%d/fd/%d", getpid(), fd);
	snprintf(library, sizeof(library), "/proc/%d/fd/%d", getpid(), library_fd);
	snprintf(profile, sizeof(profile), "ktstr-test-%d-%u.profraw", getpid(), atomic_fetch_add(&run->files, 1));
	int r = is_test ? 0 : coverage_loads(program, err);
	if (r == 0)
		r = coverage_note_program(run->dir, program, profile, err);
	if (r == 0)
		r = write_files(run, program, input, is_test ? NULL : library, profile, err);
	return r < 0 ? err_wrap(err, r, "keep the counters of '%s'", program) : 0;
}

static int collect_program(struct coverage_run *run, coverage_locate_fn *locate, const void *data,
			   const struct coverage_region *region, uint32_t index, struct err **err)
{
	_cleanup_(coverage_counts_done) struct coverage_counts counts = { 0 };
	int r = coverage_sum(region, index, &counts, err);
	_cleanup_free_ char *program = locate(data, counts.path);
	if (r < 0)
		return err_wrap(err, r, "count what '%s' executes", program ?: counts.path);
	if (program)
		return keep_counters(run, program, &counts, err);
	atomic_fetch_add(&run->unknown, 1);
	return 0;
}

int coverage_collect(struct coverage_run *run, coverage_locate_fn *locate, const void *data, const uint8_t *region,
		     size_t size, struct err **err)
{
	struct coverage_region found;
	int r = coverage_region_open(region, size, &found, err);
	if (r < 0)
		return r;
	atomic_fetch_add(found.programs ? &run->machines : &run->bare, 1);
	atomic_fetch_add(&run->lost, found.lost);
	for (uint32_t i = 0; i < found.programs && r == 0; i++)
		r = collect_program(run, locate, data, &found, i, err);
	return r;
}
