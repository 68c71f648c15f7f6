/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * init.h -- PID 1 of a test guest.
 *
 * One thread, one poll loop, a real-time task above everything that is under test: what a broken scheduler does to
 * ordinary tasks, it cannot do to the one that watches it. Order of the files: setup.c (mounts, control groups), log.c
 * (guest memory), scheduler.c and test.c (the two children), watch.c (the loop), main.c (the sequence).
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
#define TEST_GRACE	    (8 * NSEC_PER_SEC) /* for a test to end once its scheduler is gone */
#define STREAM_BYTES_MAX    ((size_t)1 << 20)  /* of one stream in the log */

#define UNPACK_BYTES_MAX ((size_t)1 << 30) /* of an image, unpacked */

/* The event log in guest memory. */
struct guest_log {
	struct wire_header *header; /* NULL: none was named; records go nowhere */
	uint8_t *records;
	uint64_t written, capacity, dropped; /* ours: what stands in memory is only told to the reader */
	size_t stream_bytes[WIRE_STREAM_MAX];
};

/* /ktstr.conf: what this boot is for. */
struct init_conf {
	char *test; /* NULL: just say hello */
	char *seed, *duration_ns;
	uint64_t seed_value, limit_ns;
	bool scheduler;
	uint64_t load_cpu; /* CPU + 1; 0: anywhere */
	struct sched_conf {
		const char *name; /* as the test declares it; NULL: the test's main one */
		const char *args[INIT_ARGS_MAX + 1];
		unsigned arg_count;
		uint64_t attach_s; /* guest time in which it has to attach */
	} sched, staged[INIT_STAGED_MAX];
	unsigned staged_count;
	char *sysctls[INIT_ARGS_MAX];
	unsigned sysctl_count;
	struct buf text; /* the strings above point in here */
};

enum source { SRC_SIGNAL, SRC_SCHED_OUT, SRC_TEST_OUT, SRC_CHANNEL, SRC_UEVENT, SRC_KMSG, SRC_TRACE, SRC_MAX };

struct init {
	struct guest_log log;
	struct init_conf conf;
	struct pollfd fd[SRC_MAX]; /* -1 where there is none */
	int sched_pid, test_pid;   /* 0: none, or ended */
	int sched_status, test_status;
	bool sched_started, sched_ended, test_ended;
	bool attached;		 /* the kernel said enabled, and has not taken it back */
	uint32_t attach_limit_s; /* of the scheduler that did not attach in time */
	bool ejected;
	bool detached;		      /* because the test asked for it */
	struct sched_request request; /* of the test, to be served; kind 0: none */
	uint16_t exit_port;
	bool late_cpus;	    /* the kernel has left it to us to bring up all but one */
	uint16_t park_port; /* 0: nobody wants to save this machine */
};

/* log.c */
int log_map(struct guest_log *l, uint64_t address, uint64_t size);
/* Lets the reader see it, with all records so far. Until then its memory may be another's to read and write. */
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
/* All of them, as far as possible; negative errno: one could not be set, and the log names it. */
int setup_sysctls(struct init *i);
int setup_log(struct init *i);
/* Links to files that were packed elsewhere because something is mounted where they belong (image/rootfs.h). */
void setup_moved(struct init *i);
void setup_cpus(struct init *i);
void setup_seed(struct init *i);

/* park.c */
/*
 * Stops the machine where it can be saved, and goes on in a clone of it with what that one is for. Does nothing where
 * nobody asked for it (ktstr.park=).
 */
int park(struct init *i);

/* unpack.c */
/*
 * Unpacks an initramfs image (cpio archives, as they are or as LZ4 legacy streams: image/image.h) below @root, a
 * directory. "init" is left out. -EBADMSG for what is no such image; what was unpacked until then stays.
 */
int unpack_image(const void *image, size_t len, int root);

/* scheduler.c */
bool scheduler_supported(void);
bool scheduler_enabled(void);
/* Its process has begun to exit, though it cannot be waited for yet. */
bool scheduler_is_exiting(const struct init *i);
/* Waits until it is attached; false when it will never be, with the record written. */
bool scheduler_await(struct init *i);
void scheduler_stop(struct init *i);
/* Does what the test asked for (i->request), and answers it. */
void scheduler_serve(struct init *i);
void scheduler_event(struct init *i, enum wire_sched_event event);
/* The kernel took it off, or its process ended, while the test ran. */
void scheduler_gone(struct init *i, enum wire_sched_event event);

/* test.c */
int test_start(struct init *i);
void test_await(struct init *i);

/* watch.c */
int watch_open(struct init *i);
/* Waits for the next event until @deadline (guest CLOCK_MONOTONIC) and handles what is there. */
void watch_once(struct init *i, nsec_t deadline);
/* Takes what the pipes still hold. */
void watch_drain(struct init *i);
/* fork and exec with stdout and stderr in a pipe, whose read end is left in @out; fd 3 is @channel when >= 0. */
int spawn(const char *const argv[], int channel, int *out);

#endif
