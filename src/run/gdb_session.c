/* SPDX-License-Identifier: GPL-2.0-only */
/* gdb_session.c -- see gdb_session.h. Packets are served on the offload pool, while the guest stands still. */
#include "run/gdb_session.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/text.h"
#include "monitor/dump.h"
#include "run/gdb_protocol.h"

#define POLL_MS		100
#define MEMORY_MAX	1024 /* bytes of one request */
#define BREAKPOINTS_MAX 32
#define BACK_MOST	(1u << 20)

/* What the next machine is to do. */
enum goal {
	GOAL_STOP,	  /* stop where `stop` says */
	GOAL_LAST_HIT,	  /* find the last breakpoint before `here`, then stop at it */
	GOAL_LAST_CHANGE, /* the same of the last change of `expression` */
	GOAL_QUIT,
};

struct position {
	uint32_t vcpu;
	uint64_t guest_ns;
};

struct session {
	int listener, fd;
	bool (*alive)(void *data);
	void *alive_data;
	struct gdb_reader reader;
	bool no_acks;
	bool asked;			      /* gdb waits for the answer to "monitor", not for a stop */
	bool decided;			      /* gdb said what the next machine is to do */
	bool at_end;			      /* the run came to its end; gdb is told once */
	uint64_t breakpoint[BREAKPOINTS_MAX]; /* addresses; 0: free */
	/* Of the present stop. */
	struct vm *vm;
	const struct inspect_config *config;
	struct position here;
	unsigned thread; /* whose registers are read, from 0 */
	uint64_t step_ns;
	/* The next one. */
	enum goal goal;
	struct debug_config stop;
	uint64_t back; /* nanoseconds of a reverse step */
	bool at_begin;
	char expression[256];
};

/* --- sending ------------------------------------------------------------------------------------------------------ */

static int send_all(struct session *s, const struct buf *text)
{
	for (size_t at = 0; at < text->len;) {
		ssize_t n = send(s->fd, text->data + at, text->len - at, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return -errno;
		at += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int reply(struct session *s, const char *data, size_t len)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	gdb_put(&out, data, len);
	return out.failed ? -ENOMEM : send_all(s, &out);
}

static int reply_text(struct session *s, const char *text)
{
	return reply(s, text, strlen(text));
}

static int reply_stop(struct session *s)
{
	char text[64];
	const char *edge = s->at_begin ? "replaylog:begin;" : s->at_end ? "replaylog:end;" : "";
	snprintf(text, sizeof(text), "T05thread:%x;%s", s->here.vcpu + 1, edge);
	s->at_begin = s->at_end = false;
	s->thread = s->here.vcpu;
	return reply_text(s, text);
}

/* --- registers and memory ----------------------------------------------------------------------------------------- */

/* gdb's order for x86-64: RAX RBX RCX RDX RSI RDI RBP RSP R8 - R15 RIP, flags and segments, which are not known. */
static int reply_registers(struct session *s)
{
	static const uint8_t order[] = { RAX, RBX, RCX, RDX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14, R15 };
	_cleanup_buf_ struct buf out = BUF_NULL;
	const struct observe_stop *stop = s->vm->stop;
	if (s->thread >= stop->vcpus)
		return reply_text(s, "E01");
	const struct observe_registers *r = &stop->registers[s->thread];
	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		gdb_put_hex(&out, &r->general[order[i]], sizeof(uint64_t));
	gdb_put_hex(&out, &r->rip, sizeof(r->rip));
	for (unsigned i = 0; i < 7; i++)
		buf_puts(&out, "xxxxxxxx");
	return out.failed ? -ENOMEM : reply(s, out.data, out.len);
}

static int reply_memory(struct session *s, const char *text)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	uint64_t at, len;
	char data[MEMORY_MAX];
	if (!gdb_number(&text, ',', &at) || !gdb_number(&text, '\0', &len) || !len)
		return reply_text(s, "E01");
	len = MIN_OF(len, (uint64_t)sizeof(data));
	/* The part up to the end of the page is there, even if the next page is not. */
	if (!view_read(s->config->view, at, data, len)) {
		len = MIN_OF(len, 4096 - at % 4096);
		if (!view_read(s->config->view, at, data, len))
			return reply_text(s, "E14");
	}
	gdb_put_hex(&out, data, len);
	return out.failed ? -ENOMEM : reply(s, out.data, out.len);
}

/* --- threads ------------------------------------------------------------------------------------------------------ */

static int reply_threads(struct session *s)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	for (unsigned i = 0; i < s->vm->stop->vcpus; i++)
		buf_appendf(&out, "%s%x", i ? "," : "m", i + 1);
	return out.failed ? -ENOMEM : reply(s, out.data, out.len);
}

