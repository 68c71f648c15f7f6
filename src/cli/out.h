/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * out.h -- standard output and standard error of this process, and the rule for its exit status. All commands write
 * through here, so that no failed write goes unnoticed.
 */
#ifndef KTSTR_CLI_OUT_H
#define KTSTR_CLI_OUT_H

#include <jansson.h>

#include "base/output.h"
#include "cli/status.h"

extern struct output standard_output, standard_error;

/*
 * Opens /dev/null for descriptors 0 to 2 that were closed at the start. Otherwise the next opened file would get such a
 * number, and output would be written into it.
 */
int standard_open(void);

void out_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
void out_buf(const struct buf *text);
void out_json(const json_t *value, bool pretty);

/*
 * Prints lines on standard error. Makes quoted text printable (text.h). A message begins with "error: ", "warning: " or
 * "note: " (message.h), and says what failed, on what object, and how to fix it.
 */
void say_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Records @status for the exit status of the process, in addition to the command's result. */
void status_note(int status);
/* The most important status that was recorded so far; 0: none. */
int status_noted(void);

/* Reports failed writes, and returns the exit status of the process. @command: the command's name, or NULL. */
int standard_close(const char *command, int status);

#endif
