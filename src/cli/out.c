/* SPDX-License-Identifier: GPL-2.0-only */
/* out.c -- see out.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/message.h"
#include "base/text.h"
#include "cli/out.h"

struct output standard_output = { .fd = STDOUT_FILENO, .name = "standard output" };
struct output standard_error = { .fd = STDERR_FILENO, .name = "standard error" };

int standard_open(void)
{
	/* Output to a closed descriptor is lost, so a write to it must fail. Messages may be unwanted. */
	static const int modes[] = { O_RDONLY, O_RDONLY, O_RDWR };
	/* open() returns the lowest free number, which is @fd, because lower ones are open by now. */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
			return errno ? -errno : -EBADF;
	return 0;
}

void out_printf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	output_vprintf(&standard_output, fmt, ap);
	va_end(ap);
}

void out_buf(const struct buf *text)
{
	output_buf(&standard_output, text);
}

void out_json(const json_t *value, bool pretty)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	json_print(value, pretty, &text);
	out_buf(&text);
}

void say_printf(const char *fmt, ...)
{
	_cleanup_buf_ struct buf raw = BUF_NULL, clean = BUF_NULL, text = BUF_NULL;
	struct term t = term_probe(STDERR_FILENO);
	va_list ap;
	va_start(ap, fmt);
	buf_vappendf(&raw, fmt, ap);
	va_end(ap);
	text_append(&clean, buf_str(&raw), raw.len);
	message_append(&text, &t, buf_str(&clean));
	text.failed |= raw.failed || clean.failed;
	output_buf(&standard_error, &text);
}

static int noted;

void status_note(int status)
{
	noted = status_first(noted, status);
}

int status_noted(void)
{
	return noted;
}

/* The advice for output that could not be written. */
static const char *remedy(int error)
{
	switch (error) {
	case -EPIPE:
		return "the program that reads it has ended; let it read to the end, or write to a file";
	case -ENOSPC:
	case -EDQUOT:
	case -EFBIG:
		return "free some space or write it elsewhere, and run again";
	default:
		return "write it elsewhere, and run again";
	}
}

int standard_close(const char *command, int status)
{
	_cleanup_err_ struct err *err = NULL;
	_cleanup_buf_ struct buf what = BUF_NULL, text = BUF_NULL;
	buf_appendf(&what, "the output of 'ktstr%s%s'", command ? " " : "", command ? command : "");
	if (output_end(&standard_output, buf_str(&what), &err) < 0) {
		err_format(err, &text);
		say_printf("error: %s; %s\n", buf_str(&text), remedy(standard_output.error));
		status = status_first(status, EXIT_NO_OUTPUT);
	}
	/* Messages cannot be written, so there is no way to report this. */
	if (ferror(stderr) || output_end(&standard_error, "messages", NULL) < 0)
		status = status_first(status, EXIT_NO_OUTPUT);
	return status_first(status, noted);
}
