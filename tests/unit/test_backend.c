/* SPDX-License-Identifier: GPL-2.0-only */
/* The kvm backend with its real child process, on any available /dev/kvm: how machines end, and what is reported. */
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "reactor/reactor.h"
#include "reactor/shmring.h"
#include "t.h"
#include "tiny_kernel.h"
#include "vmm/accel.h"
#include "vmm/kvm/backend.h"
#include "vmm/kvm/events.h"
#include "vmm/kvm/perf.h"

struct run {
	struct reactor *reactor;
	struct vm *vm;
	int kernel_fd;
};

static bool have_kvm(void)
{
	return access("/dev/kvm", R_OK | W_OK) == 0;
}

static int begin_as(struct run *run, const void *code, size_t len, struct vm_config c, struct err **err)
{
	char path[32];
	run->kernel_fd = kernel_with(code, len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", run->kernel_fd);
	c.topology = (struct ktstr_topology){ 1, 1, 1, 1 };
	c.memory_mib = 192;
	c.kernel = path;
	c.initrd_fd = -1;
	t_ok(reactor_new(&run->reactor, NULL));
	run->vm = kvm_backend.create();
	ck_assert_ptr_nonnull(run->vm);
	return kvm_backend.start(run->vm, run->reactor, &c, NULL, err);
}

static int begin(struct run *run, const void *code, size_t len, const char *const *kargs, struct err **err)
{
	return begin_as(run, code, len, (struct vm_config){ .kargs = kargs }, err);
}

static uint64_t event(const struct run *run, enum vm_tally which)
{
	ck_assert_uint_gt(run->vm->events, which);
	ck_assert_str_eq(run->vm->event_names[which], vm_tally_names[which]);
	return run->vm->event[which];
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
	/* The resources of a machine that ended in this round are released at the round's end. */
	t_ok(reactor_turn(run->reactor, 0));
	kvm_backend.destroy(run->vm);
	reactor_free(run->reactor);
	fd_close(run->kernel_fd);
}

static const uint8_t says_hi_and_exits[] = {
	0x66, 0xba, 0xf8, 0x03, 0xb0, 'h', 0xee, 0xb0, 'i', 0xee, /* "hi" to COM1 */
	0xb0, 0x00, 0xe6, 0xf4, 0xf4,				  /* out %al,$0xf4 */
};
static const uint8_t resets[] = { 0xb0, 0xfe, 0xe6, 0x64, 0xf4 }; /* out $0xfe to the keyboard controller */
static const uint8_t spins[] = { 0xfa, 0xeb, 0xfe };		  /* cli; 1: jmp 1b */

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
		      buf_str(&run.vm->stderr_text));
	ck_assert_str_eq(buf_str(&run.vm->console), ends[_i].console);
	/* The port write that ended the machine was the only exit that did not come from the console. */
	ck_assert_uint_eq(event(&run, VM_TALLY_IO_EXITS), 1);
	ck_assert_uint_ge(event(&run, VM_TALLY_RECORDS), 3);
	ck_assert_uint_eq(event(&run, VM_TALLY_DROPPED), 0);
	ck_assert_uint_eq(event(&run, VM_TALLY_DAMAGED), 0);
	ck_assert_uint_eq(run.vm->perf_settings, 0);
	finish(&run);
}
END_TEST

/* A late machine is asked where its vCPUs are; a machine that is simply ended is not asked. */
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
	ck_assert_uint_ge(event(&run, VM_TALLY_HEARTBEATS), 1);
	ck_assert_uint_gt(event(&run, VM_TALLY_CPU_NS), 0);
	ck_assert_uint_eq(event(&run, VM_TALLY_PAUSES), _i);
	ck_assert_uint_eq(event(&run, VM_TALLY_DAMAGED), 0);
	finish(&run);
}
END_TEST