static void name_task(struct session *s, unsigned cpu, char *out, size_t size)
{
	struct inspector in;
	char comm[32] = "";
	uint64_t rq = view_per_cpu(s->config->view, "runqueues", cpu), task;
	if (inspect_begin(&in, s->config) < 0)
		return;
	task = inspect_get(&in, LAYOUT_RQ_CURR, rq);
	inspect_member_text(&in, LAYOUT_TASK_COMM, task, comm, sizeof(comm));
	snprintf(out, size, "CPU %u: %s[%d]", cpu, comm, (int)inspect_get(&in, LAYOUT_TASK_PID, task));
	inspect_end(&in);
}

static int reply_thread_name(struct session *s, const char *text)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	char name[80] = "";
	uint64_t thread;
	if (!gdb_number(&text, '\0', &thread) || !thread || thread > s->vm->stop->vcpus)
		return reply_text(s, "E01");
	name_task(s, (unsigned)thread - 1, name, sizeof(name));
	gdb_put_hex(&out, name, strlen(name));
	return out.failed ? -ENOMEM : reply(s, out.data, out.len);
}

/* "Hg2": registers of this thread. 0 and -1 mean any. */
static int choose_thread(struct session *s, const char *text)
{
	uint64_t thread;
	if (*text == 'g' && text[1] != '-') {
		text++;
		if (!gdb_number(&text, '\0', &thread) || thread > s->vm->stop->vcpus)
			return reply_text(s, "E01");
		s->thread = thread ? (unsigned)thread - 1 : s->here.vcpu;
	}
	return reply_text(s, "OK");
}

/* --- breakpoints -------------------------------------------------------------------------------------------------- */

static struct observe_hook breakpoint_hook(const struct session *s, unsigned i, enum observe_kind kind)
{
	/* A hook's address is fixed, so each address has an id of its own. */
	return (struct observe_hook){ .address = s->breakpoint[i],
				      .id = DEBUG_BREAKPOINT_HOOK + (uint32_t)(s->breakpoint[i] & 0xffffff),
				      .kind = kind };
}

/* "0,ADDRESS,KIND" */
static int set_breakpoint(struct session *s, const char *text, bool on)
{
	uint64_t type, at;
	unsigned i = 0;
	if (!gdb_number(&text, ',', &type) || !gdb_number(&text, ',', &at))
		return reply_text(s, "E01");
	if (type > 1) /* watchpoints: gdb steps instead, or gives up */
		return reply_text(s, "");
	while (i < BREAKPOINTS_MAX && s->breakpoint[i] != (on ? 0 : at))
		i++;
	for (unsigned k = 0; on && k < BREAKPOINTS_MAX; k++)
		if (s->breakpoint[k] == at)
			return reply_text(s, "OK");
	if (i == BREAKPOINTS_MAX || at < OBSERVE_ADDRESS_MIN)
		return reply_text(s, "E01");
	s->breakpoint[i] = at;
	struct observe_hook hook = breakpoint_hook(s, i, on ? OBSERVE_STOP : OBSERVE_OFF);
	int r = s->vm->backend->set_hook(s->vm, &hook, NULL);
	if (!on || r < 0)
		s->breakpoint[i] = 0;
	return reply_text(s, r < 0 ? "E01" : "OK");
}

/* --- "monitor" ---------------------------------------------------------------------------------------------------- */

static void put_part(struct session *s, unsigned parts, struct buf *out)
{
	const struct dump_config config = { .inspect = *s->config };
	const struct dump_view view = { .parts = parts, .cpu = -1 };
	json_auto_t *dump = dump_take(&config);
	if (dump)
		dump_text(dump, &view, out);
}

static void put_stack(struct session *s, struct buf *out)
{
	const char *lack;
	json_auto_t *stack = debug_stack(s->config, s->thread, &lack);
	for (size_t i = 0; i < json_array_size(stack); i++)
		buf_appendf(out, "#%-2zu %s\n", i, json_string_value(json_array_get(stack, i)));
	if (!stack)
		buf_appendf(out, "no stack: %s\n", lack ?: "out of memory");
}

