/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * cmd_run.c -- ktstr run: runs canned scenarios on this machine, under its present scheduler, without a virtual
 * machine. The engine is a child, and this process does for it what PID 1 does in a guest.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <ktstr/canned.h>

#include "base/file.h"
#include "base/json.h"
#include "base/term.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "guest/channel.h"
#include "guest/binary/host.h"
#include "report/sidecar.h"
#include "run/suite.h"
#include "verdict/judge.h"

#define DURATION_DEFAULT_S 20
#define WORKERS_MOST	   4096

struct run_args {
	struct strings operands;
	const char *filter, *work_type;
	const char *test, *test_binary, *test_list; /* of a script that `ktstr export` wrote */
	nsec_t duration, watchdog;
	uint64_t workers, seed;
	bool json, release;
};

static const struct option_row run_options[] = {
	OPT_DURATION(struct run_args, duration, "duration", 0, "TIME", NSEC_PER_MSEC, 24 * 60 * NSEC_PER_MIN,
		     DURATION_DEFAULT_S *NSEC_PER_SEC, NSEC_PER_SEC, "duration of each scenario"),
	OPT_NUMBER(struct run_args, workers, "workers", 0, "N", 1, WORKERS_MOST, 4,
		   "number of workers in a control group, if the scenario does not set it"),
	OPT_STRING(struct run_args, filter, "filter", 0, "TEXT", "only those with TEXT in their name"),
	OPT_STRING(struct run_args, work_type, "work-type", 0, "NAME",
		   "what workers do instead of spinning: YieldHeavy, PipeIo, ..."),
	OPT_NUMBER(struct run_args, seed, "seed", 0, "N", 0, UINT64_MAX, 1,
		   "seed for the order in which workers start"),
	OPT_FLAG(struct run_args, release, "release", 0, "use the strict limits, as 'ktstr test --release' does"),
	ROW_JSON(struct run_args, "one JSON array on standard output"),
	OPT_ALSO_STRING(struct run_args, test, "ktstr-test-fn", "NAME"),
	OPT_ALSO_STRING(struct run_args, test_binary, "ktstr-test-binary", "PATH"),
	OPT_ALSO_STRING(struct run_args, test_list, "ktstr-test-list", "PATH"),
	OPT_DURATION(struct run_args, watchdog, "watchdog-timeout", 0, "TIME", NSEC_PER_SEC, 24 * 60 * NSEC_PER_MIN, 0,
		     NSEC_PER_SEC,
		     "end a scenario that does not end by itself (default: 30 s and three times --duration)"),
	OPT_INSTEAD("flags", "scenarios have one profile; choose with --filter, --work-type and --workers"),
	OPT_INSTEAD("kernel-dir", "'ktstr run' uses the kernel that runs; boot another one with 'ktstr test --kernel'"),
	OPT_INSTEAD("repro", "a failed test of 'ktstr test' prints the line that replays it"),
	OPT_INSTEAD("auto-repro", "a failed test of 'ktstr test' prints the line that replays it"),
	OPT_INSTEAD("probe-stack", "a failed test of 'ktstr test' prints the line that replays it"),
	OPT_INSTEAD("no-perf-mode", "'ktstr run' never uses performance mode; leave it out"),
	OPT_END,
};

struct session {
	struct host_engine engine;
	struct host_run how;
	struct ktstr_work work;
	struct thresholds limits;
	struct term term;
	nsec_t watchdog; /* 0: derived from the duration */
	int signals;
	bool interrupted;
	unsigned count, passed, skipped, failed, inconclusive;
	json_t *all; /* with --json */
};

/* --- one scenario ------------------------------------------------------------------------------------------------- */

