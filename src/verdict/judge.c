/* SPDX-License-Identifier: GPL-2.0-only */
/* judge.c -- see judge.h. Findings are made in an order in which an earlier one can explain the next. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/result_name.h"
#include "verdict/cause.h"
#include "verdict/checks.h"
#include "verdict/expect.h"
#include "verdict/judge.h"
#include "verdict/monitor_checks.h"
#include "verdict/storm.h"
#include "monitor/verified.h"

/* --- findings ----------------------------------------------------------------------------------------------------- */

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

/*
 * Why the kernel disabled the scheduler: the kernel's message, else a known line of the scheduler's output or its last.
 */
static void describe_ejection(const struct evidence *e, char *out, size_t size)
{
	const char *kmsg = buf_str(&e->text[WIRE_STREAM_KMSG]);
	const char *log = buf_str(&e->text[WIRE_STREAM_SCHED]);
	const char *disabled = strstr(kmsg, " disabled (");
	struct cause cause;
	if (!disabled)
		disabled = strstr(buf_str(&e->console), " disabled (");
	if (disabled) {
		const char *next = strchr(disabled, '\n');
		const char *message = next && strstr(next, "sched_ext: ") ? strstr(next, "sched_ext: ") + 11 : "";
		if (*message == '"') /* a note about a scheduler, such as one of the callbacks that it lacks */
			message = "";
		snprintf(out, size, "%.*s%s%.*s", (int)strcspn(disabled + 10, "\n"), disabled + 10, *message ? " " : "",
			 (int)strcspn(message, "\n"), message);
	} else if (cause_in_scheduler_log(log, &cause)) {
		snprintf(out, size, "%s", cause.line);
	} else {
		cause_last_line(log, out, size);
	}
}

static void find_no_machine(const struct evidence *e, struct judgement *j)
{
	char signal_text[200];
	if (e->contention.len)
		judgement_add(j, DETAIL_SKIP, KTSTR_SKIP, "%s", buf_str(&e->contention));
	if (e->failure.len) {
		judgement_add(j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE, "%s", buf_str(&e->failure));
	} else if (e->machine_died) {
		if (WIFSIGNALED(e->machine_status))
			snprintf(signal_text, sizeof(signal_text), "was killed by SIG%s%s%s",
				 sigabbrev_np(WTERMSIG(e->machine_status)) ?: "?", *e->memory_kill ? " because " : "",
				 e->memory_kill);
		else
			snprintf(signal_text, sizeof(signal_text), "ended with status %d",
				 WEXITSTATUS(e->machine_status));
		char said[200];
		cause_last_line(buf_str(&e->stderr_text), said, sizeof(said));
		judgement_add(j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE, "the virtual machine's process %s%s%s",
			      signal_text, *said ? ": " : "", said);
	}
	if (e->interrupted)
		judgement_add(j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE, FINDING_INTERRUPTED);
	if (e->console_flooded)
		judgement_add(j, DETAIL_CRASH, KTSTR_FAIL, "the guest flooded its console and was ended");
	if (e->damage.len)
		judgement_add(j, DETAIL_HARNESS, KTSTR_FAIL, "%s", buf_str(&e->damage));
}

static void find_kernel_crash(const struct evidence *e, struct judgement *j)
{
	struct cause cause;
	if (cause_in_kernel_log(buf_str(&e->console), &cause) ||
	    cause_in_kernel_log(buf_str(&e->text[WIRE_STREAM_KMSG]), &cause))
		judgement_add(j, cause.by_test ? DETAIL_CRASH : DETAIL_KERNEL_CRASH, KTSTR_FAIL, "%s: %s", cause.what,
			      cause.line);
	else if (!e->has_exit && cause_of_reboot(buf_str(&e->console), &cause)) /* not by PID 1 */
		judgement_add(j, DETAIL_CRASH, KTSTR_FAIL,
			      "a process in the guest called reboot(2), and the machine was %s: %s", cause.what,
			      cause.line);
	else if (e->machine_reset)
		judgement_add(j, DETAIL_CRASH, KTSTR_FAIL,
			      "the guest's processor was reset, and the console does not say why; a triple fault and "
			      "an emergency restart do this");
}

