/* SPDX-License-Identifier: GPL-2.0-only */
/* trace.c -- see trace.h. Lines are collected while a write is under way, and written by the next one. */
#include <fcntl.h>
#include <string.h>

#include "base/bug.h"
#include "base/text.h"
#include "reactor/machine.h"
#include "reactor/trace.h"

#define WRITE_BYTES_MAX ((size_t)1 << 20)
#define PATH_BYTES	256

/* A row: used by one machine at a time, always of the same type. */
struct row {
	const struct machine *machine; /* NULL: free */
	const struct machine_type *type;
};

struct trace {
	struct reactor *reactor;
	struct op op;
	struct buf pending, writing;
	size_t written; /* of `writing` */
	nsec_t began;
	struct row *row;
	size_t rows;
	char *path;
	int fd, failure;
	bool any; /* an event was written: the next one starts with a comma */
};

/* --- the file ----------------------------------------------------------------------------------------------------- */

static void submit(struct trace *t)
{
	t->op.buf = t->writing.data + t->written;
	t->op.len = (uint32_t)MIN_OF(t->writing.len - t->written, WRITE_BYTES_MAX);
	op_submit(t->reactor, &t->op);
}

static void flush(struct trace *t)
{
	if (t->pending.failed || t->pending.len > TRACE_PENDING_MAX)
		t->failure = t->failure ? t->failure : t->pending.failed ? -ENOMEM : -EOVERFLOW;
	if (t->failure)
		buf_clear(&t->pending);
	if (t->op.phase != OP_IDLE || !t->pending.len)
		return;
	struct buf spare = t->writing;
	t->writing = t->pending;
	t->pending = spare;
	t->written = 0;
	submit(t);
}

static void on_written(struct op *op)
{
	struct trace *t = container_of(op, struct trace, op);
	if (op->result > 0)
		t->written += (size_t)op->result;
	else if (op->result != -EINTR)
		t->failure = op->result ? op->result : -EIO;
	if (!t->failure && t->written < t->writing.len) {
		submit(t);
		return;
	}
	buf_clear(&t->writing);
	flush(t);
}

/* --- events ------------------------------------------------------------------------------------------------------- */

static void put_text(struct buf *out, const char *key, const char *text)
{
	buf_appendf(out, "\"%s\":\"", key);
	text_append_json(out, text, strlen(text));
	buf_puts(out, "\"");
}

static void begin_event(struct trace *t, char phase, size_t row)
{
	nsec_t at = reactor_now(t->reactor) - t->began;
	buf_appendf(&t->pending, "%s{\"ph\":\"%c\",\"pid\":1,\"tid\":%zu,\"ts\":%ld.%03ld", t->any ? ",\n" : "", phase,
		    row + 1, at / NSEC_PER_USEC, at % NSEC_PER_USEC);
	t->any = true;
}

static void put_state(struct trace *t, size_t row, const struct machine *m, unsigned state)
{
	begin_event(t, 'B', row);
	buf_puts(&t->pending, ",\"cat\":\"state\",");
	put_text(&t->pending, "name", m->type->states[state].name);
	buf_puts(&t->pending, "}");
}

static void put_begin(struct trace *t, size_t row, const struct machine *m)
{
	char path[PATH_BYTES];
	begin_event(t, 'B', row);
	buf_puts(&t->pending, ",\"cat\":\"machine\",");
	put_text(&t->pending, "name", m->name);
	buf_puts(&t->pending, ",\"args\":{");
	put_text(&t->pending, "path", machine_path(m, path, sizeof(path)));
	buf_puts(&t->pending, "}}");
}

static void put_end(struct trace *t, size_t row)
{
	begin_event(t, 'E', row);
	buf_puts(&t->pending, "}");
}

static void put_result(struct trace *t, size_t row, int result)
{
	begin_event(t, 'E', row);
	buf_appendf(&t->pending, ",\"args\":{\"result\":%d}}", result);
}

