/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_debug.c -- ktstr debug: looks at a run that is made again, as often as is wanted. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/parse.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/debug_gdb.h"
#include "reactor/interrupt.h"
#include "cli/out.h"
#include "cli/packed_source.h"
#include "cli/shared_options.h"
#include "monitor/dump.h"
#include "run/debug.h"

struct debug_args {
	struct strings operands, functions;
	const char *at, *when, *server;
	nsec_t every;
	bool json, gdb;
};

static const struct option_row debug_options[] = {
	OPT_STRING(struct debug_args, at, "at", 0, "WHERE",
		   "stop there and show the guest: 'failure', a guest time ('4.25s'), or 'hook:N', scheduling event "
		   "number N from 0"),
	OPT_STRING(struct debug_args, when, "when", 0, "EXPRESSION", "print each change of this number"),
	OPT_LIST(struct debug_args, functions, "at-function", 0, "NAME",
		 "look at calls of these kernel functions instead of scheduling events; repeatable, or separated by "
		 "commas"),
	OPT_DURATION(struct debug_args, every, "every", 0, "TIME", 1000, 10 * NSEC_PER_SEC, 0, 0,
		     "look at the number at each multiple of this guest time, too"),
	OPT_FLAG(struct debug_args, gdb, "gdb", 0, "start gdb at the moment of --at (default: 'failure')"),
	OPT_STRING(struct debug_args, server, "gdb-server", 0, "SOCKET",
		   "wait there for a gdb of yours ('target remote SOCKET') instead of starting one"),
	ROW_JSON(struct debug_args, "print JSON lines on standard output"),
	OPT_END,
};

struct session_debug {
	const struct debug_args *args;
	const struct packed_run *packed;
	struct debug_config config;
	uint64_t changes;
	bool had_value; /* the expression had one at some event */
	json_t *dump;	/* of the moment that was wanted; NULL: it did not come */
	struct debug_moment moment;
	struct buf place; /* of it, as text */
	bool failed;	  /* no memory */
};

/* --- what is asked for -------------------------------------------------------------------------------------------- */

/* A failure that only the judge saw has no moment of its own. */
static void ask_failure(struct session_debug *d)
{
	const struct packed_outcome *o = &d->packed->outcome;
	d->config.where = DEBUG_AT_FAILURE;
	if (o->failure)
		return;
	say_printf("note: the guest's kernel and the watch saw no failure in this run; it stops at the guest's last "
		   "event\n");
	d->config.where = DEBUG_AT_TIME;
	d->config.until = (struct observe_until){ .guest_ns = o->last_ns, .vcpu = OBSERVE_ANY_CPU };
}

static int ask_where(struct session_debug *d, struct err **err)
{
	const char *at = d->args->at;
	nsec_t time;
	if (!at && !d->args->gdb && !d->args->server)
		return 0;
	if (!at || !strcmp(at, "failure")) {
		ask_failure(d);
		return 0;
	}
	if (!strncmp(at, "hook:", 5) && parse_u64(at + 5, &d->config.hook) == 0) {
		d->config.where = DEBUG_AT_HOOK;
		return 0;
	}
	if (parse_duration(at, &time) < 0 || time <= 0)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "--at '%s' is not 'failure', a time such as '4.25s', or 'hook:' and a number", at);
	d->config.where = DEBUG_AT_TIME;
	d->config.until = (struct observe_until){ .guest_ns = (uint64_t)time, .vcpu = OBSERVE_ANY_CPU };
	return 0;
}

/* --- output ------------------------------------------------------------------------------------------------------- */

static json_t *moment_json(const struct debug_moment *m)
{
	json_t *o = json_object();
	json_put_u64(&o, "guest_ns", m->guest_ns);
	json_put_u64(&o, "cpu", m->cpu);
	json_put_u64(&o, "event", m->hook);
	json_put_text(&o, "function", m->function);
	json_put_text(&o, "comm", m->comm);
	json_put_int(&o, "pid", m->pid);
	json_put(&o, "stack", m->stack ? json_incref(m->stack) : json_null());
	return o;
}

static void put_moment(const struct debug_moment *m, struct buf *out)
{
	buf_appendf(out, "%lu.%09lu s  CPU %u  %s[%d]", m->guest_ns / NSEC_PER_SEC, m->guest_ns % NSEC_PER_SEC, m->cpu,
		    m->comm, m->pid);
	if (m->function)
		buf_appendf(out, "  event %lu, %s()", m->hook, m->function);
}

