/* SPDX-License-Identifier: GPL-2.0-only */
/* script.h -- which program a script needs to run, as its first line says ("#!", execve(2)). */
#ifndef KTSTR_IMAGE_SCRIPT_H
#define KTSTR_IMAGE_SCRIPT_H

#include "base/err.h"

struct script {
	char *interpreter;  /* absolute path; NULL: it is not a script */
	char *program;	    /* what `env` will start: its path on this machine; NULL: the interpreter is not env */
	char *program_name; /* as `env` is told */
};

void script_done(struct script *s);
/*
 * Reads the first line of an executable file; a file that is not executable is not a script. -ENOENT: the interpreter
 * is not on this machine. -EINVAL: Linux would look for a program that nobody meant, because the line ends in a
 * carriage return, or has a relative path. Errors name the script.
 */
int script_read(const char *path, struct script *ret, struct err **err);

#endif
