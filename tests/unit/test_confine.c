/* SPDX-License-Identifier: GPL-2.0-only */
/* Which system calls the threads of a virtual machine may still do. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "t.h"
#include "vmm/kvm/confine.h"

/* What a filter lets through is seen from outside: the child says 'a', opens a file, and would say 'b'. */
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
	tcase_add_test(tc, every_allowed_call_has_its_reason);
}

int main(void)
{
	return t_main("confine", fill);
}
