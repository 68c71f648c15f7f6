/* SPDX-License-Identifier: GPL-2.0-only */
/* suite_load.c -- runs a test binary with --list and reads its output. */
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/tool.h"
#include "image/elf.h"
#include "reactor/child.h"
#include "reactor/machine.h"
#include "run/suite.h"

#define LIST_DEADLINE (30 * NSEC_PER_SEC)

struct list_job {
	struct machine machine;
	struct child child;
	const char *path, *option;
	int out;
	struct err *err;
	int result;
};

enum { LIST_SPAWN, LIST_WAIT, LIST_COUNT };

static int list_spawn(struct machine *m, int result)
{
	struct list_job *job = container_of(m, struct list_job, machine);
	const char *emulator = elf_emulator(job->path);
	const char *const argv[] = { emulator ?: job->path, emulator ? job->path : job->option,
				     emulator ? job->option : NULL, NULL };
	struct child_fd fds[] = { { job->out, STDOUT_FILENO } };
	struct child_spec spec = { .argv = argv, .fds = fds, .fd_count = 1 };
	result = child_spawn(m->reactor, &job->child, &spec, &job->err);
	if (result < 0)
		return result;
	machine_wait_child(m, &job->child);
	return LIST_WAIT;
}

static int list_wait(struct machine *m, int result)
{
	struct list_job *job = container_of(m, struct list_job, machine);
	char how[64];
	if (result < 0)
		return result;
	if (job->child.status)
		return FAIL(&job->err, ERR_DATA, -EBADMSG, "'%s %s' failed: %s", job->path, job->option,
			    child_describe(job->child.status, how, sizeof(how)));
	return MACHINE_END;
}

static void list_done(struct machine *m, int result)
{
	container_of(m, struct list_job, machine)->result = result;
}

static const struct machine_state list_states[LIST_COUNT] = {
	[LIST_SPAWN] = { "spawn", list_spawn, LIST_DEADLINE, 0, TO(LIST_WAIT) },
	[LIST_WAIT] = { "wait", list_wait, LIST_DEADLINE, 0, TO_END },
};

static const struct machine_type list_type = { "list", list_states, LIST_COUNT, list_done };

/*
 * The stdout of the child: a memfd of fixed size, so that a program that prints without end cannot fill the memory. The
 * child shares the file offset, which is the length of the output.
 */
static int open_list(void)
{
	_cleanup_close_ int fd = memfd_new("ktstr-list", SUITE_LIST_BYTES_MAX);
	if (fd >= 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static bool is_full(int fd)
{
	return lseek(fd, 0, SEEK_CUR) >= (off_t)SUITE_LIST_BYTES_MAX;
}

static int read_list(int fd, struct buf *ret)
{
	off_t len = lseek(fd, 0, SEEK_CUR);
	if (len < 0)
		return -errno;
	buf_zeros(ret, (size_t)len);
	return ret->failed ? -ENOMEM : fd_pread_full(fd, ret->data, (size_t)len, 0);
}

/* Programs of another architecture are listed under an emulator. */
static int require_emulator(const char *path, struct err **err)
{
	const char *emulator = elf_emulator(path);
	const struct tool tools[] = { { emulator, "qemu-user-static" }, { 0 } };
	return emulator ? tools_require(tools, "listing the tests of another architecture", err) : 0;
}

int suite_ask(struct reactor *r, const char *path, const char *option, struct buf *ret, struct err **err)
{
	_cleanup_close_ int out = open_list();
	struct list_job job = { .path = path, .option = option, .out = out, .child = CHILD_NULL };
	if (out < 0)
		return FAIL_SYS(err, out, "list the tests of '%s'", path);
	machine_start(r, &job.machine, &list_type, NULL, "list");
	int result = reactor_run(r);
	child_done(&job.child);
	if (result == 0)
		result = job.result;
	if (result == -ETIME)
		FAIL(&job.err, ERR_DATA, result,
		     "'%s %s' did not end within %ld s; does its main() wait for something before it calls "
		     "ktstr_main()?",
		     path, option, LIST_DEADLINE / NSEC_PER_SEC);
	if (is_full(out)) {
		job.err = err_free(job.err);
		result = FAIL(&job.err, ERR_DATA, -EFBIG,
			      "'%s %s' prints %zu MiB or more; does its main() "
			      "print to standard output?",
			      path, option, SUITE_LIST_BYTES_MAX >> 20);
	}
	if (result == 0)
		result = read_list(out, ret);
	if (result < 0) {
		if (job.err && err)
			*err = job.err;
		else
			FAIL_SYS(err, result, "list the tests of '%s'", path);
	}
	return result;
}

int suite_load(struct reactor *r, const char *path, struct suite *ret, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	enum arch arch = arch_host();
	int result = require_emulator(path, err);
	if (result == 0)
		result = suite_ask(r, path, "--list", &text, err);
	if (result == 0)
		result = suite_parse(path, buf_str(&text), text.len, ret, err);
	elf_arch(path, &arch);
	for (size_t i = 0; result == 0 && i < ret->tests; i++)
		ret->test[i].arch = arch;
	return result;
}

void suites_free(struct suite *suite, size_t count)
{
	for (size_t i = 0; i < count; i++)
		suite_done(&suite[i]);
	free(suite);
}
