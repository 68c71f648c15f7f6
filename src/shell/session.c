/* SPDX-License-Identifier: GPL-2.0-only */
/* session.c -- see session.h. State handlers are in the order in which they run. */
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/bug.h"
#include "base/file.h"
#include "base/text.h"
#include "run/machine_card.h"
#include "shell/session.h"

#define PREPARE_DEADLINE (2 * NSEC_PER_MIN)
#define CLONE_DEADLINE	 (5 * NSEC_PER_MIN)
#define BOOT_DEADLINE	 (5 * NSEC_PER_MIN)
#define CONSOLE_SHOWN	 2000 /* bytes of the console that explain the end of a guest */

enum {
	SESSION_PREPARE,
	SESSION_CLONE,
	SESSION_START,
	SESSION_BOOT,
	SESSION_RUN,
	SESSION_STOP,
	SESSION_CLOSE,
	SESSION_COUNT
};

static struct session *session_of(struct machine *m)
{
	return container_of(m, struct session, machine);
}

static void fail_session(struct session *s)
{
	if (s->end == SESSION_LIVES)
		s->end = SESSION_FAILED;
}

/* --- PREPARE, on the offload pool: the initramfs ------------------------------------------------------------------ */

static int build_parts(struct session *s, bool plain, const struct buf *suffix)
{
	struct image_base_spec base = s->config->base;
	const struct cachefile_use use = { .cancel = &s->job.cancelled };
	int part[IMAGE_PARTS] = { -1, -1 }, r = 0;
	struct stat st = { 0 };
	base.use = &use;
	base.plain = plain;
	for (int i = 0; i < IMAGE_PARTS && r == 0; i++) {
		base.part = (enum image_part)i;
		r = image_base(&base, &part[i], &s->err);
	}
	if (r == 0 && fstat(part[IMAGE_COMMON], &st) < 0)
		r = FAIL_SYS(&s->err, -errno, "look at the initramfs");
	if (r == 0)
		r = image_memfd(part, /* hole= */ false, suffix, &s->job.cancelled, &s->initrd_fd, &s->err);
	if (r == 0)
		s->vm_config.initrd_known = (uint64_t)st.st_size;
	for (int i = 0; i < IMAGE_PARTS; i++)
		fd_close(part[i]);
	return r;
}

static int build_image(struct session *s, bool plain)
{
	_cleanup_buf_ struct buf suffix = BUF_NULL;
	struct image_suffix_spec spec = s->config->suffix;
	spec.plain = plain;
	s->initrd_fd = fd_close(s->initrd_fd);
	int r = image_suffix(&spec, &suffix, &s->err);
	return r == 0 ? build_parts(s, plain, &suffix) : r;
}

static bool fits_clone(const struct session *s)
{
	struct stat st;
	return fstat(s->initrd_fd, &st) == 0 &&
	       (uint64_t)st.st_size - s->vm_config.initrd_known <= CLONE_PAYLOAD_BYTES_MAX;
}

/* A clone's files have to fit into a limited space; otherwise the guest boots. */
static int prepare(void *arg)
{
	struct session *s = arg;
	bool clone = s->config->snapshot_cache != NULL;
	int r = build_image(s, clone);
	if (r == 0 && clone && !fits_clone(s))
		r = build_image(s, false);
	s->cloned = r == 0 && clone && fits_clone(s);
	return r;
}

static int session_prepare(struct machine *m, int result)
{
	struct session *s = session_of(m);
	(void)result;
	machine_offload(m, &s->job, prepare, s);
	return SESSION_CLONE;
}

/* --- CLONE, START ------------------------------------------------------------------------------------------------- */

static int session_clone(struct machine *m, int result)
{
	struct session *s = session_of(m);
	if (result < 0)
		return result;
	if (!s->cloned)
		return SESSION_START;
	s->clone_template = (struct clone_template){
		.backend = s->config->backend,
		.config = s->vm_config,
		.kernel = s->config->kernel,
		.test = s->config->base.test,
		.cache_dir = s->config->snapshot_cache,
		.image_cache = s->config->image_cache,
	};
	clone_template_start(m->reactor, &s->clone_template, m);
	machine_await(m, &s->clone_template.machine);
	return SESSION_START;
}

