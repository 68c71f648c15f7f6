/* SPDX-License-Identifier: GPL-2.0-only */
/* job_commands.h -- the commands of a kernel job: git, apt, make, objcopy. A handler of the job drives each. */
#ifndef KTSTR_KERNEL_JOB_COMMANDS_H
#define KTSTR_KERNEL_JOB_COMMANDS_H

#include "kernel/job.h"

/* All return 1 when the command has succeeded, 0 while it runs, negative with the job's error when it failed. */

int job_git(struct machine *m, int result, const char *const *argv);
/* Download the package that the job's id names into the work directory; unpack its tarball. */
int job_apt_download(struct machine *m, int result);
int job_apt_unpack(struct machine *m, int result);
int job_objcopy(struct machine *m, int result, const char *out);
/* Runs the kernel's own makefiles with the job's configuration, compiler and ccache. @targets: NULL-terminated. */
int job_make(struct machine *m, int result, const char *what, const char *const *targets);
/* Runs the tools' makefiles in the tree's @dir. They accept only a compiler name of one word. */
int job_make_tools(struct machine *m, int result, const char *what, const char *dir, const char *const *programs);

/* Callback of command_run: counts compiled files and warnings of the job @data. */
void job_count_line(void *data, const char *line);

#endif