static void find_scheduler(const struct evidence *e, const struct judge_facts *f, struct judgement *j)
{
	const char *log = buf_str(&e->text[WIRE_STREAM_SCHED]), *name = f->scheduler;
	const struct evidence_sched *s;
	char line[400];
	struct cause cause;
	if ((s = evidence_sched(e, WIRE_SCHED_UNSUPPORTED)))
		judgement_add(j, DETAIL_SKIP, KTSTR_SKIP, "kernel %s has no sched_ext", e->hello.release);
	if ((s = evidence_sched(e, WIRE_SCHED_LOAD_FAILED))) {
		bool known = cause_in_scheduler_log(log, &cause);
		cause_error_line(log, line, sizeof(line));
		if (WIFSIGNALED(s->wire.status))
			judgement_add(j, DETAIL_SCHEDULER, KTSTR_FAIL,
				      "scheduler '%s' was killed by SIG%s before it attached", name,
				      sigabbrev_np(WTERMSIG(s->wire.status)) ?: "?");
		else
			judgement_add(j, DETAIL_SCHEDULER, KTSTR_FAIL,
				      "scheduler '%s' exited at load with status %d: %s%s%s", name,
				      WEXITSTATUS(s->wire.status), known ? cause.what : "", known ? ": " : "",
				      known   ? cause.line
				      : *line ? line
					      : "it ended before it attached, and printed nothing");
	}
	if ((s = evidence_sched(e, WIRE_SCHED_NOT_ENABLED))) {
		cause_last_line(buf_str(&e->text[WIRE_STREAM_INIT]), line, sizeof(line));
		judgement_add(j, DETAIL_SCHEDULER, KTSTR_FAIL,
			      "scheduler '%s' could not be enabled (kernel_builtin_enable): %s", name, line);
	}
	if ((s = evidence_sched(e, WIRE_SCHED_NOT_ATTACHED))) {
		cause_last_line(log, line, sizeof(line));
		judgement_add(j, DETAIL_SCHEDULER, KTSTR_FAIL,
			      "scheduler '%s' runs but never attached in %u s of guest time (.attach_timeout_s)%s%s",
			      name, s->wire.limit_s, *line ? "; it last said: " : "", line);
	}
}

/* By the last event that names it: the one that tells of its end may not. */
static int scheduler_pid(const struct evidence *e, const struct evidence_sched *at)
{
	while (at > e->sched && !at->wire.pid)
		at--;
	return at->wire.pid;
}

/* The schedule shows the end of its process, and not some long wait. */
static void note_death(const struct evidence *e, const struct evidence_sched *end, struct judgement *j)
{
	const struct finding_moment moment = { end->time_ns, end->time_ns, scheduler_pid(e, end), -1 };
	judgement_moment(j, &moment);
}

static void find_scheduler_death(const struct evidence *e, const struct judge_facts *f, struct judgement *j)
{
	const struct evidence_sched *end = evidence_scheduler_end(e);
	char why[400];
	if (!end)
		return;
	const struct evidence_sched *enabled = evidence_sched(e, WIRE_SCHED_ENABLED);
	double at = enabled ? seconds(end->time_ns - enabled->time_ns) : 0;
	describe_ejection(e, why, sizeof(why));
	if (end->wire.event == WIRE_SCHED_EJECTED)
		judgement_add(j, DETAIL_SCHEDULER, KTSTR_FAIL,
			      "scheduler '%s' was disabled by the kernel %.1fs after it attached: %s", f->scheduler, at,
			      why);
	else if (WIFSIGNALED(end->wire.status))
		judgement_add(j, DETAIL_SCHEDULER, KTSTR_FAIL,
			      "scheduler process died unexpectedly %.1fs after it attached: '%s' was killed by SIG%s",
			      at, f->scheduler, sigabbrev_np(WTERMSIG(end->wire.status)) ?: "?");
	else
		judgement_add(
			j, DETAIL_SCHEDULER, KTSTR_FAIL,
			"scheduler process died unexpectedly %.1fs after it attached: '%s' exited with status %d%s%s",
			at, f->scheduler, WEXITSTATUS(end->wire.status), *why ? ": " : "", why);
	if (end->wire.event != WIRE_SCHED_EJECTED)
		note_death(e, end, j);
}

/* A process that is told to stop may end by the signals that ktstr sends for this. */
static bool died_when_stopped(const struct evidence_sched *s)
{
	int sig = WIFSIGNALED(s->wire.status) ? WTERMSIG(s->wire.status) : 0;
	bool told = s->wire.event == WIRE_SCHED_STOPPED || s->wire.event == WIRE_SCHED_DETACHED;
	return told && sig && sig != SIGINT && sig != SIGTERM && sig != SIGKILL;
}

