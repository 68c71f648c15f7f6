/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * init.h -- PID 1 of a test guest.
 *
 * PID 1 has one thread and one poll loop, and is a real-time task above all tasks under test, so that a broken
 * scheduler cannot starve it. Order of the files: setup.c (mounts, control groups), log.c (guest memory), scheduler.c
 * and test.c (the two children), watch.c (the loop), main.c (the sequence).
 */
#ifndef KTSTR_GUEST_INIT_H
#define KTSTR_GUEST_INIT_H

#include <poll.h>
#include <stdbool.h>

#include <ktstr/wire.h>

#include "base/buf.h"
#include "base/time.h"
#include "guest/channel.h"

#define INIT_ARGS_MAX	    64
#define INIT_STAGED_MAX	    8
#define SCHED_STOP_DEADLINE (2 * NSEC_PER_SEC)
#define TEST_GRACE	    (8 * NSEC_PER_SEC) /* time for a test to end after its scheduler is gone */
#define STREAM_BYTES_MAX    ((size_t)1 << 20)  /* per stream in the log */

#define UNPACK_BYTES_MAX ((size_t)1 << 30) /* of an image, unpacked */

/* The event log in guest memory. */
struct guest_log {
	struct wire_header *header; /* NULL: no log was configured, records are dropped */
	uint8_t *records;
	uint64_t written, capacity, dropped; /* private copies: the values in guest memory are only for the reader */
	size_t stream_bytes[WIRE_STREAM_MAX];
};

/* The contents of /ktstr.conf: the configuration of this boot. */
struct init_conf {
	char *test; /* NULL: no test, only send the hello record */
	char *seed, *duration_ns;
	uint64_t seed_value, limit_ns;
	bool scheduler;
	uint64_t load_cpu; /* CPU number + 1; 0: any CPU */
	struct sched_conf {
		const char *name; /* name in the test's declaration; NULL: the test's own scheduler */
		const char *args[INIT_ARGS_MAX + 1];
		unsigned arg_count;
		uint64_t attach_s; /* time limit for attaching, in guest time */
	} sched, staged[INIT_STAGED_MAX];
	unsigned staged_count;
	char *sysctls[INIT_ARGS_MAX];
	unsigned sysctl_count;
	struct buf text; /* the strings above point into this buffer */
};

enum source { SRC_SIGNAL, SRC_SCHED_OUT, SRC_TEST_OUT, SRC_CHANNEL, SRC_UEVENT, SRC_KMSG, SRC_TRACE, SRC_MAX };

struct init {
	struct guest_log log;
	struct init_conf conf;
	struct pollfd fd[SRC_MAX]; /* -1: not open */
	int sched_pid, test_pid;   /* 0: none, or ended */
	int sched_status, test_status;
	bool sched_started, sched_ended, test_ended;
	bool attached;		 /* the kernel has enabled it and not disabled it since */
	uint32_t attach_limit_s; /* of the scheduler that did not attach in time */
	bool ejected;
	bool detached;		      /* at the test's request */
	struct sched_request request; /* the test's pending request; kind 0: none */
	uint16_t exit_port;
	bool late_cpus;	    /* PID 1 must bring up all CPUs except the first */
	uint16_t park_port; /* 0: this machine will not be saved */
};

/* log.c */
int log_map(struct guest_log *l, uint64_t address, uint64_t size);
/* Makes the log and all records so far visible to the reader. Until then, other code may use its memory. */
void log_publish(struct guest_log *l);
void log_record(struct guest_log *l, enum wire_type type, uint64_t time_ns, const void *head, size_t head_len,
		const void *tail, size_t tail_len);
void log_put(struct guest_log *l, enum wire_type type, const void *payload, size_t len);
void log_text(struct guest_log *l, enum wire_stream stream, const char *text, size_t len);
void log_complain(struct guest_log *l, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* setup.c */
int setup_mounts(struct init *i);
int setup_cgroups(struct init *i);
void setup_loopback(struct init *i);
int setup_conf(struct init *i);
/* Sets all sysctls that can be set. Returns a negative errno if one could not be, and logs its name. */
int setup_sysctls(struct init *i);
int setup_log(struct init *i);
/* Creates links to files that were packed elsewhere because their directory is a mount point (image/rootfs.h). */
void setup_moved(struct init *i);
void setup_cpus(struct init *i);
void setup_seed(struct init *i);

/* park.c */
/*
 * Stops the machine so that it can be saved. A clone of it continues with the clone's own test. Does nothing without
 * ktstr.park=.
 */
int park(struct init *i);

/* unpack.c */
/*
 * Unpacks an initramfs image (cpio archives, plain or as LZ4 legacy streams: image/image.h) below the directory @root,
 * without "init". Returns -EBADMSG for an invalid image and keeps the files unpacked so far.
 */
int unpack_image(const void *image, size_t len, int root);

/* scheduler.c */
bool scheduler_supported(void);
bool scheduler_enabled(void);
/* True if its process has begun to exit, even if it cannot be waited for yet. */
bool scheduler_is_exiting(const struct init *i);
/* Waits until it is attached. Returns false, with a record in the log, if it failed to attach. */
bool scheduler_await(struct init *i);
void scheduler_stop(struct init *i);
/* Executes the test's request (i->request) and answers it. */
void scheduler_serve(struct init *i);
void scheduler_event(struct init *i, enum wire_sched_event event);
/* Handles the loss of the scheduler during the test: the kernel disabled it, or its process ended. */
void scheduler_gone(struct init *i, enum wire_sched_event event);

/* test.c */
int test_start(struct init *i);
void test_await(struct init *i);

/* watch.c */
int watch_open(struct init *i);
/* Waits for the next event until @deadline (guest CLOCK_MONOTONIC) and handles all pending ones. */
void watch_once(struct init *i, nsec_t deadline);
/* Reads what is left in the pipes. */
void watch_drain(struct init *i);
/*
 * Forks and executes a program, with stdout and stderr in a pipe whose read end is returned in @out. Descriptor 3 is
 * @channel if that is >= 0.
 */
int spawn(const char *const argv[], int channel, int *out);

#endif