static void put_value(struct session *s, const char *text, struct buf *out)
{
	struct expression e;
	_cleanup_err_ struct err *err = NULL;
	int64_t value;
	if (expression_parse(text, s->config->view->image, &e, &err) < 0)
		err_format(err, out);
	else if (!expression_read(&e, s->config, true, &value))
		buf_puts(out, "it is not there");
	else
		buf_appendf(out, "%" PRId64 " (0x%" PRIx64 ")", value, (uint64_t)value);
	buf_puts(out, "\n");
	expression_done(&e);
}

static void put_where(struct session *s, struct buf *out)
{
	char name[80] = "";
	name_task(s, s->here.vcpu, name, sizeof(name));
	buf_appendf(out, "%lu.%09lu s  %s\n", s->here.guest_ns / NSEC_PER_SEC, s->here.guest_ns % NSEC_PER_SEC, name);
}

static const char help[] = "monitor where              guest time, CPU and task\n"
			   "monitor stack              kernel stack of the chosen thread's CPU, BPF programs by name\n"
			   "monitor cpus|queues|tasks  run queues, dispatch queues, tasks with their sched_ext state\n"
			   "monitor programs           BPF programs of the scheduler\n"
			   "monitor print EXPRESSION   a number, as in 'ktstr debug --when'\n"
			   "monitor last EXPRESSION    go back to the scheduling event at which it last changed;\n"
			   "                           'flushregs' and 'thread 1' make gdb notice\n";

static bool starts(const char *text, const char *word, const char **rest)
{
	size_t len = strlen(word);
	if (strncmp(text, word, len) != 0 || (text[len] && text[len] != ' '))
		return false;
	*rest = text + len + strspn(text + len, " ");
	return true;
}

/* The answer to "monitor last". */
static int reply_where(struct session *s)
{
	_cleanup_buf_ struct buf text = BUF_NULL, out = BUF_NULL;
	s->asked = false;
	s->thread = s->here.vcpu;
	if (s->at_begin)
		buf_puts(&text, "it did not change before\n");
	s->at_begin = false;
	put_where(s, &text);
	gdb_put_hex(&out, text.data, text.len);
	return out.failed ? -ENOMEM : reply(s, out.data, out.len);
}

/* Keeps the expression, without the quotes that gdb leaves around an argument. False: @out says what is wrong. */
static bool take_expression(struct session *s, const char *text, struct buf *out)
{
	_cleanup_err_ struct err *err = NULL;
	struct expression e;
	size_t quote = *text == '"';
	snprintf(s->expression, sizeof(s->expression), "%s", text + quote);
	if (quote)
		s->expression[strcspn(s->expression, "\"")] = '\0';
	int r = expression_parse(s->expression, s->config->view->image, &e, &err);
	expression_done(&e);
	if (r < 0) {
		err_format(err, out);
		buf_puts(out, "\n");
	}
	return r == 0;
}

/* 1: the machine is to be ended, and the run made again. */
static int run_monitor(struct session *s, const char *command)
{
	static const struct {
		const char *word;
		unsigned parts;
	} dumps[] = {
		{ "cpus", DUMP_CPUS }, { "queues", DUMP_DSQS }, { "tasks", DUMP_TASKS }, { "programs", DUMP_PROGRAMS }
	};
	_cleanup_buf_ struct buf text = BUF_NULL, out = BUF_NULL;
	const char *rest;
	for (size_t i = 0; i < ARRAY_SIZE(dumps); i++)
		if (starts(command, dumps[i].word, &rest))
			put_part(s, dumps[i].parts, &text);
	if (starts(command, "where", &rest))
		put_where(s, &text);
	else if (starts(command, "stack", &rest))
		put_stack(s, &text);
	else if (starts(command, "print", &rest))
		put_value(s, rest, &text);
	else if (starts(command, "last", &rest) && take_expression(s, rest, &text)) {
		s->goal = GOAL_LAST_CHANGE;
		s->asked = true;
		return 1;
	}
	if (!text.len)
		buf_puts(&text, help);
	gdb_put_hex(&out, text.data, text.len);
	return out.failed ? -ENOMEM : reply(s, out.data, out.len);
}

static int take_monitor(struct session *s, const char *hex)
{
	char command[300];
	if (gdb_get_hex(hex, command, sizeof(command)) < 0)
		return reply_text(s, "E01");
	return run_monitor(s, command);
}

/* --- going on and back -------------------------------------------------------------------------------------------- */

static int stop_at(struct session *s, uint64_t guest_ns)
{
	s->goal = GOAL_STOP;
	s->stop.where = DEBUG_AT_TIME;
	s->stop.until = (struct observe_until){ .guest_ns = guest_ns, .vcpu = s->here.vcpu };
	return 1;
}

