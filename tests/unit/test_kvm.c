/* SPDX-License-Identifier: GPL-2.0-only */
/* The VMM over a fake KVM that can fail at any call, and tiny real guests on any available /dev/kvm. */
#include <linux/kvm.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "base/file.h"
#include "base/rng.h"
#include "base/time.h"
#include "fake_kvm.h"
#include "kvm_config.h"
#include "t.h"
#include "tiny_kernel.h"
#include "vmm/kvm/caps.h"
#include "vmm/kvm/guest.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/x86/layout.h"

static const uint8_t halt[] = { 0xf4 };
static const struct ktstr_topology one = { 1, 1, 1, 1 }, two = { 1, 1, 2, 1 };

/* --- over the fake ------------------------------------------------------------------------------------------------ */

#define OUT(p, v)                                                \
	{                                                        \
		.reason = KVM_EXIT_IO, .port = (p), .value = (v) \
	}
static const struct step exits_at_once[] = { OUT(X86_PORT_EXIT, 7) };
static const struct step never_exits[] = { { .blocks = true } };

/* Creates the guest, runs it to its end, destroys it, and returns its result. */
static int run_guest(const struct kvm_sys *sys, const struct kvm_guest_config *c, enum kvm_guest_end *ret_end,
		     uint32_t *ret_code, struct err **err)
{
	struct kvm_guest g;
	int r = kvm_guest_init(&g, sys, c, err);
	if (r == 0)
		r = kvm_guest_start(&g, err);
	if (r == 0)
		r = kvm_guest_wait(&g, err);
	*ret_end = g.life.end;
	*ret_code = g.life.exit_code;
	kvm_guest_done(&g);
	return r;
}

/* The command line tells the guest's kernel the counter's frequency, computed from the host's own. */
START_TEST(dilated_time_is_on_the_command_line)
{
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, exits_at_once, 1);
	struct kvm_guest_config c;
	struct kvm_guest g;
	make_config(&c, one, halt, sizeof(halt));
	c.time_dilation = _i ? 8 : 1;
	t_ok(kvm_guest_init(&g, &sys, &c, NULL));
	const char *line = (const char *)x86_ram_at(&g.ram, X86_CMDLINE, 128);
	ck_assert_str_eq(line, _i ? "none no-kvmclock no-steal-acc tsc_early_khz=16000000" : "none");
	drop_guest(&g, &c);
}
END_TEST

static uint8_t read_port(struct kvm_guest *g, uint16_t port)
{
	uint8_t value = 0xa5;
	bus_port(&g->bus, port, false, &value, 1, 1);
	return value;
}

/* A kernel without kvm-clock reads both, and waits for long if they read as all ones. */
START_TEST(timer_stands_still_and_clock_tells_the_date)
{
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, exits_at_once, 1);
	struct kvm_guest_config c;
	struct kvm_guest g;
	uint8_t century = 0x32;
	make_config(&c, one, halt, sizeof(halt));
	t_ok(kvm_guest_init(&g, &sys, &c, NULL));
	for (uint16_t port = X86_PORT_PIT; port < X86_PORT_PIT + X86_PIT_PORTS; port++)
		ck_assert_uint_eq(read_port(&g, port), 0);
	bus_port(&g.bus, X86_PORT_RTC, true, &century, 1, 1);
	ck_assert_uint_ge(read_port(&g, X86_PORT_RTC + 1), 20);
	ck_assert_uint_lt(read_port(&g, X86_PORT_RTC + 1), 100);
	ck_assert_uint_eq(read_port(&g, X86_PORT_RTC), 0xff);
	drop_guest(&g, &c);
}
END_TEST

START_TEST(missing_capability_is_named)
{
	const struct kvm_cap *cap = &kvm_caps[_i];
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, exits_at_once, 1);
	struct err *err = NULL;
	if (!cap->name)
		return;
	f.missing_cap = cap->number + 1;
	unsigned ids = cap->wanted && cap->wanted(APIC_ID_FULL_MAX + 1) ? APIC_ID_FULL_MAX + 1 : 1;
	t_errno(kvm_caps_check(&sys, 3, 1, ids, &err), ENOTSUP);
	t_err_contains(&err, cap->name);
}
END_TEST