/* Receives the packets that the engine has sent. False: the engine has closed its end. */
static bool take_packets(const struct host_engine *engine, struct evidence *e)
{
	static uint64_t packet[EVIDENCE_PACKET_MAX / sizeof(uint64_t) + 1];
	for (;;) {
		ssize_t n = recv(engine->channel, packet, EVIDENCE_PACKET_MAX, MSG_DONTWAIT);
		_cleanup_err_ struct err *why = NULL;
		if (n <= 0)
			return n < 0 && (errno == EAGAIN || errno == EINTR);
		if (!e->damage.len && evidence_take_packet(e, packet, (size_t)n, &why) < 0)
			err_format(why, &e->damage);
	}
}

static void take_signal(struct session *s)
{
	struct signalfd_siginfo info;
	while (read(s->signals, &info, sizeof(info)) == sizeof(info))
		s->interrupted = true;
}

/* Waits until the engine ends, its time is up, or we get a signal. */
static void wait_for_end(struct session *s, struct evidence *e)
{
	nsec_t patience = s->watchdog ? s->watchdog : 3 * s->how.duration + 30 * NSEC_PER_SEC;
	nsec_t deadline = nsec_now() + patience;
	struct pollfd fd[] = { { s->engine.channel, POLLIN, 0 },
			       { s->engine.pidfd, POLLIN, 0 },
			       { s->signals, POLLIN, 0 } };
	while (!s->interrupted) {
		struct timespec left = nsec_to_timespec(MAX_OF(deadline - nsec_now(), 0));
		if (ppoll(fd, ARRAY_SIZE(fd), &left, NULL) == 0) {
			e->test_exit.timed_out = 1;
			return;
		}
		if (fd[2].revents)
			take_signal(s);
		if (fd[0].revents && !take_packets(&s->engine, e))
			fd[0].fd = -1;
		if (fd[1].revents)
			return;
	}
}

static int observe(struct session *s, struct evidence *e, struct err **err)
{
	int r = host_engine_start(&s->engine, &s->how, err);
	if (r < 0)
		return r;
	e->has_hello = true;
	wait_for_end(s, e);
	take_packets(&s->engine, e);
	e->interrupted = s->interrupted;
	e->test_exit.status = host_engine_reap(&s->engine);
	e->has_test_exit = !s->interrupted;
	/* This process acts as PID 1 of a guest, so it adds the final exit record. */
	e->exit.reason = WIRE_EXIT_DONE;
	e->has_exit = !s->interrupted;
	return 0;
}

/* --- reporting ---------------------------------------------------------------------------------------------------- */

static void tell(struct session *s, const struct judgement *j, double seconds)
{
	static const char *const words[] = { "PASS", "FAIL", "INCONCLUSIVE", "SKIP" };
	static const enum term_style colors[] = { TERM_GOOD, TERM_BAD, TERM_WARN, TERM_DIM };
	out_printf("%s[%s]%s %s/default (%.1fs)\n", term_style(&s->term, colors[j->verdict]), words[j->verdict],
		   term_plain(&s->term), s->how.scenario, seconds);
	for (uint32_t i = 0; i < j->details; i++)
		out_printf("  %s\n", j->detail[i].text);
	for (uint32_t i = 0; i < j->unjudged_count; i++)
		out_printf("  not judged: %s: %s\n", j->unjudged[i].check, j->unjudged[i].why);
}

static void keep(struct session *s, const struct judgement *j, double seconds)
{
	json_t *details = json_array(), *o = json_object();
	for (uint32_t i = 0; i < j->details; i++) {
		json_t *one = json_object();
		json_put_text(&one, "kind", detail_kind_name(j->detail[i].kind));
		json_put_text(&one, "message", j->detail[i].text);
		json_add(&details, one);
	}
	json_put_text(&o, "scenario_name", s->how.scenario);
	json_put_text(&o, "verdict", verdict_name(j->verdict));
	json_put_bool(&o, "passed", j->verdict == KTSTR_PASS);
	json_put_bool(&o, "skipped", j->verdict == KTSTR_SKIP);
	json_put_bool(&o, "inconclusive", j->verdict == KTSTR_INCONCLUSIVE);
	json_put_number(&o, "duration_s", seconds);
	json_put(&o, "details", details);
	json_put(&o, "stats", stats_json(&j->stats));
	json_add(&s->all, o);
}