/* The next instruction. The turn of a CPU that stands at a hook cannot be split any more, so the run is made again. */
static int step(struct session *s)
{
	uint64_t next = s->here.guest_ns + s->step_ns;
	if (s->vm->stop->why != OBSERVE_AT_UNTIL)
		return stop_at(s, next);
	const struct observe_until until = { .guest_ns = next, .vcpu = s->here.vcpu };
	s->vm->backend->set_until(s->vm, &until);
	return 2;
}

static int step_back(struct session *s)
{
	s->back = s->step_ns;
	return stop_at(s, s->here.guest_ns - s->back);
}

/* --- packets ------------------------------------------------------------------------------------------------------ */

static int take_query(struct session *s, const char *p)
{
	if (!strncmp(p, "qSupported", 10))
		return reply_text(s, "PacketSize=1000;ReverseStep+;ReverseContinue+;QStartNoAckMode+");
	if (!strncmp(p, "qRcmd,", 6))
		return take_monitor(s, p + 6);
	if (!strncmp(p, "qThreadExtraInfo,", 17))
		return reply_thread_name(s, p + 17);
	if (!strcmp(p, "qfThreadInfo"))
		return reply_threads(s);
	if (!strcmp(p, "qsThreadInfo"))
		return reply_text(s, "l");
	if (!strncmp(p, "qAttached", 9))
		return reply_text(s, "1");
	if (!strcmp(p, "qC")) {
		char text[24];
		snprintf(text, sizeof(text), "QC%x", s->here.vcpu + 1);
		return reply_text(s, text);
	}
	return reply_text(s, "");
}

/* 0: go on with packets; 1: end the machine, for s->goal; 2: let the guest go on; negative: gdb has gone. */
static int take_packet(struct session *s)
{
	const char *p = s->reader.packet;
	switch (*p) {
	case '?':
		return reply_stop(s);
	case 'g':
		return reply_registers(s);
	case 'm':
		return reply_memory(s, p + 1);
	case 'H':
		return choose_thread(s, p + 1);
	case 'T':
		return reply_text(s, "OK");
	case 'Z':
		return set_breakpoint(s, p + 1, true);
	case 'z':
		return set_breakpoint(s, p + 1, false);
	case 'q':
		return take_query(s, p);
	case 'Q':
		s->no_acks |= !strcmp(p, "QStartNoAckMode");
		return reply_text(s, s->no_acks ? "OK" : "");
	case 'c':
		return 2;
	case 's':
		return step(s);
	case 'b':
		if (p[1] == 's')
			return step_back(s);
		s->goal = GOAL_LAST_HIT;
		return p[1] == 'c' ? 1 : reply_text(s, "");
	case 'G':
	case 'P':
	case 'M':
	case 'X':
		return reply_text(s, "E01"); /* it would be another run */
	case 'D':
		reply_text(s, "OK");
		return -EPIPE;
	case 'k':
		return -EPIPE;
	default:
		return reply_text(s, "");
	}
}

static int take_byte(struct session *s, char byte)
{
	enum gdb_event event = gdb_read(&s->reader, byte);
	const struct buf plus = { .data = (char *)"+", .len = 1 }, minus = { .data = (char *)"-", .len = 1 };
	if (event == GDB_BREAK)
		return reply_stop(s);
	if (event != GDB_PACKET && event != GDB_DAMAGED)
		return 0;
	if (!s->no_acks && send_all(s, event == GDB_PACKET ? &plus : &minus) < 0)
		return -EPIPE;
	return event == GDB_PACKET ? take_packet(s) : 0;
}

/* --- the connection ----------------------------------------------------------------------------------------------- */

/* 0: @fd is readable. Negative: cancelled, or gdb has gone. */
static int wait_for(const struct session *s, int fd, const atomic_bool *cancel)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int n = poll(&p, 1, POLL_MS);
		if (n > 0)
			return 0;
		if (is_cancelled(cancel) || (n < 0 && errno != EINTR) || (s->alive && !s->alive(s->alive_data)))
			return -ECANCELED;
	}
}

static int connect_gdb(struct session *s, const atomic_bool *cancel)
{
	int r = wait_for(s, s->listener, cancel);
	if (r == 0)
		s->fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	return s->fd < 0 ? -EPIPE : 0;
}

static int serve(struct session *s, const atomic_bool *cancel)
{
	int r = 0;
	while (r == 0) {
		char byte;
		r = wait_for(s, s->fd, cancel);
		if (r == 0)
			r = recv(s->fd, &byte, 1, 0) == 1 ? take_byte(s, byte) : -EPIPE;
	}
	return r;
}

