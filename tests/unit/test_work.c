/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Work types on machines that lack something: which ones are refused, with which message, and whether that is a Skip.
 */
#include <poll.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/work/work.h"
#include "guest/workers/worker_report.h"
#include "guest/workers/worker_set.h"
#include "t.h"

/* socket(2) fails with @code for packet sockets, as on a kernel without them. */
static void forbid_packets(int code)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter ||
	    seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)code), SCMP_SYS(socket), 1,
			     SCMP_A0(SCMP_CMP_EQ, AF_PACKET)) < 0 ||
	    seccomp_load(filter) < 0)
		_exit(2);
	seccomp_release(filter);
}

/* Starts a worker of @type in its own process and returns what it notes; status 1: it was not refused. */
static struct worker_slot *begin(enum ktstr_work_type type, int packets, const struct guest_topology *topology,
				 int *status)
{
	struct worker_slot *slot = mmap(NULL, sizeof(*slot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(slot != MAP_FAILED);
	pid_t pid = fork();
	if (!pid) {
		struct ktstr_work work = { .type = type };
		struct ktstr_worker w = { .slot = slot,
					  .member_slot = slot,
					  .worker_slot = slot,
					  .members = 1,
					  .work = &work,
					  .type = work_type(&work),
					  .clock = *ticks(),
					  .topology = topology };
		if (packets)
			forbid_packets(packets);
		worker_begin(&w);
		w.type->begin(&w);
		_exit(1);
	}
	ck_assert_int_eq(waitpid(pid, status, 0), pid);
	return slot;
}

static void done(struct worker_slot *slot)
{
	munmap(slot, sizeof(*slot));
}

START_TEST(without_packet_sockets_network_types_are_skipped)
{
	static const enum ktstr_work_type type[] = { KTSTR_WORK_NET_TRAFFIC, KTSTR_WORK_IRQ_WAKE };
	int status = 0;
	struct worker_slot *slot = begin(type[_i], EAFNOSUPPORT, NULL, &status);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ck_assert_int_eq(slot->trouble, TROUBLE_UNSUPPORTED);
	ck_assert_int_eq(slot->trouble_code, -EAFNOSUPPORT);
	ck_assert_str_eq(slot->trouble_text, "packet sockets");
	ck_assert_uint_eq(slot->report.counts_progress, 0);
	done(slot);
}
END_TEST

/* If packet sockets are not permitted, the machine is set up wrongly: that is not a Skip. */
START_TEST(who_may_not_have_packet_sockets_has_failed)
{
	int status = 0;
	struct worker_slot *slot = begin(KTSTR_WORK_NET_TRAFFIC, EPERM, NULL, &status);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ck_assert_int_eq(slot->trouble, TROUBLE_WORK);
	ck_assert_int_eq(slot->trouble_code, -EPERM);
	done(slot);
}
END_TEST

/* One NUMA node; cores of one thread. */
static struct guest_topology plain_topology(void)
{
	struct guest_topology t = { .cpus = GUEST_CPUS_MAX, .nodes = 1 };
	for (unsigned i = 0; i < t.cpus; i++)
		t.cpu[i] = (struct wire_cpu){ .cpu = i, .core = i };
	return t;
}

START_TEST(without_siblings_or_nodes_types_are_skipped)
{
	static const enum ktstr_work_type type[] = { KTSTR_WORK_SMT_SIBLING_SPIN, KTSTR_WORK_NUMA_MIGRATION_CHURN };
	struct guest_topology plain = plain_topology();
	int status = 0;
	struct worker_slot *slot = begin(type[_i], 0, &plain, &status);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ck_assert_int_eq(slot->trouble, TROUBLE_UNSUPPORTED);
	done(slot);
}
END_TEST

static void trouble(struct worker_set *c, size_t i, enum worker_trouble what, int code, const char *text)
{
	c->slot[i].trouble = what;
	c->slot[i].trouble_code = code;
	snprintf(c->slot[i].trouble_text, sizeof(c->slot[i].trouble_text), "%s", text);
}

/* A fault outranks a lack of the machine, whichever of them comes first. */
START_TEST(a_fault_weighs_more_than_a_lack)
{
	static const struct ktstr_load load = { .work = { .type = KTSTR_WORK_NET_TRAFFIC } };
	static const struct worker_place place = { .cgroup = "g" };
	struct channel nobody = { .fd = -1 };
	uint32_t cgroups = 0, workers = 0;
	struct worker_set set;
	char why[256] = "";
	ck_assert_int_eq(worker_set_init(&set, 1, NULL, NULL), 0);
	ck_assert_int_eq(worker_set_add(&set, &load, 3, &place, NULL), 0);
	ck_assert_int_eq(worker_set_report(&set, &nobody, &cgroups, &workers, why, sizeof(why)), KTSTR_PASS);
	trouble(&set, 1, TROUBLE_UNSUPPORTED, -EAFNOSUPPORT, "packet sockets");
	ck_assert_int_eq(worker_set_report(&set, &nobody, &cgroups, &workers, why, sizeof(why)), KTSTR_SKIP);
	ck_assert_str_eq(why, "cgroup 'g': NetTraffic cannot run here, it needs packet sockets");
	trouble(&set, _i ? 2 : 0, TROUBLE_WORK, -EPERM, "packet sockets");
	ck_assert_int_eq(worker_set_report(&set, &nobody, &cgroups, &workers, why, sizeof(why)), KTSTR_FAIL);
	ck_assert_str_eq(why, "cgroup 'g': worker tid 0 could not begin: packet sockets: Operation not permitted");
	ck_assert(cgroups == 3 && workers == 9);
	worker_set_done(&set);
}
END_TEST

/* --- ends of workers when the test's body ignores SIGCHLD --------------------------------------------------------- */

static const struct {
	bool before, flag; /* SIGCHLD is ignored before the worker starts, else while it runs; by SA_NOCLDWAIT */
	int kill;	   /* this signal ends the worker; 0: it is stopped as usual */
	enum wire_worker_end end;
	int code;
} ignored[] = {
	{ true, false, 0, WIRE_WORKER_COMPLETED, 0 },		{ false, false, 0, WIRE_WORKER_COMPLETED, 0 },
	{ true, true, SIGKILL, WIRE_WORKER_SIGNALED, SIGKILL }, { true, false, SIGABRT, WIRE_WORKER_SIGNALED, SIGABRT },
	{ false, false, SIGKILL, WIRE_WORKER_EXITED, -1 }, /* its status is lost, but it is not waited for */
};

static void ignore_children(bool flag)
{
	struct sigaction act = { .sa_handler = flag ? SIG_DFL : SIG_IGN, .sa_flags = flag ? SA_NOCLDWAIT : 0 };
	t_ok(sigaction(SIGCHLD, &act, NULL));
}

static void kill_and_await(pid_t pid, int sig)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	t_ok(kill(pid, sig));
	ck_assert_int_eq(poll(&end, 1, 20000), 1);
	close(pidfd);
}

START_TEST(workers_end_although_sigchld_is_ignored)
{
	static struct guest_topology topology;
	static const struct ktstr_load load = { .work = { .type = KTSTR_WORK_YIELD_HEAVY } };
	static const struct worker_place place = { .cgroup = "" };
	struct worker_set set;
	t_ok(guest_topology_read("/sys", &topology));
	t_ok(worker_set_init(&set, 1, &topology, NULL));
	t_ok(worker_set_add(&set, &load, 1, &place, NULL));
	if (ignored[_i].before)
		ignore_children(ignored[_i].flag);
	t_ok(worker_set_start(&set, NULL));
	if (!ignored[_i].before)
		ignore_children(ignored[_i].flag);
	while (!atomic_load(&set.slot[0].last_check)) /* it runs */
		usleep(1000);
	if (ignored[_i].kill)
		kill_and_await(set.member[0].pid, ignored[_i].kill);
	worker_set_stop(&set, NULL);
	ck_assert(set.member[0].over);
	ck_assert_uint_eq(set.slot[0].report.end, ignored[_i].end);
	ck_assert_int_eq(set.slot[0].report.end_code, ignored[_i].code);
	worker_set_done(&set);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, without_packet_sockets_network_types_are_skipped, 0, 2);
	tcase_add_test(tc, who_may_not_have_packet_sockets_has_failed);
	tcase_add_loop_test(tc, without_siblings_or_nodes_types_are_skipped, 0, 2);
	tcase_add_loop_test(tc, workers_end_although_sigchld_is_ignored, 0, ARRAY_SIZE(ignored));
	tcase_add_loop_test(tc, a_fault_weighs_more_than_a_lack, 0, 2);
}

int main(void)
{
	return t_main("work", fill);
}