static int connect_port(struct session *s, int *ret_peer)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return FAIL_SYS(&s->err, -errno, "connect the guest's serial port");
	s->terminal_fd = pair[0];
	*ret_peer = pair[1];
	return 0;
}

static int start_machine(struct session *s)
{
	_cleanup_close_ int peer = -1;
	const struct session_config *c = s->config;
	int r = connect_port(s, &peer);
	s->vm_config.terminal = &peer;
	s->vm_config.initrd_fd = s->initrd_fd;
	s->vm_config.clone = s->cloned ? &s->clone_template.snapshot : NULL;
	if (r == 0)
		s->vm = c->backend->create();
	if (r == 0 && !s->vm)
		r = -ENOMEM;
	if (r == 0)
		r = c->backend->start(s->vm, s->machine.reactor, &s->vm_config, &s->machine, &s->err);
	if (r < 0 && s->vm) {
		c->backend->destroy(s->vm);
		s->vm = NULL;
	}
	s->vm_config.terminal = NULL;
	if (r == 0)
		s->card_fd = machine_card_show(s->vm, &s->vm_config, &c->card);
	return r < 0 ? err_wrap(&s->err, r, "start the virtual machine") : 0;
}

/* Without a usable template the guest boots. */
static int session_start_machine(struct machine *m, int result)
{
	struct session *s = session_of(m);
	const struct session_config *c = s->config;
	(void)result;
	s->cloned = s->cloned && s->clone_template.snapshot.fd >= 0;
	result = start_machine(s);
	if (result < 0)
		return result;
	s->port = (struct port){
		.fd = s->terminal_fd,
		.out = c->out,
		.err = c->err,
		.news = &s->vm->changed,
	};
	port_start(&s->port, m->reactor, m);
	return SESSION_BOOT;
}

/* --- BOOT, RUN ---------------------------------------------------------------------------------------------------- */

/* In a raw terminal, a line feed does not move the cursor to the first column. */
static void append_lines(struct buf *out, const struct buf *text)
{
	for (size_t i = 0; i < text->len; i++) {
		if (text->data[i] == '\n')
			buf_puts(out, "\r");
		buf_append(out, text->data + i, 1);
	}
}

/* Prints what is new on the console, which also keeps it below the limit of its size. */
static void show_kernel_log(struct session *s)
{
	_cleanup_buf_ struct buf text = BUF_NULL, lines = BUF_NULL;
	const struct buf *console = &s->vm->console;
	if (!s->config->kernel_log || console->len == s->log_shown)
		return;
	text_append(&text, console->data + s->log_shown, console->len - s->log_shown);
	s->log_shown = console->len;
	append_lines(&lines, &text);
	const struct buf *shown = s->config->terminal && s->config->terminal->raw ? &lines : &text;
	fd_write_full(s->config->err, shown->data, shown->len);
}

/* The guest's PID 1 has no other way to say why there is no session. */
static void append_init_log(struct session *s, struct buf *out)
{
	struct wire_item item;
	while (s->config->backend->next_record(s->vm, &item, NULL) > 0) {
		struct wire_text head;
		if (item.type != WIRE_TEXT || item.length < sizeof(head))
			continue;
		memcpy(&head, item.payload, sizeof(head));
		if (head.stream == WIRE_STREAM_INIT)
			text_append(out, (const char *)item.payload + sizeof(head), item.length - sizeof(head));
	}
}

