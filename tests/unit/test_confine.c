/* SPDX-License-Identifier: GPL-2.0-only */
/* The system calls that the threads of a virtual machine may still use. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "t.h"
#include "vmm/kvm/confine.h"

/* The parent observes the filter: the child writes 'a', opens a file, and would then write 'b'. */
START_TEST(confined_thread_opens_no_file)
{
	int pair[2], status;
	char said[4] = "";
	struct confine c = { 0 };
	t_ok(confine_build(_i, &c, NULL));
	ck_assert_int_eq(pipe(pair), 0);
	pid_t pid = fork();
	if (pid == 0) {
		bool ok = confine_apply(&c, NULL) == 0 && write(pair[1], "a", 1) == 1;
		int fd = open("/dev/null", O_RDONLY);
		_exit(write(pair[1], ok && fd >= 0 ? "b" : "c", 1) == 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	fd_close(pair[1]);
	ck_assert_int_eq(read(pair[0], said, sizeof(said) - 1), 1);
	fd_close(pair[0]);
	confine_done(&c);
	ck_assert_str_eq(said, "a");
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
}
END_TEST

/* Runs @attempt in its own process, confined as a thread of kind @kind. True: the filter allowed it. */
static bool let_through(enum confine_kind kind, void (*attempt)(pid_t other))
{
	int status;
	pid_t other = getpid(), pid = fork();
	if (pid == 0) {
		/* The filter is built for this process: it is the only one that may be signalled. */
		struct confine c = { 0 };
		if (confine_build(kind, &c, NULL) < 0 || confine_apply(&c, NULL) < 0)
			_exit(99);
		attempt(other);
		/* Not _exit(): AddressSanitizer makes system calls before a function that does not return. */
		syscall(SYS_exit_group, 0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS;
}

static void signal_itself(pid_t other)
{
	(void)other;
	syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_getpid), 0);
}

static void signal_another(pid_t other)
{
	syscall(SYS_tgkill, other, other, 0);
}

static void signal_another_by_upper_bits(pid_t other)
{
	syscall(SYS_tgkill, 1ul << 32 | (unsigned long)other, other, 0);
}

static void kill_another(pid_t other)
{
	syscall(SYS_kill, other, 0);
}

static void tkill_another(pid_t other)
{
	syscall(SYS_tkill, other, 0);
}

static void open_a_pidfd(pid_t other)
{
	syscall(SYS_pidfd_open, other, 0);
}

static void map_data(pid_t other)
{
	(void)other;
	syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
}

static void map_code(pid_t other)
{
	(void)other;
	syscall(SYS_mmap, NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
}

static void turn_data_into_code(pid_t other)
{
	(void)other;
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
}

START_TEST(main_thread_signals_only_its_own)
{
	ck_assert(let_through(CONFINE_MAIN, signal_itself));
	ck_assert(!let_through(CONFINE_MAIN, signal_another));
	ck_assert(!let_through(CONFINE_MAIN, signal_another_by_upper_bits));
	ck_assert(!let_through(CONFINE_VCPU, signal_itself));
}
END_TEST

START_TEST(no_thread_signals_another_process)
{
	ck_assert(!let_through(_i, signal_another));
	ck_assert(!let_through(_i, kill_another));
	ck_assert(!let_through(_i, tkill_another));
	ck_assert(!let_through(_i, open_a_pidfd));
}
END_TEST

START_TEST(data_never_becomes_code)
{
	ck_assert(let_through(_i, map_data));
	ck_assert(!let_through(_i, map_code));
	ck_assert(!let_through(_i, turn_data_into_code));
}
END_TEST

START_TEST(every_allowed_call_has_its_reason)
{
	unsigned kinds = 0;
	for (const struct confine_rule *r = confine_rules; r->why; r++) {
		ck_assert_uint_gt(strlen(r->why), 3);
		ck_assert_uint_ne(r->kinds, 0);
		ck_assert_int_ne(r->syscall, __NR_io_uring_setup);
		kinds |= r->kinds;
	}
	ck_assert_uint_eq(kinds, (1u << CONFINE_KIND_MAX) - 1);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, confined_thread_opens_no_file, 0, CONFINE_KIND_MAX);
	tcase_add_test(tc, main_thread_signals_only_its_own);
	tcase_add_loop_test(tc, no_thread_signals_another_process, 0, CONFINE_KIND_MAX);
	tcase_add_loop_test(tc, data_never_becomes_code, 0, CONFINE_KIND_MAX);
	tcase_add_test(tc, every_allowed_call_has_its_reason);
}

int main(void)
{
	return t_main("confine", fill);
}
