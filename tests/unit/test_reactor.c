/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The real backend: files, pipes, children, signals, jobs. Each rule of machine.h has a test that detects its
 * violation.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/file.h"
#include "reactor/child.h"
#include "reactor/interrupt.h"
#include "reactor/machine.h"
#include "reactor/signal.h"
#include "t.h"

static struct reactor *reactor;

static void begin(void)
{
	t_ok(reactor_new(&reactor, NULL));
}

static void end(void)
{
	reactor = reactor_free(reactor);
}

/* --- a machine whose one wait is chosen by the test --------------------------------------------------------------- */

struct probe {
	struct machine machine;
	void (*wait)(struct probe *p);
	int got;   /* result that the second handler saw */
	int ended; /* machine's result; 1: none yet */
	int cleanups;
	bool fail_first;
	struct child child;
	struct offload_job job;
	struct notice notice;
	int fds[2];
	char bytes[8];
};

enum { P_START, P_AFTER, P_CLEANUP, P_COUNT };

static int p_start(struct machine *m, int result)
{
	struct probe *p = container_of(m, struct probe, machine);
	(void)result;
	if (p->fail_first)
		return -EPERM;
	p->wait(p);
	return P_AFTER;
}

static int p_after(struct machine *m, int result)
{
	container_of(m, struct probe, machine)->got = result;
	return MACHINE_END;
}

static int p_cleanup(struct machine *m, int result)
{
	struct probe *p = container_of(m, struct probe, machine);
	p->got = result;
	p->cleanups++;
	return MACHINE_END;
}

static void p_done(struct machine *m, int result)
{
	container_of(m, struct probe, machine)->ended = result;
}

static const struct machine_state probe_states[P_COUNT] = {
	[P_START] = { "start", p_start, 200 * NSEC_PER_MSEC, P_CLEANUP, TO(P_AFTER) | TO(P_CLEANUP) },
	[P_AFTER] = { "after", p_after, DEADLINE_NONE, 0, TO_END },
	[P_CLEANUP] = { "cleanup", p_cleanup, DEADLINE_NONE, 0, TO_END },
};
static const struct machine_type probe_type = { "probe", probe_states, P_COUNT, p_done };

static void start(struct probe *p, void (*wait)(struct probe *))
{
	*p = (struct probe){ .wait = wait, .ended = 1, .got = 1, .child = CHILD_NULL };
	machine_start(reactor, &p->machine, &probe_type, NULL, "probe");
}

static void run(struct probe *p, void (*wait)(struct probe *))
{
	start(p, wait);
	t_ok(reactor_run(reactor));
}

/* --- waits -------------------------------------------------------------------------------------------------------- */

static void wait_sleep(struct probe *p)
{
	machine_sleep(&p->machine, NSEC_PER_MSEC);
}

static void wait_for_ever(struct probe *p)
{
	machine_wait_notice(&p->machine, &p->notice);
}

static void wait_read(struct probe *p)
{
	t_ok(pipe2(p->fds, O_CLOEXEC));
	machine_read(&p->machine, p->fds[0], p->bytes, sizeof(p->bytes), OP_STREAM);
}

static void close_pipe(struct probe *p)
{
	fd_close(p->fds[0]);
	fd_close(p->fds[1]);
}

static void spawn(struct probe *p, const char *const *argv)
{
	struct child_spec spec = { .argv = argv };
	t_ok(child_spawn(reactor, &p->child, &spec, NULL));
	machine_wait_child(&p->machine, &p->child);
}

static void wait_true(struct probe *p)
{
	spawn(p, (const char *const[]){ "sh", "-c", "exit 3", NULL });
}

static void wait_long_child(struct probe *p)
{
	spawn(p, (const char *const[]){ "sh", "-c", "sleep 1000 & wait", NULL });
}

static int job_42(void *arg)
{
	*(int *)arg = 42;
	return 7;
}

static int job_value;

static void wait_job(struct probe *p)
{
	machine_offload(&p->machine, &p->job, job_42, &job_value);
}

START_TEST(sleep_ends_well)
{
	struct probe p = { 0 };
	begin();
	run(&p, wait_sleep);
	ck_assert_int_eq(p.ended, 0);
	ck_assert_int_eq(p.got, 0);
	end();
}
END_TEST

START_TEST(deadline_takes_the_failure_path)
{
	struct probe p = { 0 };
	begin();
	run(&p, wait_for_ever);
	ck_assert_int_eq(p.ended, -ETIME);
	ck_assert_int_eq(p.cleanups, 1);
	ck_assert_int_eq(p.got, -ETIME);
	ck_assert_uint_eq(p.machine.failed_in, P_START);
	end();
}
END_TEST

/* --- a machine whose handlers run several times in one state ------------------------------------------------------ */