/* The machine has ended before the session. */
static int explain_end(struct session *s)
{
	static const char *const ends[] = {
		[VM_END_EXIT] = "the guest switched itself off",
		[VM_END_RESET] = "the guest's kernel panicked or reset the machine",
		[VM_END_KILLED] = "the guest was stopped",
		[VM_END_DIED] = "the process of the virtual machine was killed or failed",
	};
	struct buf *text = &s->last_words;
	const struct buf *console = &s->vm->console;
	size_t from = console->len - MIN_OF(console->len, (size_t)CONSOLE_SHOWN);
	append_init_log(s, text);
	if (console->len && !s->config->kernel_log)
		text_append(text, console->data + from, console->len - from);
	buf_append(text, s->vm->stderr_text.data, s->vm->stderr_text.len);
	if (text->len && text->data[text->len - 1] != '\n')
		buf_puts(text, "\n");
	const char *end = s->vm->end < ARRAY_SIZE(ends) && ends[s->vm->end] ? ends[s->vm->end] : "the guest ended";
	return FAIL(&s->err, ERR_MISSING, -EIO, "%s before the session was over", end);
}

static int check_port(struct session *s)
{
	const struct port *p = &s->port;
	if (*p->problem)
		return FAIL(&s->err, ERR_MISSING, -ENOENT, "%s", p->problem);
	if (p->failure == -EBADMSG || p->failure == -ENOMEM)
		return FAIL_SYS(&s->err, p->failure, "read what the guest sends");
	if (p->failure == -EIO && s->config->terminal)
		return 0; /* the terminal is gone: RUN notices */
	return p->failure ? FAIL_SYS(&s->err, p->failure, "write the guest's output") : 0;
}

static int session_boot(struct machine *m, int result)
{
	struct session *s = session_of(m);
	const struct session_config *c = s->config;
	(void)result;
	show_kernel_log(s);
	result = check_port(s);
	if (result == 0 && s->vm->ended)
		result = explain_end(s);
	if (result < 0)
		return result;
	if (!s->port.met) {
		machine_wait_notice(m, &s->vm->changed);
		return SESSION_BOOT;
	}
	if (c->began)
		c->began(c->data, s->cloned);
	return SESSION_RUN;
}

static int begin(struct session *s)
{
	const struct session_config *c = s->config;
	s->begun = true;
	s->keyboard = (struct keyboard){
		.fd = c->terminal ? c->terminal->fd : c->in,
		.terminal = c->terminal != NULL,
		.port = &s->port,
		.news = &s->vm->changed,
	};
	if (c->terminal && terminal_make_raw(c->terminal) < 0)
		return FAIL_SYS(&s->err, -errno, "make the terminal raw");
	if (c->terminal)
		port_resize(&s->port, terminal_size(c->terminal->fd));
	if (s->keyboard.fd >= 0)
		keyboard_start(&s->keyboard, s->machine.reactor, &s->machine);
	return 0;
}

static enum session_end look_for_end(const struct session *s)
{
	if (s->port.exited && !*s->port.problem)
		return SESSION_ENDED;
	if (s->keyboard.stopped)
		return SESSION_QUIT;
	bool gone = s->keyboard.closed || s->port.failure == -EIO;
	return s->config->terminal && gone ? SESSION_HUNG_UP : SESSION_LIVES;
}

static int session_run(struct machine *m, int result)
{
	struct session *s = session_of(m);
	result = s->begun ? 0 : begin(s);
	if (m->first_entry)
		machine_deadline(m, s->config->limit);
	show_kernel_log(s);
	if (result == 0)
		result = check_port(s);
	s->end = result == 0 ? look_for_end(s) : s->end;
	s->status = s->port.status;
	if (result == 0 && s->end == SESSION_LIVES && s->vm->ended && s->port.live < 2)
		result = explain_end(s);
	if (result < 0)
		return result;
	if (s->end != SESSION_LIVES)
		return SESSION_STOP;
	machine_wait_notice(m, &s->vm->changed);
	return SESSION_RUN;
}

/* --- STOP, CLOSE -------------------------------------------------------------------------------------------------- */

