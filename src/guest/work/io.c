/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * io.c -- work types that read and write: on the test's disk if it has no file system, in a file on the disk if it is
 * mounted, else in a file in memory. See
 * guest/devices.h.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <linux/fs.h>
#include <string.h>

#include "base/file.h"
#include "guest/devices.h"
#include "guest/work/work.h"

#define BLOCK	     4096
#define STRIPE_BYTES ((off_t)1 << 20)
#define WRITES	     16
#define PHASE_BYTES  (64 * 1024)
#define TIMED_EVERY  16

struct io_state {
	int fd;
	bool direct;
	off_t base, at;
	unsigned turns;
	uint8_t *block;
};

/* Only a worker that never writes can use a disk that is read-only. */
static int open_disk(struct ktstr_worker *w, struct io_state *s)
{
	uint64_t bytes = 0;
	int fd = open(DEVICES_DISK, O_RDWR | O_CLOEXEC | O_DIRECT);
	if (fd < 0 && w->work->type == KTSTR_WORK_IO_RAND_READ)
		fd = open(DEVICES_DISK_RO, O_RDONLY | O_CLOEXEC | O_DIRECT);
	s->base = (off_t)(w->slot - w->worker_slot) * STRIPE_BYTES;
	if (fd >= 0 && ioctl(fd, BLKGETSIZE64, &bytes) == 0 && bytes >= (uint64_t)(s->base + STRIPE_BYTES)) {
		s->direct = true;
		return fd;
	}
	return fd_close(fd);
}

static int open_file(struct ktstr_worker *w)
{
	char path[64];
	snprintf(path, sizeof(path), "%s/ktstr-io-%d", path_exists(DEVICES_MOUNT) ? DEVICES_MOUNT : "/tmp",
		 w->slot->report.tid);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || unlink(path) < 0 || ftruncate(fd, STRIPE_BYTES) < 0)
		worker_refuse(w, TROUBLE_WORK, -errno, path);
	return fd;
}

void io_begin(struct ktstr_worker *w)
{
	struct io_state *s = calloc(1, sizeof(*s));
	if (!s || !(s->block = aligned_alloc(BLOCK, BLOCK)))
		worker_refuse(w, TROUBLE_WORK, -ENOMEM, "memory");
	memset(s->block, 0x5a, BLOCK);
	s->fd = open_disk(w, s);
	if (s->fd < 0) {
		s->base = 0;
		s->fd = open_file(w);
		for (off_t at = 0; at < STRIPE_BYTES; at += BLOCK)
			if (pwrite(s->fd, s->block, BLOCK, at) < 0)
				worker_refuse(w, TROUBLE_WORK, -errno, "write a file");
	}
	w->state = s;
}

/* A write past the page cache waits for the disk. */
static void write_next(struct ktstr_worker *w, struct io_state *s)
{
	if (s->direct)
		worker_waits(w, true);
	if (pwrite(s->fd, s->block, BLOCK, s->base + s->at) == BLOCK)
		s->at = (s->at + BLOCK) % STRIPE_BYTES;
	if (s->direct)
		worker_waits(w, false);
}

static void read_random(struct ktstr_worker *w, struct io_state *s)
{
	off_t at = s->base + (off_t)rng_below(&w->rng, STRIPE_BYTES / BLOCK) * BLOCK;
	if (pread(s->fd, s->block, BLOCK, at) != BLOCK)
		memset(s->block, 0, BLOCK);
}

/* The whole system call counts as a wait, because the worker cannot tell how much of it was spent waiting. */
static void sync_out(struct ktstr_worker *w, struct io_state *s)
{
	ktstr_worker_block(w);
	fdatasync(s->fd);
	worker_woken_since(w, &w->slot->last_check);
}

void io_sync_write(struct ktstr_worker *w)
{
	struct io_state *s = w->state;
	for (unsigned i = 0; i < WRITES; i++)
		write_next(w, s);
	sync_out(w, s);
	worker_count(w, WRITES);
}

/* Two clock readings cost much of a read from the page cache, so only one read in sixteen is timed. */
void io_rand_read(struct ktstr_worker *w)
{
	struct io_state *s = w->state;
	bool timed = s->turns++ % TIMED_EVERY == 0;
	if (timed)
		ktstr_worker_block(w);
	else
		worker_waits(w, true);
	read_random(w, s);
	if (timed)
		worker_woken_since(w, &w->slot->last_check);
	else
		worker_waits(w, false);
	worker_count(w, 1);
}

void io_convoy(struct ktstr_worker *w)
{
	struct io_state *s = w->state;
	write_next(w, s);
	read_random(w, s);
	if (++s->turns % WRITES == 0)
		sync_out(w, s);
	ktstr_worker_turn(w, 2);
}

/* One I/O phase of SEQUENCE: writes 64 KiB, then sleeps 100 us. */
void io_phase(struct ktstr_worker *w)
{
	struct io_state *s = w->state;
	for (unsigned i = 0; i < PHASE_BYTES / BLOCK; i++)
		write_next(w, s);
	sleep_for(w, 100 * NSEC_PER_USEC);
}