/* "attempt 2": the second row of its type. */
static void put_row_name(struct trace *t, size_t row)
{
	unsigned number = 1;
	for (size_t i = 0; i < row; i++)
		number += t->row[i].type == t->row[row].type;
	begin_event(t, 'M', row);
	buf_puts(&t->pending, ",\"name\":\"thread_name\",\"args\":{\"name\":\"");
	text_append_json(&t->pending, t->row[row].type->name, strlen(t->row[row].type->name));
	buf_appendf(&t->pending, " %u\"}}", number);
}

/* --- rows --------------------------------------------------------------------------------------------------------- */

static bool find_row(const struct trace *t, const struct machine *m, size_t *ret)
{
	for (size_t i = 0; i < t->rows; i++) {
		if (t->row[i].machine == m) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static int take_row(struct trace *t, const struct machine *m, size_t *ret)
{
	for (size_t i = 0; i < t->rows; i++) {
		if (!t->row[i].machine && t->row[i].type == m->type) {
			t->row[i].machine = m;
			*ret = i;
			return 0;
		}
	}
	struct row *row = realloc(t->row, (t->rows + 1) * sizeof(*row));
	if (!row)
		return -ENOMEM;
	t->row = row;
	t->row[t->rows] = (struct row){ .machine = m, .type = m->type };
	*ret = t->rows++;
	put_row_name(t, *ret);
	return 0;
}

static void on_change(void *data, const struct machine *m, unsigned from, unsigned to)
{
	struct trace *t = data;
	size_t row;
	bool known = find_row(t, m, &row);
	(void)from;
	if (t->failure)
		return;
	if (!known && to == MACHINE_END)
		return;
	if (!known) {
		t->failure = take_row(t, m, &row);
		if (t->failure)
			return;
		put_begin(t, row, m);
	} else {
		put_end(t, row);
	}
	if (to == MACHINE_END) {
		put_result(t, row, m->result);
		t->row[row].machine = NULL;
	} else {
		put_state(t, row, m, to);
	}
	flush(t);
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static void trace_free(struct trace *t)
{
	fd_close(t->fd);
	buf_done(&t->pending);
	buf_done(&t->writing);
	free(t->row);
	free(t->path);
	free(t);
}

int trace_open(struct trace **ret, struct reactor *r, const char *path, struct err **err)
{
	struct trace *t = calloc(1, sizeof(*t));
	if (!t)
		return FAIL_SYS(err, -ENOMEM, "open the trace '%s'", path);
	*t = (struct trace){ .reactor = r, .began = reactor_now(r), .path = strdup(path) };
	t->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	int result = t->fd < 0 ? -errno : t->path ? 0 : -ENOMEM;
	if (result < 0) {
		trace_free(t);
		return FAIL(err, ERR_USAGE, result, "open the trace '%s': %s", path, strerror(-result));
	}
	t->op = (struct op){ .kind = OP_WRITE, .fd = t->fd, .offset = OP_STREAM, .done = on_written };
	buf_puts(&t->pending, "[\n");
	r->observe = on_change;
	r->observe_data = t;
	flush(t);
	*ret = t;
	return 0;
}

/* Ends the slices of machines that still live, and those of their states. */
static void end_slices(struct trace *t)
{
	for (size_t i = 0; i < t->rows; i++) {
		if (t->row[i].machine) {
			put_end(t, i);
			put_end(t, i);
		}
	}
	buf_puts(&t->pending, "\n]\n");
}

int trace_close(struct trace *t, struct err **err)
{
	if (!t)
		return 0;
	REQUIRE(t->reactor->observe_data == t);
	t->reactor->observe = NULL;
	t->reactor->observe_data = NULL;
	end_slices(t);
	flush(t);
	while (t->op.phase != OP_IDLE)
		REQUIRE(reactor_turn(t->reactor, NSEC_NEVER) == 0);
	int result = t->failure;
	if (result < 0)
		FAIL(err, ERR_OUTPUT, result, "write the trace '%s': %s", t->path, strerror(-result));
	trace_free(t);
	return result;
}