static void put_stack(const struct debug_moment *m, struct buf *out)
{
	for (size_t i = 0; i < json_array_size(m->stack); i++)
		buf_appendf(out, "    %s\n", json_string_value(json_array_get(m->stack, i)));
	if (!m->stack && m->no_stack)
		buf_appendf(out, "    (no stack: %s)\n", m->no_stack);
}

static void put_value(bool known, int64_t value, struct buf *out)
{
	if (known)
		buf_appendf(out, "%ld", value);
	else
		buf_puts(out, "(not there)");
}

static void on_change(void *data, const struct debug_moment *m)
{
	struct session_debug *d = data;
	_cleanup_buf_ struct buf line = BUF_NULL;
	d->changes++;
	d->had_value |= m->known;
	if (d->args->json) {
		json_auto_t *o = moment_json(m);
		json_put(&o, "before", m->was_known ? json_integer(m->before) : json_null());
		json_put(&o, "value", m->known ? json_integer(m->value) : json_null());
		out_json(o, false);
		return;
	}
	put_moment(m, &line);
	buf_appendf(&line, "\n  %s: ", d->args->when);
	put_value(m->was_known, m->before, &line);
	buf_puts(&line, " -> ");
	put_value(m->known, m->value, &line);
	buf_puts(&line, "\n");
	put_stack(m, &line);
	out_buf(&line);
}

/* On the offload pool, so it prints nothing. */
static enum probe_next on_arrival(void *data, struct vm *vm, const struct inspect_config *config,
				  const struct debug_moment *m, const atomic_bool *cancel)
{
	struct session_debug *d = data;
	const struct dump_config dump = { .inspect = *config, .reason = "the run was stopped here" };
	(void)vm;
	(void)cancel;
	put_moment(m, &d->place);
	buf_puts(&d->place, "\n");
	put_stack(m, &d->place);
	d->dump = dump_take(&dump);
	d->failed = !d->dump;
	d->moment = *m;
	d->moment.stack = m->stack ? json_incref(m->stack) : NULL;
	return PROBE_END;
}

static void print_moment(struct session_debug *d)
{
	const struct dump_view view = { .parts = DUMP_HEADER | DUMP_CPUS | DUMP_DSQS | DUMP_TASKS, .cpu = -1 };
	if (d->args->json) {
		json_auto_t *o = moment_json(&d->moment);
		json_put(&o, "dump", json_incref(d->dump));
		out_json(o, false);
		return;
	}
	dump_text(d->dump, &view, &d->place);
	out_buf(&d->place);
}

/* --- the command -------------------------------------------------------------------------------------------------- */

/* The run with somebody who looks is that without. */
static int check_digest(const struct session_debug *d, const struct rerun_result *result, struct err **err)
{
	const struct packed_outcome *o = &d->packed->outcome;
	if (result->problem.len)
		return FAIL(err, ERR_MISSING, -EIO, "run '%s': %s", d->packed->test, buf_str(&result->problem));
	if (result->digest != o->digest)
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "this was another run: its events have the digest %08x instead of %08x; 'ktstr replay' "
			    "of a pack says what differs",
			    result->digest, o->digest);
	say_printf("%lu change%s; the events have the digest %08x, as without looking\n", d->changes,
		   plural(d->changes), result->digest);
	return 0;
}

/* A name that nothing has would otherwise look like a number that never changes. */
static int check_value(const struct session_debug *d, struct err **err)
{
	if (!d->args->when || d->had_value)
		return 0;
	return FAIL(err, ERR_DATA, -ENOENT,
		    "--when '%s' had no value at any event of this run: neither the kernel nor the scheduler's program "
		    "has this variable, or the task or the map was not there; 'ktstr help debug' shows what an "
		    "expression may be",
		    d->args->when);
}

static int conclude(struct session_debug *d, const struct rerun_result *result, struct err **err)
{
	if (result->interrupted)
		return EXIT_INTERRUPTED;
	if (d->failed)
		return -ENOMEM;
	if (d->dump) {
		print_moment(d);
		return 0;
	}
	int r = check_digest(d, result, err);
	if (r == 0)
		r = check_value(d, err);
	if (r == 0 && d->config.where != DEBUG_NOWHERE)
		r = FAIL(err, ERR_DATA, -ENOENT, "the run ended without reaching '%s'", d->args->at);
	return r;
}