struct repeater {
	struct machine machine;
	unsigned runs, first[2]; /* handlers run; first entries seen, by state */
};

static int repeat(struct machine *m, int result)
{
	struct repeater *p = container_of(m, struct repeater, machine);
	(void)result;
	p->first[m->state] += m->first_entry;
	if (++p->runs == 6)
		return MACHINE_END;
	machine_nop(m);
	return p->runs / 3;
}

static const struct machine_state repeat_states[] = {
	{ "one", repeat, DEADLINE_NONE, 0, TO(1) },
	{ "two", repeat, DEADLINE_NONE, 0, TO_END },
};
static const struct machine_type repeat_type = { "repeat", repeat_states, 2, NULL };

START_TEST(first_entry_is_seen_once_a_state)
{
	struct repeater p = { 0 };
	begin();
	machine_start(reactor, &p.machine, &repeat_type, NULL, "repeat");
	t_ok(reactor_run(reactor));
	ck_assert_uint_eq(p.runs, 6);
	ck_assert_uint_eq(p.first[0], 1);
	ck_assert_uint_eq(p.first[1], 1);
	ck_assert_uint_eq(p.machine.failed_in, MACHINE_END);
	end();
}
END_TEST

START_TEST(cancel_of_a_read_waits_for_its_completion)
{
	struct probe p = { 0 };
	begin();
	start(&p, wait_read);
	t_ok(reactor_turn(reactor, 0));
	t_ok(reactor_turn(reactor, 0));
	machine_cancel(&p.machine);
	machine_cancel(&p.machine);
	t_ok(reactor_run(reactor));
	ck_assert_int_eq(p.ended, -ECANCELED);
	ck_assert_int_eq(p.cleanups, 1);
	ck_assert_int_eq(p.machine.op.phase, OP_IDLE);
	close_pipe(&p);
	end();
}
END_TEST

START_TEST(cancel_before_the_first_handler)
{
	struct probe p = { 0 };
	begin();
	start(&p, wait_sleep);
	machine_cancel(&p.machine);
	t_ok(reactor_run(reactor));
	ck_assert_int_eq(p.ended, -ECANCELED);
	ck_assert_int_eq(p.cleanups, 1);
	end();
}
END_TEST

START_TEST(handler_failure_reaches_cleanup)
{
	struct probe p = { 0 };
	begin();
	start(&p, wait_sleep);
	p.fail_first = true;
	t_ok(reactor_run(reactor));
	ck_assert_int_eq(p.ended, -EPERM);
	ck_assert_int_eq(p.cleanups, 1);
	end();
}
END_TEST

START_TEST(child_status_is_kept)
{
	struct probe p = { 0 };
	begin();
	run(&p, wait_true);
	ck_assert_int_eq(p.ended, 0);
	ck_assert_int_eq(WEXITSTATUS(p.child.status), 3);
	child_done(&p.child);
	end();
}
END_TEST

START_TEST(late_child_is_killed_with_its_group)
{
	struct probe p = { 0 };
	int status;
	t_ok(prctl(PR_SET_CHILD_SUBREAPER, 1));
	begin();
	run(&p, wait_long_child);
	ck_assert_int_eq(p.ended, -ETIME);
	ck_assert(WIFSIGNALED(p.child.status));
	/* The child's own child was in its group and is now a child of this process, which reaps it after its death. */
	pid_t grandchild = 0;
	for (int i = 0; i < 2000 && grandchild == 0; i++) {
		grandchild = waitpid(-p.child.pid, &status, WNOHANG);
		if (grandchild == 0)
			t_ok(reactor_turn(reactor, nsec_now() + 5 * NSEC_PER_MSEC));
	}
	ck_assert_int_gt(grandchild, 0);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == WTERMSIG(p.child.status));
	ck_assert(kill(-p.child.pid, 0) < 0 && errno == ESRCH);
	child_done(&p.child);
	end();
}
END_TEST

START_TEST(missing_program_is_an_error_not_a_status)
{
	struct child c;
	struct err *err = NULL;
	struct child_spec spec = { .argv = (const char *const[]){ "no-such-program-anywhere", NULL } };
	begin();
	t_errno(child_spawn(reactor, &c, &spec, &err), ENOENT);
	t_err_contains(&err, "no-such-program-anywhere");
	end();
}
END_TEST

static void wait_limited(struct probe *p)
{
	spawn(p, (const char *const[]){ "sh", "-c", "exec test $(ulimit -Sn) = 300", NULL });
}