static void find_scheduler_stop(const struct evidence *e, const struct judge_facts *f, struct judgement *j)
{
	for (const struct evidence_sched *s = e->sched; s < e->sched + e->sched_count; s++) {
		if (!died_when_stopped(s))
			continue;
		judgement_add(j, DETAIL_SCHEDULER, KTSTR_FAIL,
			      "scheduler process died: '%s' (pid %d) was killed by SIG%s when it was told to stop",
			      f->scheduler, scheduler_pid(e, s), sigabbrev_np(WTERMSIG(s->wire.status)) ?: "?");
		note_death(e, s, j);
	}
}

struct place {
	char text[300];
};

/* " (file:line)" of the test, or "" if it is not known. */
static struct place body_place(const struct judge_facts *f)
{
	struct place p = { "" };
	if (f->file)
		snprintf(p.text, sizeof(p.text), " (%.200s:%u)", f->file, f->line);
	return p;
}

/* The name of the last phase that the test reported, or NULL. */
static const char *last_phase(const struct evidence *e)
{
	return e->phase_count ? e->phase[e->phase_count - 1].wire.name : NULL;
}

/* ktstr kills the tests of a run that the user interrupts. Those tests did not crash. */
static bool was_ended(const struct evidence *e)
{
	int sig = WTERMSIG(e->test_exit.status);
	return e->interrupted && (sig == SIGKILL || sig == SIGTERM || sig == SIGINT);
}

static void find_test_process(const struct evidence *e, const struct judge_facts *f, struct judgement *j)
{
	const char *phase = last_phase(e);
	char line[300];
	if (e->has_test_exit && e->test_exit.timed_out)
		judgement_add(j, DETAIL_CRASH, KTSTR_FAIL, "the test did not end within its time and was killed");
	else if (e->has_test_exit && WIFSIGNALED(e->test_exit.status)) {
		if (!was_ended(e))
			judgement_add(j, DETAIL_CRASH, KTSTR_FAIL, "the test binary crashed: SIG%s, in %s%s%s%s",
				      sigabbrev_np(WTERMSIG(e->test_exit.status)) ?: "?", phase ? "phase '" : "",
				      phase ?: "the test's body", phase ? "'" : "", body_place(f).text);
	} else if (e->has_test_exit && !e->has_result && WEXITSTATUS(e->test_exit.status) == WIRE_TEST_UNHEARD) {
		judgement_add(j, DETAIL_CRASH, KTSTR_FAIL,
			      "the test closed its channel to PID 1: what came of it is not known");
	} else if (e->has_test_exit && !e->has_result) {
		cause_last_line(buf_str(&e->text[WIRE_STREAM_TEST]), line, sizeof(line));
		judgement_add(j, DETAIL_CRASH, KTSTR_FAIL,
			      "the test's body%s ended the process with status %d, without a result%s%s",
			      body_place(f).text, WEXITSTATUS(e->test_exit.status), *line ? ": " : "", line);
	}
	if (e->has_exit && e->exit.reason == WIRE_EXIT_IMAGE)
		judgement_add(j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE,
			      "the initramfs is incomplete: the guest has too little memory (%lu MiB)",
			      e->hello.memory_kib / 1024);
	if (e->has_exit && e->exit.reason == WIRE_EXIT_SYSCTL) {
		cause_last_line(buf_str(&e->text[WIRE_STREAM_INIT]), line, sizeof(line));
		judgement_add(j, DETAIL_HARNESS, KTSTR_FAIL,
			      "the scheduler's sysctls could not be set, so the test did not begin: %s",
			      *line ? line : strerror(-e->exit.status));
	}
	if (e->has_exit && e->exit.reason == WIRE_EXIT_SETUP) {
		cause_last_line(buf_str(&e->text[WIRE_STREAM_INIT]), line, sizeof(line));
		judgement_add(j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE, "the guest could not be set up: %s",
			      *line ? line : strerror(-e->exit.status));
	}
}

static bool hardly_ran(const struct evidence *e)
{
	return e->late_known && e->late_cpu < e->late_after / 10;
}

/*
 * A machine that the host stopped, or did not let run for as long as its limit, could not be in time. The guest may be
 * healthy, so the test is Inconclusive. A host that does not tell how long threads wait for a CPU is blamed if the
 * machine hardly ran. Returns false if the machine could run.
 */
static bool could_not_run(const struct evidence *e, struct judgement *j)
{
	bool denied = e->late_granted < e->late_limit || (!e->late_waits_known && hardly_ran(e));
	if (!e->late_known || (!e->late_stopped && !denied))
		return false;
	judgement_add(
		j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE,
		"the virtual machine got %.1fs of CPU time in %.0fs on the host, where its limit is %.0fs (attempt "
		"state %s): %s",
		(double)e->late_cpu / 1e9, (double)e->late_after / 1e9, (double)e->late_limit / 1e9, e->late_in,
		e->late_stopped ? "it was stopped by a signal, a debugger or its monitor"
				: "the host was too busy; run fewer tests at a time (--jobs)");
	return true;
}