static int session_stop(struct machine *m, int result)
{
	struct session *s = session_of(m);
	(void)result;
	fail_session(s);
	if (!s->vm || s->vm->ended)
		return SESSION_CLOSE;
	if (!s->killed)
		s->config->backend->kill(s->vm, false);
	s->killed = true;
	machine_wait_notice(m, &s->vm->changed);
	return SESSION_STOP;
}

static int session_close(struct machine *m, int result)
{
	struct session *s = session_of(m);
	(void)result;
	if (s->port.live)
		port_cancel(&s->port);
	if (s->keyboard.live)
		machine_cancel(&s->keyboard.machine);
	if (!s->port.live && !s->keyboard.live)
		return MACHINE_END;
	machine_wait_notice(m, &s->vm->changed);
	return SESSION_CLOSE;
}

static const struct machine_state states[SESSION_COUNT] = {
	[SESSION_PREPARE] = { "prepare", session_prepare, PREPARE_DEADLINE, SESSION_STOP,
			      TO(SESSION_CLONE) | TO(SESSION_STOP) },
	[SESSION_CLONE] = { "clone", session_clone, CLONE_DEADLINE, SESSION_STOP,
			    TO(SESSION_START) | TO(SESSION_STOP) },
	[SESSION_START] = { "start", session_start_machine, DEADLINE_NONE, SESSION_STOP,
			    TO(SESSION_BOOT) | TO(SESSION_STOP) },
	[SESSION_BOOT] = { "boot", session_boot, BOOT_DEADLINE, SESSION_STOP, TO(SESSION_RUN) | TO(SESSION_STOP) },
	[SESSION_RUN] = { "run", session_run, DEADLINE_NONE, SESSION_STOP, TO(SESSION_STOP) },
	[SESSION_STOP] = { "stop", session_stop, DEADLINE_NONE, 0, TO(SESSION_CLOSE), .shielded = true },
	[SESSION_CLOSE] = { "close", session_close, DEADLINE_NONE, 0, TO_END, .shielded = true },
};

static void explain_failure(struct session *s, int result)
{
	if (s->err || result == 0)
		return;
	if (result == -ECANCELED)
		FAIL(&s->err, ERR_INTERRUPTED, result, "the session was interrupted");
	else if (result == -ETIME && s->machine.failed_in == SESSION_RUN)
		FAIL(&s->err, ERR_BUSY, result, "the session took longer than its limit of %lu s",
		     (unsigned long)(s->config->limit / NSEC_PER_SEC));
	else
		FAIL_SYS(&s->err, result, "run the session");
}

static void machine_ended(struct machine *m, int result)
{
	struct session *s = session_of(m);
	if (result < 0)
		s->end = SESSION_FAILED;
	explain_failure(s, result);
	if (s->vm)
		s->config->backend->destroy(s->vm);
	s->vm = NULL;
}

static const struct machine_type session_type = { "session", states, SESSION_COUNT, machine_ended };

void session_start(struct session *s, struct reactor *r, const struct session_config *config)
{
	*s = (struct session){
		.config = config, .vm_config = config->machine, .initrd_fd = -1, .terminal_fd = -1, .card_fd = -1
	};
	s->clone_template.snapshot = SNAPSHOT_NULL;
	/* Also a template has the port, to which nothing is connected. */
	static const int unconnected = -1;
	s->vm_config.terminal = &unconnected;
	machine_start(r, &s->machine, &session_type, NULL, "session");
}

void session_resized(struct session *s)
{
	if (s->begun && s->config->terminal && s->port.live)
		port_resize(&s->port, terminal_size(s->config->terminal->fd));
}

void session_done(struct session *s)
{
	port_done(&s->port);
	if (s->clone_template.backend)
		clone_template_done(&s->clone_template);
	s->initrd_fd = fd_close(s->initrd_fd);
	s->terminal_fd = fd_close(s->terminal_fd);
	s->card_fd = fd_close(s->card_fd);
	s->err = err_free(s->err);
	buf_done(&s->last_words);
}