/* These settings are optional: without them a guest still runs. */
static bool optional(unsigned long request)
{
	return request == KVM_GET_STATS_FD || request == KVM_IRQ_LINE || request == KVM_ENABLE_CAP;
}

START_TEST(any_failing_call_is_one_line_and_leaks_nothing)
{
	unsigned reached = 0;
	for (unsigned n = 1; n < 500; n++) {
		struct fake f;
		struct kvm_sys sys = fake_sys(&f, exits_at_once, 1);
		struct kvm_guest_config c;
		struct err *err = NULL;
		enum kvm_guest_end end;
		uint32_t code;
		make_config(&c, two, halt, sizeof(halt));
		f.fail_at = n;
		int r = run_guest(&sys, &c, &end, &code, &err);
		drop_config(&c);
		if (f.calls < n) {
			t_ok(r);
			ck_assert_int_eq(end, KVM_GUEST_EXITED);
			break;
		}
		reached = n;
		/* The other vCPU's first entry is not required: the guest may have ended before. */
		if (r == 0) {
			ck_assert_msg(optional(f.failed) || f.failed == KVM_RUN, "call %u (0x%lx) was not missed", n,
				      f.failed);
			continue;
		}
		_cleanup_buf_ struct buf text = BUF_NULL;
		ck_assert_ptr_nonnull(err);
		err_format(err, &text);
		ck_assert_msg(!strchr(buf_str(&text), '\n') && text.len > 10, "'%s'", buf_str(&text));
		err_free(err);
	}
	ck_assert_uint_gt(reached, 30);
}
END_TEST

static const struct {
	struct step step;
	enum kvm_guest_end end;
	uint32_t code;
	const char *says; /* an error, or NULL */
} ends[] = {
	{ OUT(X86_PORT_EXIT, 7), KVM_GUEST_EXITED, 7, NULL },
	{ OUT(X86_PORT_PM + 5, X86_SLEEP_TYPE_S5 << 2 | 1 << 5), KVM_GUEST_EXITED, 0, NULL },
	{ OUT(X86_PORT_KBD_COMMAND, X86_RESET_VALUE), KVM_GUEST_RESET, 0, NULL },
	{ { .reason = KVM_EXIT_SHUTDOWN }, KVM_GUEST_RESET, KVM_EXIT_SHUTDOWN, NULL },
	{ { .reason = KVM_EXIT_INTERNAL_ERROR }, KVM_GUEST_FAILED, 0, "KVM cannot continue at address 0x1234" },
	{ { .reason = KVM_EXIT_FAIL_ENTRY }, KVM_GUEST_FAILED, 0, "refuses to enter the guest" },
	{ { .reason = KVM_EXIT_HYPERV }, KVM_GUEST_FAILED, 0, "left the guest for the unexpected reason 27" },
	{ { .reason = 4711 }, KVM_GUEST_FAILED, 0, "left the guest for the unexpected reason 4711" },
};

START_TEST(every_end_is_told_apart)
{
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, &ends[_i].step, 1);
	struct kvm_guest_config c;
	struct err *err = NULL;
	enum kvm_guest_end end;
	uint32_t code;
	make_config(&c, two, halt, sizeof(halt));
	int r = run_guest(&sys, &c, &end, &code, &err);
	ck_assert_int_eq(end, ends[_i].end);
	ck_assert_uint_eq(code, ends[_i].code);
	ck_assert_int_eq(r < 0, ends[_i].says != NULL);
	if (ends[_i].says)
		t_err_contains(&err, ends[_i].says);
	drop_config(&c);
}
END_TEST

START_TEST(console_reaches_its_file_with_an_interrupt)
{
	static const struct step script[] = { OUT(X86_PORT_COM1 + 1, 2), OUT(X86_PORT_COM1, 'h'),
					      OUT(X86_PORT_COM1, 'i'), OUT(X86_PORT_EXIT, 0) };
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, script, ARRAY_SIZE(script));
	struct kvm_guest_config c;
	enum kvm_guest_end end;
	uint32_t code;
	char text[8] = "";
	make_config(&c, one, halt, sizeof(halt));
	t_ok(run_guest(&sys, &c, &end, &code, NULL));
	ck_assert_int_eq(pread(c.console_fd, text, sizeof(text) - 1, 0), 2);
	ck_assert_str_eq(text, "hi");
	ck_assert_uint_ge(f.irqs, 1);
	drop_config(&c);
}
END_TEST