/* The host deadline has passed: names the guest's last phase and the position of its first processor. */
static void find_lateness(const struct evidence *e, struct judgement *j)
{
	if (!e->late_in[0] || could_not_run(e, j))
		return;
	const char *rip = strstr(buf_str(&e->diagnosis), "RIP=");
	const char *where = e->phase_count ? e->phase[e->phase_count - 1].wire.name : e->has_hello ? "set-up" : "boot";
	judgement_add(j, DETAIL_CRASH, e->has_hello ? KTSTR_FAIL : KTSTR_INCONCLUSIVE,
		      "the guest hangs%s in %s (attempt state %s; guest time %.1fs%s%.*s)",
		      hardly_ran(e) ? ": its CPUs are idle" : "", where, e->late_in, seconds(e->last_ns),
		      rip ? ", CPU 0 at " : "", rip ? (int)strcspn(rip, " \n") : 0, rip ? rip : "");
}

#define CLEANUP_DILATION_MAX 1.1 /* of the host: above it, time says little */

static void find_slow_cleanup(const struct evidence *e, const struct judge_facts *f, struct judgement *j)
{
	double dilation;
	bool busy = e->series && contention_dilation(&e->series->host, &dilation) && dilation > CLEANUP_DILATION_MAX;
	if (!f->cleanup_budget || e->cleanup <= f->cleanup_budget)
		return;
	if (busy)
		judgement_add(j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE,
			      "cleanup_budget_ms cannot be judged: the machine took %ld ms to end after the test, more "
			      "than %ld, but the host was busy (host dilation %.2f)",
			      e->cleanup / NSEC_PER_MSEC, f->cleanup_budget / NSEC_PER_MSEC, dilation);
	else
		judgement_add(j, DETAIL_HARNESS, KTSTR_FAIL,
			      "the machine took %ld ms to end after the test, and cleanup_budget_ms is %ld",
			      e->cleanup / NSEC_PER_MSEC, f->cleanup_budget / NSEC_PER_MSEC);
}

/* The scheduler ran with its own time, which only matters to how soon a stall is found. */
static void note_watchdog(const struct evidence *e, const struct judge_facts *f, struct judgement *j)
{
	const char *why = e->no_stops ? e->no_stops : e->no_series;
	if (f->watchdog_s && !e->watchdog_set && evidence_sched(e, WIRE_SCHED_ENABLED))
		judgement_unjudged(j, "watchdog_timeout_s", "the kernel's watchdog has the scheduler's own time%s%s",
				   why ? ": " : "", why ? why : "");
}

static bool has_finding(const struct judgement *j, enum ktstr_verdict v)
{
	for (uint32_t i = 0; i < j->details; i++)
		if (j->detail[i].verdict == v)
			return true;
	return false;
}

/* A verdict other than Pass always has a reason. If there is no other, it is the return value of the body. */
static void find_silent_body(const struct evidence *e, const struct judge_facts *f, struct judgement *j)
{
	static const char *const words[] = { "KTSTR_PASS", "KTSTR_FAIL", "KTSTR_INCONCLUSIVE", "KTSTR_SKIP" };
	enum ktstr_verdict v = (enum ktstr_verdict)e->result.verdict;
	if (!e->has_result || v == KTSTR_PASS || has_finding(j, v))
		return;
	judgement_add(j, DETAIL_EXPECTATION, v, "the test's body%s returned %s without saying why", body_place(f).text,
		      words[v]);
}

static void find_expectations(const struct evidence *e, struct judgement *j)
{
	for (uint32_t i = 0; i < e->detail_count; i++)
		judgement_add(j, e->detail[i].expectation ? DETAIL_EXPECTATION : DETAIL_ENGINE,
			      (enum ktstr_verdict)e->detail[i].verdict, "%s", e->detail[i].text);
	if (e->details_lost)
		judgement_add(j, DETAIL_ENGINE, (enum ktstr_verdict)e->lost_verdict,
			      "the test reported %u more failures or remarks; only the first %d are kept",
			      e->details_lost, EVIDENCE_ITEMS_MAX);
	j->details_lost += e->details_lost;
	if (e->dropped)
		judgement_add(j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE,
			      "%u records did not fit into the guest's event log", e->dropped);
}

/* --- the fold ----------------------------------------------------------------------------------------------------- */

