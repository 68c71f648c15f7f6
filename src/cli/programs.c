/* SPDX-License-Identifier: GPL-2.0-only */
/* programs.c -- see programs.h. */
#include "cli/programs.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"

extern const char blob_cell_start[], blob_cell_end[];
extern const char blob_battery_start[], blob_battery_end[];
extern const char blob_from_file_start[], blob_from_file_end[];

static int open_blob(struct program *p, const char *name, const char *start, const char *end, struct err **err)
{
	if (p->fd >= 0)
		return 0;
	p->fd = memfd_new(name, 0);
	int r = p->fd < 0 ? p->fd : fd_write_full(p->fd, start, (size_t)(end - start));
	snprintf(p->path, sizeof(p->path), "/proc/%d/fd/%d", getpid(), p->fd);
	return r < 0 ? FAIL_SYS(err, r, "make the program %s", name) : 0;
}

int program_open_cell(struct program *p, struct err **err)
{
	return open_blob(p, "ktstr-cell", blob_cell_start, blob_cell_end, err);
}

int program_open_battery(struct program *p, struct err **err)
{
	return open_blob(p, "ktstr-try", blob_battery_start, blob_battery_end, err);
}

int program_open_from_file(struct program *p, struct err **err)
{
	return open_blob(p, "ktstr-from-file", blob_from_file_start, blob_from_file_end, err);
}

void program_done(struct program *p)
{
	p->fd = fd_close(p->fd);
}