START_TEST(guests_live_side_by_side_pause_and_stop)
{
	struct fake f[2];
	struct kvm_sys sys[2];
	struct kvm_guest_config c[2];
	struct kvm_guest g[2];
	for (int i = 0; i < 2; i++) {
		sys[i] = fake_sys(&f[i], never_exits, 1);
		make_config(&c[i], two, halt, sizeof(halt));
		t_ok(kvm_guest_init(&g[i], &sys[i], &c[i], NULL));
		t_ok(kvm_guest_start(&g[i], NULL));
	}
	for (int round = 0; round < 20; round++) {
		_cleanup_buf_ struct buf text = BUF_NULL;
		kvm_guest_pause(&g[round % 2]);
		ck_assert_uint_eq(g[round % 2].life.paused, 2);
		kvm_guest_dump(&g[round % 2], &text);
		ck_assert_ptr_nonnull(strstr(buf_str(&text), "CPU#1\nRIP=0000000000001234"));
		kvm_guest_resume(&g[round % 2]);
	}
	for (int i = 0; i < 2; i++) {
		kvm_guest_stop(&g[i]);
		ck_assert_int_eq(g[i].life.end, KVM_GUEST_STOPPED);
		kvm_guest_done(&g[i]);
		drop_config(&c[i]);
	}
}
END_TEST

/* --- more APIC ids than KVM's own I/O APIC can address ------------------------------------------------------------ */

/* 125 vCPUs with gaps between their ids, up to 292. */
static const struct ktstr_topology gaps = { 1, 5, 5, 5 };

#define MEM(a, v)                                                    \
	{                                                            \
		.reason = KVM_EXIT_MMIO, .address = (a), .word = (v) \
	}

START_TEST(split_console_sends_messages)
{
	static const struct step script[] = {
		MEM(X86_IOAPIC, 0x18),	   MEM(X86_IOAPIC + 0x10, 0x8031),
		MEM(X86_IOAPIC, 0x19),	   MEM(X86_IOAPIC + 0x10, 0x24020000),
		OUT(X86_PORT_COM1 + 1, 2), { KVM_EXIT_IOAPIC_EOI, .value = 0x31 },
		OUT(X86_PORT_EXIT, 0),
	};
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, script, ARRAY_SIZE(script));
	struct kvm_guest_config c;
	enum kvm_guest_end end;
	uint32_t code;
	make_config(&c, gaps, halt, sizeof(halt));
	t_ok(run_guest(&sys, &c, &end, &code, NULL));
	ck_assert_int_eq(end, KVM_GUEST_EXITED);
	ck_assert(f.x2apic);
	ck_assert_uint_eq(f.irqs, 0);
	ck_assert_uint_eq(f.routings, 2);
	ck_assert_uint_eq(f.routes, 1);
	/* "Transmitter empty" is a level here, and no read clears it: the acknowledgement raises it again. */
	ck_assert_uint_eq(f.msis, 2);
	ck_assert_uint_eq(f.msi.address_hi, 0x100);
	ck_assert_uint_eq(f.msi.address_lo, 0xfee24000);
	ck_assert_uint_eq(f.msi.data, 0xc031);
	drop_config(&c);
}
END_TEST

START_TEST(small_guests_have_kvms_io_apic)
{
	static const struct step script[] = { MEM(X86_IOAPIC, 0x18), OUT(X86_PORT_EXIT, 0) };
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, script, ARRAY_SIZE(script));
	struct kvm_guest_config c;
	struct kvm_guest g;
	make_config(&c, two, halt, sizeof(halt));
	t_ok(start_guest(&g, &sys, &c));
	t_ok(kvm_guest_wait(&g, NULL));
	kvm_guest_stop(&g);
	ck_assert(!f.x2apic && !g.split);
	ck_assert_uint_eq(g.bus.unclaimed, 1);
	drop_guest(&g, &c);
}
END_TEST

/* --- perf mode ---------------------------------------------------------------------------------------------------- */