static int run_one(struct session *s, const char *name, struct err **err)
{
	struct evidence e = { 0 };
	struct judge_facts facts = { .duration = s->how.duration, .limits = s->limits };
	struct judgement *j = calloc(1, sizeof(*j));
	nsec_t began = nsec_now();
	s->how.scenario = name;
	int r = j ? observe(s, &e, err) : -ENOMEM;
	if (r == 0)
		r = judge(&e, &facts, j);
	if (r == 0) {
		double seconds = (double)(nsec_now() - began) / 1e9;
		s->passed += j->verdict == KTSTR_PASS;
		s->failed += j->verdict == KTSTR_FAIL;
		s->skipped += j->verdict == KTSTR_SKIP;
		s->inconclusive += j->verdict == KTSTR_INCONCLUSIVE;
		s->count++;
		if (s->all)
			keep(s, j, seconds);
		else
			tell(s, j, seconds);
	}
	evidence_done(&e);
	if (j)
		judgement_done(j);
	free(j);
	return r;
}

/* --- all scenarios ------------------------------------------------------------------------------------------------ */

static int check_names(const struct strings *names, struct err **err)
{
	for (size_t i = 0; i < names->count; i++) {
		const char *best = NULL;
		unsigned distance = 12;
		bool known = false;
		for (const struct ktstr_canned *c = ktstr_canned_list(); c->name && !known; c++) {
			unsigned d = edit_distance(names->item[i], c->name);
			known = d == 0;
			if (d < distance) {
				distance = d;
				best = c->name;
			}
		}
		if (!known)
			return FAIL(err, ERR_USAGE, -EINVAL,
				    "no canned scenario is called '%s'%s%s%s Run 'ktstr list' to see available "
				    "scenarios",
				    names->item[i], best ? "; did you mean '" : "", best ? best : "",
				    best ? "'?" : ".");
	}
	return 0;
}

static bool wanted(const struct run_args *a, const char *name)
{
	bool named = !a->operands.count;
	for (size_t i = 0; i < a->operands.count; i++)
		named |= !strcmp(a->operands.item[i], name);
	return named && (!a->filter || strstr(name, a->filter));
}

/* The one test of a script that `ktstr export` wrote: its limits are in the list of its binary. */
static int run_exported(struct session *s, const struct run_args *a, struct err **err)
{
	static const struct ktstr_checks none = { 0 };
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct suite suite = { 0 };
	if (!a->test_binary || !a->test_list)
		return FAIL(err, ERR_USAGE, -EINVAL, "--ktstr-test-fn needs --ktstr-test-binary and --ktstr-test-list");
	int r = file_read(a->test_list, SUITE_LIST_BYTES_MAX, &text, err);
	if (r == 0)
		r = suite_parse(a->test_binary, buf_str(&text), text.len, &suite, err);
	if (r < 0)
		return r;
	r = -ENOENT;
	for (size_t i = 0; i < suite.tests && r == -ENOENT; i++) {
		const struct test_decl *t = &suite.test[i];
		if (strcmp(t->name, a->test) != 0)
			continue;
		s->limits = thresholds_merge(a->release, t->scheduler ? &t->scheduler->checks : &none, &t->checks);
		s->how.program = a->test_binary;
		r = run_one(s, t->name, err);
	}
	suite_done(&suite);
	return r == -ENOENT ? FAIL(err, ERR_USAGE, r, "there is no test '%s' in '%s'", a->test, a->test_list) : r;
}

static int run_wanted(struct session *s, const struct run_args *a, struct err **err)
{
	int r = 0;
	for (const struct ktstr_canned *c = ktstr_canned_list(); r == 0 && c->name && !s->interrupted; c++)
		if (wanted(a, c->name))
			r = run_one(s, c->name, err);
	return r;
}

