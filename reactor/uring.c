/* SPDX-License-Identifier: GPL-2.0-only */
/* uring.c -- the io_uring backend. */
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "base/bug.h"
#include "base/file.h"
#include "reactor/child.h"
#include "reactor/offload.h"
#include "reactor/reactor.h"

#define RING_ENTRIES 256
#define FILES_LEAST  512u

struct uring {
	struct io_uring ring;
	struct offload_pool *pool;
	struct reactor *reactor;
	struct op wakeup; /* reads wakeup_fd while jobs are running */
	uint64_t wakeups;
	unsigned jobs;
	int wakeup_fd;
};

/* A full submission queue is normal: flush it and retry. */
static struct io_uring_sqe *get_sqe(struct uring *u)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
	if (!sqe) {
		io_uring_submit(&u->ring);
		sqe = io_uring_get_sqe(&u->ring);
	}
	REQUIRE(sqe);
	return sqe;
}

static void uring_submit(struct reactor *r, struct op *op)
{
	struct io_uring_sqe *sqe = get_sqe(r->impl);
	switch ((enum op_kind)op->kind) {
	case OP_NOP:
		io_uring_prep_nop(sqe);
		break;
	case OP_READ:
		io_uring_prep_read(sqe, op->fd, op->buf, op->len, op->offset);
		break;
	case OP_WRITE:
		io_uring_prep_write(sqe, op->fd, op->buf, op->len, op->offset);
		break;
	case OP_POLL:
		io_uring_prep_poll_add(sqe, op->fd, op->len);
		break;
	case OP_FSYNC:
		io_uring_prep_fsync(sqe, op->fd, 0);
		break;
	case OP_KIND_MAX:
		break;
	}
	io_uring_sqe_set_data(sqe, op);
}

static void uring_cancel(struct reactor *r, struct op *op)
{
	struct io_uring_sqe *sqe = get_sqe(r->impl);
	io_uring_prep_cancel(sqe, op, 0);
	io_uring_sqe_set_data(sqe, NULL);
}

/* Only queues completions; the loop runs them. Completions of cancel requests have no op. */
static void collect_completions(struct reactor *r, struct uring *u)
{
	struct io_uring_cqe *cqe;
	unsigned head, seen = 0;
	io_uring_for_each_cqe(&u->ring, head, cqe)
	{
		struct op *op = io_uring_cqe_get_data(cqe);
		if (op)
			op_complete(r, op, cqe->res);
		seen++;
	}
	io_uring_cq_advance(&u->ring, seen);
}

static int uring_wait(struct reactor *r, nsec_t until)
{
	struct uring *u = r->impl;
	struct io_uring_cqe *cqe;
	int result;
	if (until == NSEC_NEVER) {
		result = io_uring_submit_and_wait(&u->ring, 1);
	} else {
		nsec_t left = until ? until - nsec_now() : 0;
		if (left <= 0) {
			result = io_uring_submit_and_get_events(&u->ring);
		} else {
			struct __kernel_timespec ts = { left / NSEC_PER_SEC, left % NSEC_PER_SEC };
			result = io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &ts, NULL);
		}
	}
	if (result < 0 && result != -ETIME && result != -EINTR && result != -EBUSY && result != -EAGAIN)
		return result;
	collect_completions(r, u);
	return 0;
}

static nsec_t uring_now(struct reactor *r)
{
	(void)r;
	return nsec_now();
}

/* --- children: a poll on the pidfd, then one wait4 that cannot block ---------------------------------------------- */

static void on_pidfd(struct op *op)
{
	struct child *c = container_of(op, struct child, op);
	child_exited(c, child_reap(c));
}

static int uring_spawn(struct reactor *r, struct child *c, const struct child_spec *spec, struct err **err)
{
	int result = child_exec(c, spec, err);
	if (result < 0)
		return result;
	c->op = (struct op){ .kind = OP_POLL, .fd = c->pidfd, .len = POLLIN, .done = on_pidfd };
	op_submit(r, &c->op);
	return 0;
}

static void uring_kill(struct reactor *r, struct child *c, int sig)
{
	(void)r;
	kill(-c->pid, sig); /* not reaped yet, so the pid is still valid */
}

/* --- offload: finished jobs signal an eventfd that is read only while jobs are running ---------------------------- */

static void ring_wakeup(void *data)
{
	struct uring *u = data;
	uint64_t one = 1;
	fd_write_full(u->wakeup_fd, &one, sizeof(one));
}

static void on_wakeup(struct op *op)
{
	struct uring *u = container_of(op, struct uring, wakeup);
	struct list finished;
	offload_pool_finished(u->pool, &finished);
	list_for_each(node, &finished)
		u->jobs--;
	if (u->jobs)
		op_submit(u->reactor, &u->wakeup);
	for (struct list *node; (node = list_pop(&finished));)
		offload_finished(list_entry(node, struct offload_job, node));
}