/* Runs a guest of one vCPU in perf mode and returns the result of each setting. */
static void run_perf(struct fake *f, const struct kvm_sys *sys, uint16_t cpu, uint16_t node,
		     struct perf_outcome ret[PERF_SETTING_MAX])
{
	struct kvm_guest_config c;
	struct kvm_guest g;
	make_config(&c, one, halt, sizeof(halt));
	c.perf = true;
	vm_pinning_init(&c.pinning);
	c.pinning.vcpu[0] = cpu;
	c.pinning.node[0] = node;
	t_ok(start_guest(&g, sys, &c));
	t_ok(kvm_guest_wait(&g, NULL));
	kvm_guest_stop(&g);
	ck_assert_int_eq(g.life.end, KVM_GUEST_EXITED);
	ck_assert_uint_ge(f->calls, 1);
	memcpy(ret, g.perf, sizeof(g.perf));
	for (unsigned i = 0; i < PERF_SETTING_MAX; i++)
		ck_assert_msg(ret[i].asked == 1, "%s was asked for %u times", perf_setting_names[i], ret[i].asked);
	drop_guest(&g, &c);
}

/*
 * The settings of perf mode: a host that refuses them all still runs the guest, and each refusal is kept with its
 * reason.
 */
START_TEST(perf_mode_refused_is_said)
{
	static const struct {
		enum perf_setting setting;
		int error;
	} refused[] = {
		{ PERF_PINNING, EINVAL },
		{ PERF_HUGE_PAGES, PERF_WHY_SMALL_PAGES },
		{ PERF_MEMORY_NODE, EPERM },
		{ PERF_POPULATED, ENOMEM },
		{ PERF_PAUSE_EXITS, EINVAL },
		{ PERF_HLT_EXITS, EINVAL },
		{ PERF_STABLE_CLOCK, PERF_WHY_UNSTABLE },
		{ PERF_REALTIME_HINT, PERF_WHY_READ_BACK },
	};
	struct perf_outcome got[PERF_SETTING_MAX];
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, exits_at_once, 1);
	char text[96];
	f.refused = KVM_ENABLE_CAP;
	f.refuses_memory = f.forgets_hint = true;
	run_perf(&f, &sys, 4711, 3, got);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const struct perf_outcome *o = &got[refused[i].setting];
		ck_assert_msg(o->granted == 0 && o->error == refused[i].error, "%s: %d",
			      perf_setting_names[refused[i].setting], o->error);
		ck_assert_uint_gt(strlen(perf_why(o->error, text, sizeof(text))), 5);
	}
}
END_TEST

START_TEST(perf_mode_granted)
{
	struct perf_outcome got[PERF_SETTING_MAX];
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, exits_at_once, 1);
	cpu_set_t cpus;
	ck_assert_int_eq(sched_getaffinity(0, sizeof(cpus), &cpus), 0);
	uint16_t cpu = 0;
	while (!CPU_ISSET(cpu, &cpus))
		cpu++;
	run_perf(&f, &sys, cpu, 3, got);
	for (unsigned i = 0; i < PERF_SETTING_MAX; i++)
		/* Only root may use real-time priorities. */
		ck_assert_msg(got[i].granted == 1 || (i == PERF_REALTIME && got[i].error == EPERM), "%s: error %d",
			      perf_setting_names[i], got[i].error);
	ck_assert_uint_eq(f.bound, 4);
	ck_assert_uint_eq(f.populated, (uint64_t)192 << 20);
}
END_TEST

/* A vCPU that never sleeps and has no CPU of its own would block the others: real-time is not requested for it. */
START_TEST(perf_mode_without_a_plan_is_careful)
{
	static const int error[PERF_SETTING_MAX] = {
		[PERF_PINNING] = PERF_WHY_NO_PLAN,  [PERF_MEMORY_NODE] = PERF_WHY_NO_PLAN,
		[PERF_REALTIME] = PERF_WHY_SHARED,  [PERF_PAUSE_EXITS] = PERF_WHY_SHARED,
		[PERF_HLT_EXITS] = PERF_WHY_SHARED,
	};
	struct perf_outcome got[PERF_SETTING_MAX];
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, exits_at_once, 1);
	run_perf(&f, &sys, PIN_ANY, PIN_ANY, got);
	for (unsigned i = 0; i < PERF_SETTING_MAX; i++)
		ck_assert_msg(got[i].error == error[i] && got[i].granted == !error[i], "%s: error %d",
			      perf_setting_names[i], got[i].error);
}
END_TEST