/* While it runs, by its threads in /proc; once it has ended, by its own last words. */
START_TEST(times_of_vcpus_are_known_to_the_end)
{
	struct run run;
	struct vcpu_time now = { 0 }, last = { 0 };
	if (!have_kvm())
		return;
	t_ok(begin(&run, spins, sizeof(spins), NULL, NULL));
	nsec_t until = nsec_now() + 60 * NSEC_PER_SEC;
	while (nsec_now() < until && now.cpu_ns < (uint64_t)NSEC_PER_MSEC) {
		t_ok(reactor_turn(run.reactor, nsec_now() + 20 * NSEC_PER_MSEC));
		kvm_backend.vcpu_times(run.vm, 1, &now);
	}
	ck_assert(now.known && now.cpu_ns >= (uint64_t)NSEC_PER_MSEC);
	kvm_backend.kill(run.vm, true); /* asked to end, it still says what it got */
	turn_until_end(&run, 60 * NSEC_PER_SEC);
	ck_assert_uint_eq(kvm_backend.vcpu_times(run.vm, 1, &last), 1);
	ck_assert(last.known && last.cpu_ns >= now.cpu_ns);
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
	struct vm_config c = {
		.topology = { 1, 1, 1, 1 }, .memory_mib = 192, .kernel = "/proc/self/exe", .initrd_fd = -1
	};
	t_ok(reactor_new(&run.reactor, NULL));
	run.kernel_fd = -1;
	run.vm = kvm_backend.create();
	t_ok(kvm_backend.start(run.vm, run.reactor, &c, NULL, NULL));
	turn_until_end(&run, 60 * NSEC_PER_SEC);
	ck_assert_int_eq(run.vm->end, VM_END_DIED);
	ck_assert_ptr_nonnull(strstr(buf_str(&run.vm->stderr_text), "boot the guest: kernel: "));
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

/* Every property that a parked machine depends on changes its description; the seed does not. */
START_TEST(parked_machines_are_told_apart)
{
	static const char *const kargs[] = { "nosmt", NULL };
	const struct vm_config one = { .topology = { 1, 1, 2, 1 }, .memory_mib = 256, .seed = 1 };
	struct vm_config other[] = { one, one, one, one };
	_cleanup_buf_ struct buf text = BUF_NULL;
	t_ok(kvm_backend.describe(&one, &text, NULL));
	other[0].topology.llcs = 2;
	other[1].memory_mib = 512;
	other[2].time_dilation = 8;
	other[3].kargs = kargs;
	for (size_t i = 0; i < ARRAY_SIZE(other); i++) {
		_cleanup_buf_ struct buf differs = BUF_NULL;
		t_ok(kvm_backend.describe(&other[i], &differs, NULL));
		ck_assert(differs.len != text.len || memcmp(differs.data, text.data, text.len));
	}
	_cleanup_buf_ struct buf same = BUF_NULL;
	struct vm_config reseeded = one;
	reseeded.seed = 2;
	t_ok(kvm_backend.describe(&reseeded, &same, NULL));
	ck_assert_uint_eq(same.len, text.len);
	ck_assert_mem_eq(same.data, text.data, text.len);
}
END_TEST

/*
 * The settings of perf mode are reported by name. There is no plan, so each setting that needs a plan is refused with
 * that reason.
 */
START_TEST(perf_mode_comes_home)
{
	struct run run;
	if (!have_kvm())
		return;
	t_ok(begin_as(&run, says_hi_and_exits, sizeof(says_hi_and_exits), (struct vm_config){ .perf = true }, NULL));
	turn_until_end(&run, 60 * NSEC_PER_SEC);
	ck_assert_int_eq(run.vm->end, VM_END_EXIT);
	ck_assert_uint_eq(run.vm->perf_settings, PERF_SETTING_MAX);
	for (unsigned i = 0; i < run.vm->perf_settings; i++) {
		const struct vm_perf_setting *w = &run.vm->perf_setting[i];
		ck_assert_str_eq(w->name, perf_setting_names[i]);
		ck_assert_msg(w->asked >= 1 && w->granted <= w->asked, "%s", w->name);
		ck_assert_msg((w->granted < w->asked) == (*w->why != 0), "%s: '%s'", w->name, w->why);
	}
	ck_assert_str_eq(run.vm->perf_setting[PERF_PINNING].why, "nothing planned");
	ck_assert_str_eq(run.vm->perf_setting[PERF_HLT_EXITS].why, "not every vCPU has a CPU of its own");
	ck_assert_uint_eq(run.vm->perf_setting[PERF_POPULATED].granted, 1);
	finish(&run);
}
END_TEST

static void put(struct vm_tally_state *t, uint16_t type, const void *payload, size_t length)
{
	const struct shmring_item item = { .type = type, .length = (uint16_t)length, .payload = payload };
	vm_tally_record(t, 2, &item);
}

START_TEST(tally_believes_nothing)
{
	struct vm_tally_state t = { 0 };
	struct vm_event_heartbeat beat = { .vcpu = 0, .cpu_ns = 5, .steal_ns = 2 };
	struct vm_event_exit exit = { .reason = KVM_EXIT_MMIO };
	uint64_t garbage[32];
	memset(garbage, 0xff, sizeof(garbage));
	/* A round of heartbeats counts when every vCPU has sent one. */
	put(&t, VM_EVENT_HEARTBEAT, &beat, sizeof(beat));
	ck_assert_uint_eq(t.sum[VM_TALLY_CPU_NS], 0);
	beat.vcpu = 1;
	put(&t, VM_EVENT_HEARTBEAT, &beat, sizeof(beat));
	put(&t, VM_EVENT_HEARTBEAT, &beat, sizeof(beat));
	ck_assert_uint_eq(t.sum[VM_TALLY_CPU_NS], 10);
	ck_assert_uint_eq(t.sum[VM_TALLY_STEAL_NS], 4);
	put(&t, VM_EVENT_EXIT, &exit, sizeof(exit));
	exit.reason = UINT32_MAX;
	put(&t, VM_EVENT_EXIT, &exit, sizeof(exit));
	ck_assert_uint_eq(t.sum[VM_TALLY_MMIO_EXITS], 1);
	ck_assert_uint_eq(t.sum[VM_TALLY_OTHER_EXITS], 1);
	ck_assert_uint_eq(t.sum[VM_TALLY_DAMAGED], 0);
	/* No such vCPU, no such type, and every wrong length. */
	beat.vcpu = 2;
	put(&t, VM_EVENT_HEARTBEAT, &beat, sizeof(beat));
	ck_assert_uint_eq(t.sum[VM_TALLY_DAMAGED], 1);
	static const size_t right[] = {
		[VM_EVENT_EXIT] = sizeof(exit),	     [VM_EVENT_CONSOLE] = 16, [VM_EVENT_STATE] = 16,
		[VM_EVENT_HEARTBEAT] = sizeof(beat), [VM_EVENT_END] = 16,     [6] = SIZE_MAX
	};
	uint64_t before = t.sum[VM_TALLY_DAMAGED], bad = 0;
	for (uint16_t type = 1; type < ARRAY_SIZE(right); type++)
		for (size_t length = 0; length <= sizeof(garbage); length += 8) {
			/* The right length with a wrong content: there is no such vCPU. */
			bad += length != right[type] || type == VM_EVENT_HEARTBEAT;
			put(&t, type, garbage, length);
		}
	ck_assert_uint_eq(t.sum[VM_TALLY_DAMAGED] - before, bad);
}
END_TEST

/* --- whether /dev/kvm can be used --------------------------------------------------------------------------------- */

START_TEST(device_that_may_not_be_opened_is_said_so)
{
	char *dir = t_tmpdir();
	_cleanup_free_ char *device = path_join(dir, "kvm");
	struct kvm_probe probe;
	t_ok(file_write_atomic(device, "", 0, 0, NULL));
	/* Root could open it all the same. */
	bool root = geteuid() == 0;
	if (root)
		t_ok(seteuid(12345));
	kvm_probe(device, &probe);
	if (root)
		t_ok(seteuid(0));
	ck_assert_int_eq(probe.state, KVM_FORBIDDEN);
	ck_assert_uint_eq(probe.instructions_per_us, 0);
	ck_assert_msg(strstr(probe.why, ": permission denied; add yourself to the 'kvm' group: 'sudo usermod -aG kvm "
					"$USER', then log in again"),
		      "%s", probe.why);
	t_ok(unlink(device));
	kvm_probe(device, &probe);
	ck_assert_int_eq(probe.state, KVM_ABSENT);
	ck_assert_msg(strstr(probe.why, "/kvm does not exist"), "%s", probe.why);
	t_rmdir(dir);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, parked_machines_are_told_apart);
	tcase_add_test(tc, perf_mode_comes_home);
	tcase_add_test(tc, tally_believes_nothing);
	tcase_add_loop_test(tc, end_is_told_apart, 0, ARRAY_SIZE(ends));
	tcase_add_loop_test(tc, spinning_machine_is_killed_and_says_where_it_was, 0, 2);
	tcase_add_test(tc, times_of_vcpus_are_known_to_the_end);
	tcase_add_test(tc, what_is_no_kernel_dies_with_its_reason);
	tcase_add_test(tc, machine_that_cannot_be_described_is_refused);
	tcase_add_test(tc, device_that_may_not_be_opened_is_said_so);
}

int main(void)
{
	return t_main("backend", fill);
}
