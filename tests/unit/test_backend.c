/* SPDX-License-Identifier: GPL-2.0-only */
/* The kvm backend with its real child process, on whatever /dev/kvm there is: how machines end, and what is told of it.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "reactor/reactor.h"
#include "t.h"
#include "tiny_kernel.h"
#include "vmm/kvm/backend.h"

struct run {
	struct reactor *reactor;
	struct vm *vm;
	int kernel_fd;
};

static bool have_kvm(void)
{
	return access("/dev/kvm", R_OK | W_OK) == 0;
}

static int begin(struct run *run, const void *code, size_t len, const char *const *kargs, struct err **err)
{
	char path[32];
	run->kernel_fd = kernel_with(code, len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", run->kernel_fd);
	struct vm_config c = {
		.topology = {1, 1, 1, 1}, .memory_mib = 192, .kernel = path, .initrd_fd = -1, .kargs = kargs};
	t_ok(reactor_new(&run->reactor, NULL));
	run->vm = kvm_backend.create();
	ck_assert_ptr_nonnull(run->vm);
	return kvm_backend.start(run->vm, run->reactor, &c, NULL, err);
}

static void turn_until_end(struct run *run, nsec_t longest)
{
	nsec_t end = nsec_now() + longest;
	while (!run->vm->ended && nsec_now() < end)
		t_ok(reactor_turn(run->reactor, nsec_now() + 20 * NSEC_PER_MSEC));
}

static void finish(struct run *run)
{
	if (!run->vm->ended) {
		kvm_backend.kill(run->vm, false);
		turn_until_end(run, 30 * NSEC_PER_SEC);
	}
	/* What ended this round is given up at the round's end. */
	t_ok(reactor_turn(run->reactor, 0));
	kvm_backend.destroy(run->vm);
	reactor_free(run->reactor);
	fd_close(run->kernel_fd);
}

static const uint8_t says_hi_and_exits[] = {
	0x66, 0xba, 0xf8, 0x03, 0xb0, 'h', 0xee, 0xb0, 'i', 0xee,	/* "hi" to COM1 */
	0xb0, 0x00, 0xe6, 0xf4, 0xf4,					/* out %al,$0xf4 */
};
static const uint8_t resets[] = { 0xb0, 0xfe, 0xe6, 0x64, 0xf4 };	/* out $0xfe to the keyboard controller */
static const uint8_t spins[] = { 0xfa, 0xeb, 0xfe };			/* cli; 1: jmp 1b */

static const struct {
	const uint8_t *code;
	size_t len;
	enum vm_end end;
	const char *console;
} ends[] = {
	{ says_hi_and_exits, sizeof(says_hi_and_exits), VM_END_EXIT, "hi" },
	{ resets, sizeof(resets), VM_END_RESET, "" },
};

START_TEST(end_is_told_apart)
{
	struct run run;
	if (!have_kvm())
		return;
	t_ok(begin(&run, ends[_i].code, ends[_i].len, NULL, NULL));
	turn_until_end(&run, 60 * NSEC_PER_SEC);
	ck_assert_msg(run.vm->ended, "it did not end");
	ck_assert_msg(run.vm->end == ends[_i].end, "end %d, status %d: %s", run.vm->end, run.vm->status,
		      buf_str(&run.vm->complaints));
	ck_assert_str_eq(buf_str(&run.vm->console), ends[_i].console);
	finish(&run);
}
END_TEST

/* A late machine is asked where its processors are; one that is only ended is not. */
START_TEST(spinning_machine_is_killed_and_says_where_it_was)
{
	struct run run;
	if (!have_kvm())
		return;
	t_ok(begin(&run, spins, sizeof(spins), NULL, NULL));
	nsec_t until = nsec_now() + 500 * NSEC_PER_MSEC;
	while (nsec_now() < until)
		t_ok(reactor_turn(run.reactor, nsec_now() + 20 * NSEC_PER_MSEC));
	ck_assert(!run.vm->ended);
	kvm_backend.kill(run.vm, _i);
	turn_until_end(&run, 60 * NSEC_PER_SEC);
	ck_assert(run.vm->ended);
	ck_assert_int_eq(run.vm->end, VM_END_KILLED);
	ck_assert_int_eq(strstr(buf_str(&run.vm->diagnosis), "CPU#0\nRIP=000000000100000") != NULL, _i);
	finish(&run);
}
END_TEST

START_TEST(what_is_no_kernel_dies_with_its_reason)
{
	struct run run;
	if (!have_kvm())
		return;
	t_ok(begin(&run, spins, sizeof(spins), NULL, NULL));
	kvm_backend.kill(run.vm, false);
	turn_until_end(&run, 60 * NSEC_PER_SEC);
	finish(&run);
	struct vm_config c = {.topology = {1, 1, 1, 1}, .memory_mib = 192, .kernel = "/proc/self/exe", .initrd_fd = -1};
	t_ok(reactor_new(&run.reactor, NULL));
	run.kernel_fd = -1;
	run.vm = kvm_backend.create();
	t_ok(kvm_backend.start(run.vm, run.reactor, &c, NULL, NULL));
	turn_until_end(&run, 60 * NSEC_PER_SEC);
	ck_assert_int_eq(run.vm->end, VM_END_DIED);
	ck_assert_ptr_nonnull(strstr(buf_str(&run.vm->complaints), "boot the guest: kernel: "));
	finish(&run);
}
END_TEST

START_TEST(machine_that_cannot_be_described_is_refused)
{
	static char word[4096];
	const char *kargs[] = { word, NULL };
	struct run run;
	struct err *err = NULL;
	memset(word, 'x', sizeof(word) - 1);
	ck_assert_int_lt(begin(&run, spins, sizeof(spins), kargs, &err), 0);
	t_err_contains(&err, "cmdline too long");
	kvm_backend.destroy(run.vm);
	reactor_free(run.reactor);
	fd_close(run.kernel_fd);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, end_is_told_apart, 0, ARRAY_SIZE(ends));
	tcase_add_loop_test(tc, spinning_machine_is_killed_and_says_where_it_was, 0, 2);
	tcase_add_test(tc, what_is_no_kernel_dies_with_its_reason);
	tcase_add_test(tc, machine_that_cannot_be_described_is_refused);
}

int main(void)
{
	return t_main("backend", fill);
}