START_TEST(perf_reasons_are_words)
{
	char text[96];
	static const int strange[] = { INT32_MIN,	 -1,	       0,	 1, EPERM, 9999, PERF_WHY_BASE,
				       PERF_WHY_MAX - 1, PERF_WHY_MAX, INT32_MAX };
	for (size_t i = 0; i < ARRAY_SIZE(strange); i++)
		ck_assert_uint_gt(strlen(perf_why(strange[i], text, sizeof(text))), 5);
	for (unsigned i = 0; i < PERF_SETTING_MAX; i++)
		ck_assert_ptr_nonnull(perf_setting_names[i]);
}
END_TEST

/* A hostile guest writes anything anywhere, in any width. */
START_TEST(nonsense_on_the_bus_does_nothing_worse_than_end)
{
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, never_exits, 1);
	struct kvm_guest_config c;
	struct kvm_guest g;
	struct rng rng = { 42 };
	make_config(&c, one, halt, sizeof(halt));
	t_ok(kvm_guest_init(&g, &sys, &c, NULL));
	for (unsigned i = 0; i < 300000; i++) {
		uint64_t data[8] = { rng_next(&rng), rng_next(&rng) }, r = rng_next(&rng);
		uint16_t port = r & 1 ? (uint16_t)(r >> 16) : (uint16_t)(X86_PORT_COM1 + (r >> 16 & 7));
		bus_port(&g.bus, port, r & 2, data, 1u << (r >> 2 & 1) << (r >> 3 & 1), 1 + (r >> 4 & 3));
		bus_memory(&g.bus, rng_next(&rng) >> (r >> 8 & 31), r & 32, data, 1u << (r >> 6 & 3));
	}
	ck_assert_uint_gt(g.bus.unclaimed, 1000);
	drop_guest(&g, &c);
}
END_TEST

/* --- bad input ---------------------------------------------------------------------------------------------------- */

static void short_memory(struct kvm_guest_config *c)
{
	t_ok(ftruncate(c->node[0].fd, 4096));
}
static void too_slow(struct kvm_guest_config *c)
{
	c->time_dilation = 18;
}
static void no_nodes(struct kvm_guest_config *c)
{
	fd_close(c->node[0].fd);
	c->nodes = 0;
}
static void odd_topology(struct kvm_guest_config *c)
{
	c->topology.llcs = 0;
}
static void empty_kernel(struct kvm_guest_config *c)
{
	t_ok(ftruncate(c->kernel_fd, 0));
}
static void cut_kernel(struct kvm_guest_config *c)
{
	t_ok(ftruncate(c->kernel_fd, 40));
}
static void huge_initrd(struct kvm_guest_config *c)
{
	c->initrd_fd = memfd_new("initrd", (uint64_t)1 << 30);
}

static const struct {
	void (*spoil)(struct kvm_guest_config *c);
	const char *says;
} bad_configs[] = {
	{ too_slow, "a time dilation of 18 is too much for a TSC of 2000000 kHz; at most 17" },
	{ short_memory, "memory of node 0 has 4096 bytes" },
	{ no_nodes, "0 NUMA nodes" },
	{ odd_topology, "llcs is 0" },
	{ empty_kernel, "the kernel is empty" },
	{ cut_kernel, "kernel" },
	{ huge_initrd, "initramfs" },
};

START_TEST(bad_machine_is_refused)
{
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, exits_at_once, 1);
	struct kvm_guest_config c;
	struct err *err = NULL;
	enum kvm_guest_end end;
	uint32_t code;
	make_config(&c, one, halt, sizeof(halt));
	bad_configs[_i].spoil(&c);
	ck_assert_int_lt(run_guest(&sys, &c, &end, &code, &err), 0);
	t_err_contains(&err, bad_configs[_i].says);
	drop_config(&c);
}
END_TEST

/* --- on a real /dev/kvm, also an emulating one -------------------------------------------------------------------- */

static bool have_kvm(void)
{
	int fd = kvm_sys_real.open(NULL, "/dev/kvm");
	fd_close(fd);
	return fd >= 0;
}

