/* SPDX-License-Identifier: GPL-2.0-only */
/* output.c -- see output.h. */
#include <fcntl.h>
#include <poll.h>
#include <string.h>

#include "base/output.h"

/* Returns the number of bytes that were written. If not all were, o->error is the reason. */
static size_t write_some(struct output *o, const char *data, size_t len)
{
	size_t done = 0;
	while (done < len) {
		ssize_t n = write(o->fd, data + done, len - done);
		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		/* The descriptor may be non-blocking, because another process that shares it made it so. */
		struct pollfd ready = { .fd = o->fd, .events = POLLOUT };
		if (n < 0 && (errno == EINTR || (errno == EAGAIN && poll(&ready, 1, -1) >= 0)))
			continue;
		o->error = n < 0 ? -errno : -EIO;
		break;
	}
	return done;
}

void output_write(struct output *o, const void *data, size_t len)
{
	const char *text = data;
	size_t done = o->error ? 0 : write_some(o, text, len);
	o->lost_bytes += len - done;
	for (size_t i = done; i < len; i++)
		o->lost_lines += text[i] == '\n';
}

void output_buf(struct output *o, const struct buf *text)
{
	if (text->len)
		output_write(o, text->data, text->len);
	if (text->failed && !o->error)
		o->error = -ENOMEM;
}

void output_vprintf(struct output *o, const char *fmt, va_list ap)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	buf_vappendf(&text, fmt, ap);
	output_buf(o, &text);
}

void output_printf(struct output *o, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	output_vprintf(o, fmt, ap);
	va_end(ap);
}

/* Network file systems and quotas may report an error only on close(). Closing a duplicate reports it, too. */
static int late_error(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return copy >= 0 && close(copy) < 0 ? -errno : 0;
}

int output_end(struct output *o, const char *what, struct err **err)
{
	int late = o->error ? 0 : late_error(o->fd);
	o->error = o->error ? o->error : late;
	if (!o->error)
		return 0;
	if (o->lost_bytes)
		return FAIL(err, ERR_OUTPUT, -EIO, "write %s: %s; %lu bytes (%lu line%s) of %s are lost", o->name,
			    strerror(-o->error), o->lost_bytes, o->lost_lines, o->lost_lines == 1 ? "" : "s", what);
	return FAIL(err, ERR_OUTPUT, -EIO, "write %s: %s; some of %s is lost", o->name, strerror(-o->error), what);
}
