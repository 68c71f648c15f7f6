/* SPDX-License-Identifier: GPL-2.0-only */
/* qmp.c -- see qmp.h. */
#include <string.h>

#include "base/text.h"
#include "vmm/qemu/qmp.h"

void qmp_done(struct qmp *q)
{
	buf_done(&q->in);
	buf_done(&q->text);
}

int qmp_feed(struct qmp *q, const char *data, size_t len)
{
	if (q->in.len + len > QMP_LINE_BYTES_MAX)
		return -EMSGSIZE;
	buf_append(&q->in, data, len);
	return q->in.failed ? -ENOMEM : 0;
}

static void keep_text(struct qmp *q, const json_t *value)
{
	const char *s = json_string_value(value);
	buf_clear(&q->text);
	if (s)
		text_append(&q->text, s, strlen(s));
}

static enum qmp_event classify(struct qmp *q, const json_t *message)
{
	const json_t *value;
	if (json_object_get(message, "QMP"))
		return QMP_GREETING;
	if ((value = json_object_get(message, "return"))) {
		keep_text(q, value);
		return QMP_RETURN;
	}
	if ((value = json_object_get(message, "error"))) {
		keep_text(q, json_object_get(value, "desc"));
		return QMP_ERROR;
	}
	const char *event = json_string_value(json_object_get(message, "event"));
	if (event && !strcmp(event, "SHUTDOWN")) {
		keep_text(q, json_object_get(json_object_get(message, "data"), "reason"));
		return QMP_SHUTDOWN;
	}
	if (event && !strcmp(event, "STOP"))
		return QMP_STOP;
	if (event && !strcmp(event, "RESUME"))
		return QMP_RESUME;
	if (event && !strcmp(event, "MIGRATION")) {
		keep_text(q, json_object_get(json_object_get(message, "data"), "status"));
		return QMP_MIGRATION;
	}
	return QMP_OTHER;
}

int qmp_next(struct qmp *q)
{
	char *end = q->in.len ? memchr(q->in.data, '\n', q->in.len) : NULL;
	if (!end)
		return QMP_NONE;
	size_t len = (size_t)(end - q->in.data);
	json_t *message = json_loadb(q->in.data, len, 0, NULL);
	int r = json_is_object(message) ? (int)classify(q, message) : -EBADMSG;
	json_decref(message);
	buf_consume(&q->in, len + 1);
	return r;
}