START_TEST(real_guest_says_hi_and_exits)
{
	static const uint8_t code[] = {
		0x66, 0xba, 0xf8, 0x03,				/* mov $0x3f8,%dx */
		0xb0, 'h',  0xee,				/* mov $'h',%al; out %al,(%dx) */
		0xb0, 'i',  0xee, 0xb0, 9, 0xe6, X86_PORT_EXIT, /* mov $9,%al; out %al,$0xf4 */
		0xf4,
	};
	struct kvm_guest_config c;
	struct err *err = NULL;
	enum kvm_guest_end end;
	uint32_t exit_code;
	char text[8] = "";
	if (!have_kvm())
		return;
	make_config(&c, two, code, sizeof(code));
	int r = run_guest(&kvm_sys_real, &c, &end, &exit_code, &err);
	ck_assert_msg(r == 0, "%s", err ? err->msg : "?");
	ck_assert_int_eq(end, KVM_GUEST_EXITED);
	ck_assert_uint_eq(exit_code, 9);
	ck_assert_int_eq(pread(c.console_fd, text, sizeof(text) - 1, 0), 2);
	ck_assert_str_eq(text, "hi");
	drop_config(&c);
}
END_TEST

START_TEST(real_guest_that_spins_is_paused_and_stopped)
{
	static const uint8_t code[] = { 0xfa, 0xeb, 0xfe }; /* cli; 1: jmp 1b */
	struct kvm_guest_config c;
	struct kvm_guest g;
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (!have_kvm())
		return;
	make_config(&c, one, code, sizeof(code));
	t_ok(start_guest(&g, &kvm_sys_real, &c));
	kvm_guest_pause(&g);
	kvm_guest_dump(&g, &text);
	ck_assert_msg(strstr(buf_str(&text), "RIP=000000000100000") != NULL, "%s", buf_str(&text));
	kvm_guest_resume(&g);
	drop_guest(&g, &c);
}
END_TEST

START_TEST(device_that_is_not_kvm_is_said_so)
{
	struct kvm_guest_config c;
	struct err *err = NULL;
	enum kvm_guest_end end;
	uint32_t code;
	make_config(&c, one, halt, sizeof(halt));
	snprintf(c.device, sizeof(c.device), "%s", _i ? "/dev/null" : "/dev/nokvm");
	ck_assert_int_lt(run_guest(&kvm_sys_real, &c, &end, &code, &err), 0);
	t_err_contains(&err, _i ? "API version" : "open /dev/nokvm: No such file");
	drop_config(&c);
}
END_TEST

static void fill(TCase *tc)
{
	unsigned caps = 0;
	while (kvm_caps[caps].name)
		caps++;
	tcase_add_loop_test(tc, missing_capability_is_named, 0, (int)caps);
	tcase_add_loop_test(tc, dilated_time_is_on_the_command_line, 0, 2);
	tcase_add_test(tc, timer_stands_still_and_clock_tells_the_date);
	tcase_add_test(tc, any_failing_call_is_one_line_and_leaks_nothing);
	tcase_add_loop_test(tc, every_end_is_told_apart, 0, ARRAY_SIZE(ends));
	tcase_add_test(tc, console_reaches_its_file_with_an_interrupt);
	tcase_add_test(tc, guests_live_side_by_side_pause_and_stop);
	tcase_add_test(tc, split_console_sends_messages);
	tcase_add_test(tc, small_guests_have_kvms_io_apic);
	tcase_add_test(tc, perf_mode_refused_is_said);
	tcase_add_test(tc, perf_mode_granted);
	tcase_add_test(tc, perf_mode_without_a_plan_is_careful);
	tcase_add_test(tc, perf_reasons_are_words);
	tcase_add_test(tc, nonsense_on_the_bus_does_nothing_worse_than_end);
	tcase_add_loop_test(tc, bad_machine_is_refused, 0, ARRAY_SIZE(bad_configs));
	tcase_add_test(tc, real_guest_says_hi_and_exits);
	tcase_add_test(tc, real_guest_that_spins_is_paused_and_stopped);
	tcase_add_loop_test(tc, device_that_is_not_kvm_is_said_so, 0, 2);
}

int main(void)
{
	return t_main("kvm", fill);
}