/* The guest stands at the moment that was wanted, or at a breakpoint. */
static enum probe_next on_arrival(void *data, struct vm *vm, const struct inspect_config *config,
				  const struct debug_moment *m, const atomic_bool *cancel)
{
	struct session *s = data;
	bool stuck = s->back && m->cpu == s->here.vcpu && m->guest_ns >= s->here.guest_ns && s->back < BACK_MOST;
	s->vm = vm;
	s->config = config;
	/* No instruction begins there: the CPU slept or paused. */
	if (stuck) {
		s->back *= 2;
		stop_at(s, s->here.guest_ns - s->back);
		s->decided = true;
		return PROBE_END;
	}
	s->back = 0;
	s->here = (struct position){ .vcpu = m->cpu, .guest_ns = m->guest_ns };
	int r = s->fd < 0 ? connect_gdb(s, cancel) : s->asked ? reply_where(s) : reply_stop(s);
	if (r == 0)
		r = serve(s, cancel);
	if (r < 0)
		s->goal = GOAL_QUIT;
	s->decided = r != 2;
	return s->decided ? PROBE_END : PROBE_GO_ON;
}

/* --- the machines ------------------------------------------------------------------------------------------------- */

static void on_change(void *data, const struct debug_moment *m)
{
	(void)data;
	(void)m;
}

static unsigned put_breakpoints(void *data, struct observe_hook *out)
{
	const struct session *s = data;
	unsigned count = 0;
	for (unsigned i = 0; i < BREAKPOINTS_MAX; i++)
		if (s->breakpoint[i])
			out[count++] = breakpoint_hook(s, i, OBSERVE_STOP);
	return count;
}

/* A first run up to where gdb is now finds the number of the event; the next one stops there. */
static int find_last(struct session *s, struct rerun *r, struct err **err)
{
	_cleanup_(rerun_result_done) struct rerun_result result = { 0 };
	struct debug_last last = { 0 };
	struct debug_config config = { .where = DEBUG_AT_TIME,
				       .until = { .guest_ns = s->here.guest_ns, .vcpu = s->here.vcpu },
				       .expression = s->goal == GOAL_LAST_CHANGE ? s->expression : NULL,
				       .breakpoints = s->goal == GOAL_LAST_HIT ? put_breakpoints : NULL,
				       .last = &last,
				       .changed = on_change,
				       .data = s };
	int code = debug_run(r, &config, &result, err);
	if (code < 0 || result.interrupted)
		return code < 0 ? code : FAIL(err, ERR_INTERRUPTED, -ECANCELED, "interrupted");
	if (!last.found) {
		s->at_begin = true;
		stop_at(s, s->here.guest_ns);
		return 0;
	}
	s->goal = GOAL_STOP;
	s->here = (struct position){ .vcpu = last.vcpu, .guest_ns = last.guest_ns };
	stop_at(s, last.guest_ns);
	return 0;
}

static int next_machine(struct session *s, struct rerun *r, struct err **err)
{
	_cleanup_(rerun_result_done) struct rerun_result result = { 0 };
	int code = 0;
	if (s->goal == GOAL_LAST_HIT || s->goal == GOAL_LAST_CHANGE)
		code = find_last(s, r, err);
	if (code < 0)
		return code;
	s->decided = false;
	code = debug_run(r, &s->stop, &result, err);
	if (code < 0 || result.interrupted)
		return code < 0 ? code : FAIL(err, ERR_INTERRUPTED, -ECANCELED, "interrupted");
	if (s->decided)
		return 0;
	if (s->at_end || !result.last_ns)
		return FAIL(err, ERR_DATA, -ENOENT, "the run ended without reaching the moment that was wanted");
	/* It came to its end: gdb stays at its last event. */
	s->at_end = true;
	s->here.vcpu = OBSERVE_ANY_CPU;
	stop_at(s, result.last_ns);
	return 0;
}

int gdb_session_run(struct rerun *r, const struct debug_config *first, int listener, bool (*alive)(void *data),
		    void *data, struct err **err)
{
	struct session s = { .listener = listener, .fd = -1, .alive = alive, .alive_data = data };
	int code = 0;
	s.stop = *first;
	s.stop.breakpoints = put_breakpoints;
	s.stop.arrived = on_arrival;
	s.stop.changed = on_change;
	s.stop.data = &s;
	s.step_ns = rerun_instruction_ns(r);
	while (code == 0 && s.goal != GOAL_QUIT)
		code = next_machine(&s, r, err);
	fd_close(s.fd);
	return code;
}