static void uring_offload(struct reactor *r, struct offload_job *job)
{
	struct uring *u = r->impl;
	if (u->jobs++ == 0 && u->wakeup.phase == OP_IDLE)
		op_submit(r, &u->wakeup);
	offload_pool_submit(u->pool, job);
}

/* --- open files --------------------------------------------------------------------------------------------------- */

/*
 * A virtual machine needs a dozen descriptors or more, and those of children are moved through numbers from 256 on. The
 * default soft limit is too low for many machines at once; the hard limit is usually high enough.
 */
static int raise_files(uint64_t *ret_before, struct err **err)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return FAIL_SYS(err, -errno, "ask how many files may be open");
	*ret_before = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max;
	if (limit.rlim_max >= FILES_LEAST)
		return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? FAIL_SYS(err, -errno, "raise the limit of open files")
							    : 0;
	FAIL(err, ERR_MISSING, -EMFILE, "start: this process may have %lu files open, and ktstr needs %u",
	     (unsigned long)limit.rlim_max, FILES_LEAST);
	if (err && *err)
		err_hint(*err, "raise the hard limit, for instance by 'ulimit -Hn 4096' or LimitNOFILE= of a systemd "
			       "unit");
	return -EMFILE;
}

static void restore_files(uint64_t before)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = MIN_OF(before, limit.rlim_max);
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* --- the end ------------------------------------------------------------------------------------------------------ */

static void uring_free(struct reactor *r)
{
	struct uring *u = r->impl;
	restore_files(r->files_before);
	offload_pool_free(u->pool);
	io_uring_queue_exit(&u->ring);
	fd_close(u->wakeup_fd);
	free(u);
}

static const struct backend uring_backend = {
	.name = "io_uring",
	.submit = uring_submit,
	.cancel = uring_cancel,
	.wait = uring_wait,
	.now = uring_now,
	.spawn = uring_spawn,
	.kill = uring_kill,
	.offload = uring_offload,
	.slices = true,
	.free = uring_free,
};

/* --- start-up: the best ring that the kernel offers, or an error with a hint -------------------------------------- */

static int ring_init(struct io_uring *ring)
{
	static const unsigned flag_sets[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, /* 6.1 */
		IORING_SETUP_COOP_TASKRUN,				 /* 5.19 */
		0,
	};
	int result = -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(flag_sets) && result == -EINVAL; i++)
		result = io_uring_queue_init(RING_ENTRIES, ring, flag_sets[i]);
	return result;
}

static int fail_refused(int code, struct err **err)
{
	FAIL_SYS(err, code, "set up io_uring");
	if (err && code == -ENOSYS)
		err_hint(*err, "this kernel has no io_uring, or a seccomp filter of the container hides it "
			       "(docker: --security-opt seccomp=unconfined)");
	else if (err && (code == -EPERM || code == -EACCES))
		err_hint(*err,
			 "allow it with 'sysctl kernel.io_uring_disabled=0', or in the container's seccomp profile");
	return code;
}

static struct uring *uring_new(int *ret_code)
{
	struct uring *u = calloc(1, sizeof(*u));
	if (!u) {
		*ret_code = -ENOMEM;
		return NULL;
	}
	u->wakeup_fd = eventfd(0, EFD_CLOEXEC);
	u->pool = offload_pool_new(OFFLOAD_THREADS, ring_wakeup, u);
	*ret_code = u->wakeup_fd < 0 ? -errno : !u->pool ? -ENOMEM : ring_init(&u->ring);
	if (*ret_code < 0) {
		fd_close(u->wakeup_fd);
		offload_pool_free(u->pool);
		free(u);
		return NULL;
	}
	u->wakeup = (struct op){ .kind = OP_READ,
				 .fd = u->wakeup_fd,
				 .buf = &u->wakeups,
				 .len = sizeof(u->wakeups),
				 .offset = OP_STREAM,
				 .done = on_wakeup };
	return u;
}

int reactor_new(struct reactor **ret, struct err **err)
{
	uint64_t files_before = 0;
	int code = raise_files(&files_before, err);
	if (code < 0)
		return code;
	struct uring *u = uring_new(&code);
	if (!u)
		return fail_refused(code, err);
	struct reactor *r = reactor_alloc(&uring_backend, u);
	if (!r) {
		io_uring_queue_exit(&u->ring);
		fd_close(u->wakeup_fd);
		offload_pool_free(u->pool);
		free(u);
		return FAIL_SYS(err, -ENOMEM, "set up io_uring");
	}
	u->reactor = r;
	r->files_before = files_before;
	r->now = nsec_now();
	*ret = r;
	return 0;
}