static int run_on(struct reactor *reactor, struct session_debug *d, struct err **err)
{
	_cleanup_(rerun_close_p) struct rerun *again = NULL;
	_cleanup_(rerun_result_done) struct rerun_result result = { 0 };
	struct signals signals;
	int r = rerun_open(reactor, d->packed, &again, err);
	if (r == 0 && d->args->gdb)
		return debug_gdb(again, d->packed, &d->config, NULL, err);
	if (r == 0)
		r = interrupt_watch(&signals, reactor, err);
	if (r < 0)
		return r;
	if (d->args->server) {
		r = debug_gdb(again, d->packed, &d->config, d->args->server, err);
		signals_done(&signals);
		return r;
	}
	r = debug_run(again, &d->config, &result, err);
	signals_done(&signals);
	return r == 0 ? conclude(d, &result, err) : r;
}

static int run_debug(void *args, struct err **err)
{
	const struct debug_args *a = args;
	_cleanup_(packed_run_done) struct packed_run p;
	struct reactor *reactor = NULL;
	packed_run_init(&p);
	if (!a->at && !a->when && !a->gdb && !a->server)
		return FAIL(err, ERR_USAGE, -EINVAL, "debug: what is wanted? --at WHERE, --when EXPRESSION or --gdb");
	if (a->every && !a->when)
		return FAIL(err, ERR_USAGE, -EINVAL, "debug: --every needs --when EXPRESSION");
	if (a->when && (a->gdb || a->server))
		return FAIL(err, ERR_USAGE, -EINVAL, "debug: --when prints while the run is made, so it excludes gdb");
	if (a->json && (a->gdb || a->server))
		return FAIL(err, ERR_USAGE, -EINVAL, "debug: gdb prints what it likes, so it excludes --json");
	if (a->every && a->at)
		return FAIL(err, ERR_USAGE, -EINVAL, "debug: --every and --at exclude each other");
	int r = a->gdb ? debug_gdb_find(err) : 0;
	if (r == 0)
		r = packed_source_read(&a->operands, &p, err);
	if (r < 0)
		return r;
	struct session_debug d = { .args = a, .packed = &p, .place = BUF_NULL };
	d.config = (struct debug_config){ .expression = a->when,
					  .functions = a->functions.item,
					  .every = a->every,
					  .changed = on_change,
					  .arrived = on_arrival,
					  .data = &d };
	r = ask_where(&d, err);
	if (r == 0)
		r = reactor_new(&reactor, err);
	if (r == 0)
		r = run_on(reactor, &d, err);
	reactor_free(reactor);
	json_decref(d.dump);
	json_decref(d.moment.stack);
	buf_done(&d.place);
	return r;
}

const struct command cmd_debug = {
	.name = "debug",
	.group = GROUP_TESTS,
	.summary = "Look into a run: each change of a number, or one moment of it",
	.operands = PACKED_OPERANDS,
	.text = "Makes a run again (tcg) and looks at its guest from outside. The guest does not notice: it is the "
		"same "
		"run each time. A run is a pack ('ktstr pack'), a result, or the words of a replay line; of the last "
		"two, the test first runs once more as it is.\n\n"
		"--when prints each change of a number in the guest, with the guest's time, the CPU, its task and its "
		"stack. It is looked at before calls of the functions that move tasks between queues and CPUs, or of "
		"those of --at-function.\n\n"
		"An expression is a variable of a CPU (runqueues[1].nr_running), of a task (task(42)->scx.dsq_vtime), "
		"of "
		"the kernel (total_forks, or with its type (struct scx_sched *)scx_root->exit_kind), a value of a BPF "
		"map of the scheduler (map stats[3].hits), or a global variable of its program (nr_queued). '->' "
		"follows "
		"a pointer. With a comparison ('... == 0') it is 1 or 0.\n\n"
		"--at stops at the moment of the failure, when a CPU has reached a guest time after exactly as many "
		"instructions, or before a scheduling event, and shows the stack, the CPUs, queues and tasks.",
	.option = debug_options,
	.example =
		(const struct example[]){
			{ "ktstr debug race.pack --at failure", "who waits where when it fails" },
			{ "ktstr debug race.pack --when 'runqueues[1].nr_running'", "each change of a number" },
			{ "ktstr debug race.pack --when 'task(42)->on_cpu == 1' --at-function schedule",
			  "when task 42 gets and loses a CPU" },
			{ "ktstr debug race.pack --at 4.25s", "the guest at a moment" },
			{ "ktstr debug race.pack --gdb", "gdb at the failure; 'reverse-continue' works" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_TMPDIR, ENV_LOCK_DIR, ENV_MAX },
	.files = FILES_CACHE | FILES_LOCKS,
	OPERANDS(struct debug_args, operands),
	.run = run_debug,
};
