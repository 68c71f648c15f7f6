/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * session.h -- one guest with a shell or a command in it, from the image to the end of the machine:
 *
 *   PREPARE > CLONE > START > BOOT > RUN > STOP > CLOSE
 *
 * CLONE gets the machine to copy; without one the guest boots. BOOT ends with the guest's HELLO, RUN with the session's
 * last frame, Ctrl-A X, a closed terminal, or the end of the machine. Every cancel and missed deadline leads to STOP.
 */
#ifndef KTSTR_SHELL_SESSION_H
#define KTSTR_SHELL_SESSION_H

#include "image/image.h"
#include "run/clone_template.h"
#include "run/machine_card.h"
#include "shell/keyboard.h"
#include "shell/port.h"
#include "shell/terminal.h"

enum session_end {
	SESSION_LIVES,
	SESSION_ENDED,	 /* by the shell or the command: `status` */
	SESSION_QUIT,	 /* by Ctrl-A X */
	SESSION_HUNG_UP, /* the terminal is gone */
	SESSION_FAILED,	 /* `err` says why */
};

struct session_config {
	const struct vm_backend *backend;
	struct machine_card card;		/* what others see of the machine; as machine_card_show() wants it */
	struct vm_config machine;		/* without initrd_fd, terminal and clone */
	const char *kernel;			/* the original kernel file; `machine` may boot a copy */
	struct image_base_spec base;		/* without `part` and `plain` */
	struct image_suffix_spec suffix;	/* with `session` */
	const char *image_cache;		/* or NULL */
	const char *snapshot_cache;		/* NULL: the guest boots */
	struct terminal *terminal;		/* of a shell; NULL: a command */
	int in, out, err;			/* `in` -1: no input; a terminal is read instead */
	bool kernel_log;			/* print the guest's console on `err` */
	nsec_t limit;				/* longest time of the session, from HELLO */
	void (*began)(void *data, bool cloned); /* the guest has said HELLO; may be NULL */
	void *data;
};

struct session {
	const struct session_config *config;
	enum session_end end;
	int32_t status; /* as waitpid(2) */
	bool cloned;
	struct err *err;
	struct buf last_words; /* lines of the guest that explain why it failed; clean text */
	/* private */
	struct machine machine;
	struct offload_job job;
	struct clone_template clone_template;
	struct vm_config vm_config;
	struct vm *vm;
	struct port port;
	struct keyboard keyboard;
	struct notice news; /* while there is no machine */
	struct buf kernel_log;
	size_t log_shown;
	int initrd_fd, terminal_fd, card_fd;
	bool begun, killed;
};

/* Starts it; the caller runs the reactor, and then calls session_done(). */
void session_start(struct session *s, struct reactor *r, const struct session_config *config);
/* The user's terminal has another size. */
void session_resized(struct session *s);
void session_done(struct session *s);

#endif
