/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * init.h -- the state of PID 1 of a test guest.
 *
 * PID 1 has one thread and one poll loop, and is a real-time task above all tasks under test, so that a broken
 * scheduler cannot starve it. Order of the files: log.c (guest memory), setup.c (mounts, control groups), devices.c,
 * unpack.c and park.c (clones), spawn.c, sched_state.c (what the kernel says about the scheduler), watch.c (the loop),
 * kernel_builtin.c, scheduler.c and test.c (the scheduler and the two children), session.c (`ktstr shell` instead of a
 * test), main.c (the sequence).
 */
#ifndef KTSTR_GUEST_INIT_H
#define KTSTR_GUEST_INIT_H

#include <poll.h>
#include <stdbool.h>

#include <ktstr/device.h>

#include "base/buf.h"
#include "base/time.h"
#include "guest/channel.h"
#include "guest/init/log.h"

#define INIT_ARGS_MAX	    64
#define INIT_STAGED_MAX	    8
#define SCHED_STOP_DEADLINE (2 * NSEC_PER_SEC)
#define TEST_GRACE	    (8 * NSEC_PER_SEC) /* time for a test to end after its scheduler is gone */

/* The contents of /ktstr.conf: the configuration of this boot. */
struct init_conf {
	char *test; /* NULL: no test, only send the hello record */
	char *seed, *duration_ns;
	uint64_t seed_value, limit_ns;
	bool scheduler;
	bool coverage;	   /* count the code that the test and its programs execute */
	uint64_t load_cpu; /* CPU number + 1; 0: any CPU */
	struct sched_conf {
		const char *name; /* name in the test's declaration; NULL: the test's own scheduler */
		const char *args[INIT_ARGS_MAX + 1];
		unsigned arg_count;
		uint64_t attach_s; /* time limit for attaching, in guest time */
	} sched, staged[INIT_STAGED_MAX];
	unsigned staged_count;
	struct builtin_conf { /* a scheduler of the kernel itself, instead of `sched`: lines as in guest/builtin.h */
		const char *enable[INIT_ARGS_MAX], *disable[INIT_ARGS_MAX];
		unsigned enable_count, disable_count; /* 0: the test's scheduler is a program */
	} builtin;
	const char *cgroup_parent, *workload_root; /* control groups to make; NULL: none */
	const char *config_path;		   /* where the scheduler expects /ktstr.config; NULL: nowhere */
	struct session_conf {			   /* of `ktstr shell`; texts, NULL: not set */
		const char *kind;		   /* "shell" or "command"; NULL: this guest has a test */
		const char *input;		   /* set: the command's standard input comes from the host */
		const char *columns, *rows;	   /* of the terminal */
		const char *clock;		   /* the date, in seconds */
		bool command;
	} session;
	struct device_conf {
		const char *disk; /* file system, or "raw"; NULL: no disk */
		const char *mount;
		bool read_only;
		const char *network[KTSTR_NETWORKS_MAX];
		unsigned networks;
	} device;
	char *sysctls[INIT_ARGS_MAX];
	unsigned sysctl_count;
	struct buf text; /* the strings above point into this buffer */
};

enum source { SRC_SIGNAL, SRC_SCHED_OUT, SRC_TEST_OUT, SRC_CHANNEL, SRC_UEVENT, SRC_KMSG, SRC_TRACE, SRC_MAX };

struct init {
	struct guest_log log;
	struct init_conf conf;
	uint64_t counters;	   /* memory for the counters of executed code, guest-physical; 0: nothing is counted */
	struct pollfd fd[SRC_MAX]; /* -1: not open */
	int sched_pid, test_pid;   /* 0: none, or ended */
	int sched_status, test_status;
	bool sched_started, sched_ended, test_ended;
	bool builtin_on;	 /* the scheduler of the kernel itself is enabled */
	bool attached;		 /* the kernel has enabled it and not disabled it since */
	uint32_t attach_limit_s; /* of the scheduler that did not attach in time */
	bool ejected;
	bool detached;		      /* at the test's request */
	struct sched_request request; /* the test's pending request; kind 0: none */
	uint16_t exit_port;
	bool late_cpus;	    /* PID 1 must bring up all CPUs except the first */
	uint16_t park_port; /* 0: this machine will not be saved */
};

#endif