static int read_args(const struct run_args *a, struct session *s, struct err **err)
{
	static const struct ktstr_checks none = { 0 };
	s->how.seed = a->seed;
	s->how.workers = (unsigned)a->workers;
	s->how.duration = a->duration;
	s->watchdog = a->watchdog;
	s->limits = thresholds_merge(a->release, &none, &none);
	if (a->work_type) {
		if (ktstr_work_from_name(a->work_type, &s->work) < 0)
			return FAIL(err, ERR_USAGE, -EINVAL,
				    "--work-type: '%s' is not a type of work; 'ktstr list --work' lists them; write "
				    "SpinWait for SPIN_WAIT",
				    a->work_type);
		s->how.work_override = &s->work;
	}
	return check_names(&a->operands, err);
}

static int open_signals(struct err **err)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? FAIL_SYS(err, -errno, "watch for signals") : fd;
}

/* Prints the name of the host's scheduler, as sched_ext shows it. */
static void tell_scheduler(void)
{
	_cleanup_buf_ struct buf name = BUF_NULL;
	if (file_read("/sys/kernel/sched_ext/root/ops", 256, &name, NULL) < 0)
		buf_puts(&name, "the kernel's own");
	say_printf("scheduler: %.*s\n", (int)strcspn(buf_str(&name), "\n"), buf_str(&name));
}

static int summary(const struct session *s)
{
	if (s->all) {
		out_json(s->all, true);
	} else if (s->passed == s->count) {
		out_printf("%u/%u passed\n", s->passed, s->count);
	} else {
		out_printf("%u/%u passed (%u skipped, %u failed", s->passed, s->count, s->skipped, s->failed);
		out_printf(s->inconclusive ? ", %u inconclusive)\n" : ")\n", s->inconclusive);
	}
	int status = status_first(s->failed ? 1 : 0, s->inconclusive ? 2 : 0);
	return status_first(status, s->interrupted ? EXIT_INTERRUPTED : 0);
}

static int run_run(void *args, struct err **err)
{
	const struct run_args *a = args;
	struct session s = { .engine = HOST_ENGINE_NULL, .signals = -1, .term = term_probe(STDOUT_FILENO) };
	int r = read_args(a, &s, err);
	if (r == 0)
		r = host_engine_open(&s.engine, err);
	if (r == 0)
		r = s.signals = open_signals(err);
	if (r >= 0) {
		s.all = a->json ? json_array() : NULL;
		tell_scheduler();
		r = a->test ? run_exported(&s, a, err) : run_wanted(&s, a, err);
	}
	host_engine_close(&s.engine);
	fd_close(s.signals);
	if (r == 0 && !s.count && !s.interrupted)
		r = FAIL(err, ERR_USAGE, -ENOENT,
			 "no scenarios matched filter '%s'. Run 'ktstr list' to see available scenarios",
			 a->filter ? a->filter : "");
	if (r == 0)
		r = summary(&s);
	json_decref(s.all);
	return r;
}

const struct command cmd_run = {
	.name = "run",
	.group = GROUP_HOST,
	.summary = "Run canned scenarios on this machine itself, not in a virtual machine",
	.operands = "[SCENARIO...]",
	.text = "Runs scenarios of 'ktstr list' (all of them where none is named) under the scheduler that this "
		"machine has, one after the other, and judges them as in a guest. It needs the right to make control "
		"groups and namespaces: root. All of it happens in a control group ktstr-PID-TICKS, which is "
		"removed afterwards; the next run removes the group of a run that was killed. A scenario that needs "
		"something that the machine lacks, a controller or a second cache, is skipped.",
	.option = run_options,
	.example =
		(const struct example[]){
			{ "ktstr run cgroup_steady --duration 20s", "one scenario" },
			{ "ktstr run --filter nested --work-type PipeIo",
			  "those with 'nested' in their name, with other "
			  "work" },
			{ NULL },
		},
	.judges = true,
	OPERANDS(struct run_args, operands),
	.run = run_run,
};