static enum ktstr_verdict fold(const struct evidence *e, const struct judgement *j)
{
	enum ktstr_verdict v = KTSTR_SKIP;
	bool any = e->has_result;
	if (e->has_result)
		v = (enum ktstr_verdict)e->result.verdict;
	for (uint32_t i = 0; i < j->details; i++) {
		if (!any || verdict_rank(j->detail[i].verdict) > verdict_rank(v))
			v = j->detail[i].verdict;
		any = true;
	}
	return any ? v : KTSTR_FAIL;
}

/* A test may run where nobody asks a language model: from an exported script. */
static void find_unread_output(const struct evidence *e, struct judgement *j)
{
	const struct wire_payload *p = e->output_count ? evidence_payload(e, e->output[0].payload) : NULL;
	if (p && !e->outputs_read)
		judgement_add(j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE,
			      "the output of payload '%s' was not read: only 'ktstr test' asks a language model",
			      p->name);
}

/* --- only the verifier -------------------------------------------------------------------------------------------- */

/* Why the programs were not verified with the constants that they were to have, or NULL: they were. */
static const char *constants_problem(const struct evidence *e)
{
	if (!e->verified)
		return "the guest's memory could not be read";
	if (e->constants_result == -ESTALE)
		return "the scheduler's constants have another size than those of --rodata: another build made them";
	if (e->constants_result == -ENOENT)
		return "the scheduler has no such constants as --rodata, or it ended before it loaded a program";
	return e->constants_result ? "the scheduler's constants could not be written" : NULL;
}

static void find_rejected(const struct evidence *e, const struct judge_facts *f, struct judgement *j)
{
	const char *problem = constants_problem(e);
	struct cause cause;
	bool known = cause_in_scheduler_log(buf_str(&e->text[WIRE_STREAM_SCHED]), &cause);
	if (problem) {
		judgement_add(j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE, "%s", problem);
		return;
	}
	if (!e->verified->programs)
		judgement_add(j, DETAIL_HARNESS, KTSTR_INCONCLUSIVE, "no program of the scheduler was verified");
	for (unsigned i = 0; i < e->verified->programs; i++)
		if (!e->verified->program[i].loaded)
			judgement_add(j, DETAIL_SCHEDULER, KTSTR_FAIL, "scheduler '%s': %s was not loaded%s%s%s%s",
				      f->scheduler, e->verified->program[i].name, known ? ": " : "",
				      known ? cause.what : "", known ? ": " : "", known ? cause.line : "");
}

/* The scheduler has constants of another machine, so it is ended before it attaches. */
static int judge_verification(const struct evidence *e, const struct judge_facts *f, struct judgement *j)
{
	if (!e->verified_all) {
		find_no_machine(e, j);
		find_kernel_crash(e, j);
	}
	find_rejected(e, f, j);
	j->verdict = KTSTR_PASS;
	for (uint32_t i = 0; i < j->details; i++)
		if (verdict_rank(j->detail[i].verdict) > verdict_rank(j->verdict))
			j->verdict = j->detail[i].verdict;
	return j->failed ? -ENOMEM : 0;
}

int judge(const struct evidence *e, const struct judge_facts *f, struct judgement *ret)
{
	struct judgement *j = ret;
	struct check_facts checks = { .limits = &f->limits,
				      .emulated = f->emulated,
				      .parallel_time = f->parallel_time,
				      .scx = f->has_scheduler };
	*j = (struct judgement){ 0 };
	int r = stats_compute(e, &j->stats);
	if (r < 0)
		return r;
	if (f->verifies_only)
		return judge_verification(e, f, j);
	find_no_machine(e, j);
	find_kernel_crash(e, j);
	if (f->has_scheduler) {
		find_scheduler(e, f, j);
		find_scheduler_death(e, f, j);
		find_scheduler_stop(e, f, j);
		if (f->survives_storm)
			find_storm(e, j);
	}
	find_test_process(e, f, j);
	find_lateness(e, j);
	find_slow_cleanup(e, f, j);
	note_watchdog(e, f, j);
	check_loads(e, &checks, j);
	check_protocol(e, j);
	find_expectations(e, j);
	find_silent_body(e, f, j);
	find_unread_output(e, j);
	if (!e->has_result && !j->details)
		judgement_add(j, DETAIL_HARNESS, KTSTR_FAIL, "no test result received from the guest");
	if (fold(e, j) == KTSTR_PASS)
		check_monitor(e, &f->limits, f->has_scheduler, j);
	j->verdict = fold(e, j);
	apply_hotplug(e, f, j);
	apply_expectation(e, f, j);
	return j->failed ? -ENOMEM : 0;
}
