/* SPDX-License-Identifier: GPL-2.0-only */
/* collect.c -- see collect.h. */
#include <string.h>

#include "base/file.h"
#include "coverage/collect.h"
#include "coverage/data.h"
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

static int write_files(struct coverage_run *run, const char *program, const struct coverage_counts *counts,
		       struct err **err)
{
	_cleanup_close_ int fd = make_input(counts);
	_cleanup_free_ char *prefix = NULL, *profile = NULL;
	char input[40];
	if (fd < 0)
		return FAIL_SYS(err, fd, "keep the counters of '%s'", program);
	snprintf(input, sizeof(input), "/proc/%d/fd/%d", getpid(), fd);
	if (asprintf(&prefix, "GCOV_PREFIX=%s", run->dir) < 0 ||
	    asprintf(&profile, "LLVM_PROFILE_FILE=%s/ktstr-test-%d-%u.profraw", run->dir, getpid(),
		     atomic_fetch_add(&run->files, 1)) < 0)
		return -ENOMEM;
	const struct coverage_tool tool = {
		.argv = (const char *const[]){ program, "--coverage-load", input, NULL },
		.env = (const char *const[]){ prefix, "GCOV_PREFIX_STRIP=0", profile, NULL },
	};
	int r = coverage_note_program(run->dir, program, err);
	if (r == 0)
		r = coverage_tool_check(&tool, err);
	return r < 0 ? err_wrap(err, r, "keep the counters of '%s'", program) : 0;
}

int coverage_collect(struct coverage_run *run, const char *program, const uint8_t *region, size_t size,
		     struct err **err)
{
	_cleanup_(coverage_counts_done) struct coverage_counts counts = { 0 };
	struct err *why = NULL;
	int r = coverage_sum(region, size, &counts, &why);
	if (r == -ENODATA) {
		atomic_fetch_add(&run->bare, 1);
		return 0;
	}
	if (r < 0) {
		if (err)
			*err = why;
		return err_wrap(err, r, "count what '%s' executes", program);
	}
	atomic_fetch_add(&run->machines, 1);
	atomic_fetch_add(&run->lost, counts.lost);
	return write_files(run, program, &counts, err);
}