/* The process raises its own limit to run many machines; programs that it starts get the original limit. */
START_TEST(child_may_open_as_many_files_as_we_might)
{
	struct probe p = { .child = CHILD_NULL };
	struct rlimit before, limit;
	t_ok(getrlimit(RLIMIT_NOFILE, &before));
	limit = (struct rlimit){ 300, before.rlim_max };
	t_ok(setrlimit(RLIMIT_NOFILE, &limit));
	begin();
	t_ok(getrlimit(RLIMIT_NOFILE, &limit));
	ck_assert_uint_eq(limit.rlim_cur, before.rlim_max);
	run(&p, wait_limited);
	ck_assert_int_eq(p.child.status, 0);
	child_done(&p.child);
	end();
	t_ok(getrlimit(RLIMIT_NOFILE, &limit));
	ck_assert_uint_eq(limit.rlim_cur, 300);
	t_ok(setrlimit(RLIMIT_NOFILE, &before));
}
END_TEST

START_TEST(offload_returns_its_result)
{
	struct probe p = { 0 };
	begin();
	run(&p, wait_job);
	ck_assert_int_eq(p.got, 7);
	ck_assert_int_eq(job_value, 42);
	end();
}
END_TEST

START_TEST(notice_posted_early_is_not_lost)
{
	struct probe p = { 0 };
	begin();
	start(&p, wait_for_ever);
	notice_post(&p.notice);
	t_ok(reactor_run(reactor));
	ck_assert_int_eq(p.ended, 0);
	end();
}
END_TEST

static int signals_seen;

static void on_signal(void *data, int sig)
{
	(void)data;
	signals_seen += sig == SIGUSR2;
}

START_TEST(signals_arrive_on_the_loop)
{
	struct signals s;
	struct probe p = { 0 };
	sigset_t set;
	begin();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	t_ok(signals_init(&s, reactor, &set, on_signal, NULL, NULL));
	raise(SIGUSR2);
	run(&p, wait_sleep);
	ck_assert_int_eq(signals_seen, 1);
	signals_done(&s);
	end();
}
END_TEST

/* Work that has to clean up is not ended by a signal that comes before or after the loop runs. */
START_TEST(a_signal_waits_for_the_release)
{
	_cleanup_err_ struct err *err = NULL;
	sigset_t before, after;
	interrupt_hold(&before);
	kill(getpid(), SIGTERM);
	kill(getpid(), SIGINT);
	ck_assert_int_eq(interrupt_release(&before, &err), -ECANCELED);
	ck_assert_int_eq(err_kind_of(err), ERR_INTERRUPTED);
	interrupt_hold(&before);
	t_ok(interrupt_release(&before, NULL));
	sigprocmask(SIG_SETMASK, NULL, &after);
	ck_assert(!sigismember(&after, SIGINT) && !sigismember(&after, SIGTERM));
}
END_TEST

START_TEST(a_full_submission_queue_is_normal)
{
	enum { MANY = 2000 };
	static struct probe p[MANY];
	begin();
	for (int i = 0; i < MANY; i++)
		start(&p[i], wait_sleep);
	t_ok(reactor_run(reactor));
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(p[i].ended, 0);
	end();
}
END_TEST

START_TEST(describe_names_state_and_wait)
{
	struct probe p = { 0 };
	struct buf out = BUF_NULL;
	begin();
	start(&p, wait_for_ever);
	t_ok(reactor_turn(reactor, 0));
	reactor_describe(reactor, &out);
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "start"));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "a notice"));
	reactor_cancel_all(reactor);
	t_ok(reactor_run(reactor));
	buf_done(&out);
	end();
}
END_TEST

/* valgrind 3.19 does not know pidfd_open(2), without which children cannot be supervised. */
static bool has_pidfd_open(void)
{
	_cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	if (fd < 0)
		printf("# no pidfd_open(2) here: tests of children are left out\n");
	return fd >= 0;
}

static void fill(TCase *tc)
{
	tcase_add_test(tc, sleep_ends_well);
	tcase_add_test(tc, deadline_takes_the_failure_path);
	tcase_add_test(tc, first_entry_is_seen_once_a_state);
	tcase_add_test(tc, cancel_of_a_read_waits_for_its_completion);
	tcase_add_test(tc, cancel_before_the_first_handler);
	tcase_add_test(tc, handler_failure_reaches_cleanup);
	if (has_pidfd_open()) {
		tcase_add_test(tc, child_status_is_kept);
		tcase_add_test(tc, late_child_is_killed_with_its_group);
	}
	tcase_add_test(tc, child_may_open_as_many_files_as_we_might);
	tcase_add_test(tc, missing_program_is_an_error_not_a_status);
	tcase_add_test(tc, offload_returns_its_result);
	tcase_add_test(tc, notice_posted_early_is_not_lost);
	tcase_add_test(tc, signals_arrive_on_the_loop);
	tcase_add_test(tc, a_signal_waits_for_the_release);
	tcase_add_test(tc, a_full_submission_queue_is_normal);
	tcase_add_test(tc, describe_names_state_and_wait);
}

int main(void)
{
	return t_main("reactor", fill);
}
