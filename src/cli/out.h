/* SPDX-License-Identifier: GPL-2.0-only */
/* out.h -- the two outputs of this process. Every command writes standard output through here, so that none is lost
 * silently; and the one rule for the exit status. */
#ifndef KTSTR_CLI_OUT_H
#define KTSTR_CLI_OUT_H

#include <jansson.h>

#include "base/output.h"

extern struct output standard_output, standard_error;

/* Descriptors 0 to 2 that were closed at start become /dev/null: otherwise the next file that is opened is one of
 * them, and is written into. */
int standard_open(void);

void out_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);
void out_buf(const struct buf *text);
void out_json(const json_t *value, bool pretty);

/*
 * Lines on standard error; what they quote is made printable (text.h). A message begins with its kind, "error: ",
 * "warning: " or "note: " (message.h), and says what failed, on what, and what to do.
 */
void say_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* Of two exit statuses of one run, the one that counts: 130, 70, 74, other errors, 1, 2, 0. */
int status_first(int a, int b);

/* Lets @status count for the exit status of the process, beside what the command comes to. */
void status_note(int status);

/* Says what was lost of the outputs, if anything; the exit status of the process. @command: its name, or NULL. */
int standard_close(const char *command, int status);

#endif
