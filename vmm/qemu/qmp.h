/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * qmp.h -- a parser for QEMU's monitor protocol (QEMU: docs/interop/qmp-spec.txt) without I/O: bytes in, events out.
 * Each line is a JSON object. QEMU's guest is hostile, so lines are limited and unknown messages ignored.
 */
#ifndef KTSTR_VMM_QEMU_QMP_H
#define KTSTR_VMM_QEMU_QMP_H

#include <jansson.h>

#include "base/buf.h"

#define QMP_LINE_BYTES_MAX ((size_t)4 << 20)

enum qmp_event {
	QMP_NONE,      /* no complete line left */
	QMP_GREETING,  /* answer with qmp_capabilities */
	QMP_RETURN,    /* `text`: a returned string, or empty */
	QMP_ERROR,     /* `text`: description */
	QMP_SHUTDOWN,  /* `text`: reason, such as guest-reset */
	QMP_STOP,      /* no processor runs any more */
	QMP_RESUME,    /* they run again */
	QMP_MIGRATION, /* `text`: status, such as completed or failed */
	QMP_OTHER,
};

struct qmp {
	struct buf in;
	struct buf text; /* of the event last returned */
};

void qmp_done(struct qmp *q);
/* -EMSGSIZE when a line would be longer than the limit. */
int qmp_feed(struct qmp *q, const char *data, size_t len);
/* The next event; -EBADMSG for a line that is not a JSON object. */
int qmp_next(struct qmp *q);

#define QMP_CAPABILITIES "{\"execute\":\"qmp_capabilities\"}\n"
#define QMP_REGISTERS                             \
	"{\"execute\":\"human-monitor-command\"," \
	"\"arguments\":{\"command-line\":\"info registers -a\"}}\n"

/*
 * Parking and cloning use QEMU's migration without the memory, which QEMU shares with us. Each command is sent in one
 * piece; "state" is a descriptor that is sent along with QMP_PARK.
 */
#define QMP_SHARED_RAM                                                                \
	"{\"execute\":\"migrate-set-capabilities\",\"arguments\":{\"capabilities\":[" \
	"{\"capability\":\"x-ignore-shared\",\"state\":true},{\"capability\":\"events\",\"state\":true}]}}\n"
#define QMP_TAKE_STATE "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"state\"}}\n"
#define QMP_CONTINUE   "{\"execute\":\"cont\"}\n"
#define QMP_QUIT       "{\"execute\":\"quit\"}\n"
#define QMP_PARK       QMP_CAPABILITIES QMP_SHARED_RAM QMP_TAKE_STATE QMP_CONTINUE
#define QMP_SAVE       "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"fd:state\"}}\n"
#define QMP_INCOMING   "{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"fd:7\"}}\n" /* QEMU_FD_STATE */
#define QMP_LOAD       QMP_CAPABILITIES QMP_SHARED_RAM QMP_INCOMING

#endif
