/* SPDX-License-Identifier: GPL-2.0-only */
/* main.c -- the main function of PID 1, from the first mount to the end of the machine. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/utsname.h>

#include <ktstr/test.h>

#include "base/file.h"
#include "guest/arch.h"
#include "guest/topology.h"
#include "guest/init/devices.h"
#include "guest/init/park.h"
#include "guest/init/scheduler.h"
#include "guest/init/session.h"
#include "guest/init/setup.h"
#include "guest/init/test.h"
#include "guest/init/watch.h"

/* Ends the machine with one instruction if it has a port for that. */
static void __attribute__((noreturn)) power_off(struct init *i)
{
	if (i->exit_port)
		arch_end_machine(i->exit_port);
	reboot(RB_POWER_OFF);
	reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}

static void __attribute__((noreturn)) finish_guest(struct init *i, enum wire_exit_reason reason, int status)
{
	struct wire_exit record = { .reason = reason, .status = status };
	log_put(&i->log, WIRE_EXIT, &record, sizeof(record));
	power_off(i);
}

/* QEMU's emulated processors count nanoseconds, unless they name another frequency. */
static uint64_t counter_ahead(void)
{
	if (!arch_is_tcg())
		return 0;
	nsec_t clock = nsec_now();
	double tick = arch_counter_hz() ? 1e9 / (double)arch_counter_hz() : 1;
	double ahead = (double)arch_counter() * tick - (double)clock;
	return ahead > 0 ? (uint64_t)ahead : 0;
}

static void say_hello(struct init *i, const struct guest_topology *topology)
{
	struct wire_hello hello = { .api = KTSTR_API_VERSION,
				    .cpus = topology->cpus,
				    .counter_ahead_ns = counter_ahead() };
	struct utsname name;
	if (uname(&name) == 0)
		snprintf(hello.release, sizeof(hello.release), "%.63s", name.release);
	hello.memory_kib = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
	log_put(&i->log, WIRE_HELLO, &hello, sizeof(hello));
}

/*
 * Makes PID 1 real-time, locks its memory and exempts it from the OOM killer, so that no test can keep it from running.
 */
static void rise_above_the_test(void)
{
	struct sched_param param = { .sched_priority = 99 };
	sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &param);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	file_write("/proc/self/oom_score_adj", "-1000");
}

/* Work that is the same for all tests comes before park(), work that depends on the test after it. */
static void prepare_guest(struct init *i)
{
	static struct guest_topology topology;
	int r = setup_mounts(i);
	if (r == 0)
		r = setup_log(i);
	if (r == 0) {
		setup_cpus(i);
		r = guest_topology_read("/sys", &topology);
	}
	if (r == 0)
		r = setup_cgroups(i);
	if (r == 0) {
		setup_loopback(i);
		r = watch_open(i);
	}
	if (r == 0)
		r = park(i);
	log_publish(&i->log);
	if (r < 0)
		finish_guest(i, WIRE_EXIT_SETUP, r);
	say_hello(i, &topology);
	if (!path_exists("/.ktstr_init_ok") || setup_conf(i) < 0)
		finish_guest(i, WIRE_EXIT_IMAGE, 0);
	log_put(&i->log, WIRE_TOPOLOGY, topology.cpu, topology.cpus * sizeof(topology.cpu[0]));
	rise_above_the_test();
	setup_counters(i);
	r = setup_sysctls(i);
	if (r < 0)
		finish_guest(i, WIRE_EXIT_SYSCTL, r);
	r = setup_devices(i);
	if (r == 0)
		r = setup_workload_root(i);
	if (r == 0)
		r = setup_config(i);
	if (r < 0)
		finish_guest(i, WIRE_EXIT_SETUP, r);
}

int main(void)
{
	static struct init i;
	if (getpid() != 1) {
		fprintf(stderr, "ktstr-init is the first process of a test guest and does nothing elsewhere\n");
		return 64;
	}
	setenv("PATH", "/include-files:/bin:/usr/bin:/sbin:/usr/sbin", 1);
	setenv("HOME", "/root", 1);
	setenv("KTSTR_GUEST_INIT", "1", 1);
	prepare_guest(&i);
	setup_moved(&i);
	if (i.conf.session.kind) {
		setup_seed(&i);
		int r = session_run(&i);
		finish_guest(&i, r < 0 ? WIRE_EXIT_SETUP : WIRE_EXIT_DONE, r);
	}
	if (!i.conf.test)
		finish_guest(&i, WIRE_EXIT_DONE, 0);
	setup_seed(&i);
	if (i.conf.scheduler && !scheduler_await(&i)) {
		scheduler_stop(&i);
		finish_guest(&i, WIRE_EXIT_SCHED, 0);
	}
	int r = test_start(&i);
	if (r < 0) {
		log_error(&i.log, "start the test: %s", strerror(-r));
		finish_guest(&i, WIRE_EXIT_SETUP, r);
	}
	test_await(&i);
	scheduler_stop(&i);
	finish_guest(&i, WIRE_EXIT_DONE, 0);
}
