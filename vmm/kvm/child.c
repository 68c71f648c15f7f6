/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * child.c -- see child.h. The main thread makes the guest, then waits for its end or a signal. It has no part in exits.
 */
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "base/file.h"
#include "base/time.h"
#include "vmm/kvm/child.h"
#include "vmm/kvm/config.h"
#include "vmm/kvm/save.h"
#include "vmm/kvm/vcpu.h"

/* Interval of heartbeats: each costs some microseconds per vCPU. */
#define BEAT_MS	      100u
#define BEAT_MS_A_CPU 2u

struct child_state {
	struct vmm_config config;
	struct vmm_report *report;
	struct kvm_guest guest;
	int signal_fd;
};

static int read_config(struct child_state *c, struct err **err)
{
	int r = fd_pread_full(VMM_FD_CONFIG, &c->config, sizeof(c->config), 0);
	if (r < 0)
		return FAIL_SYS(err, r, "read the machine's description; only ktstr starts 'ktstr vmm'");
	if (c->config.magic != VMM_CONFIG_MAGIC || c->config.size != sizeof(c->config))
		return FAIL(err, ERR_BUG, -EPROTO, "the machine's description is of another version of ktstr");
	return 0;
}

static int map_report(struct child_state *c, struct err **err)
{
	void *p = mmap(NULL, sizeof(*c->report), PROT_READ | PROT_WRITE, MAP_SHARED, VMM_FD_REPORT, 0);
	if (p == MAP_FAILED)
		return FAIL_SYS(err, -errno, "map the report");
	c->report = p;
	return 0;
}

/* Each vCPU needs two descriptors, so 512 vCPUs exceed the usual limit. */
static void raise_limits(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int open_signals(struct child_state *c, struct err **err)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	return c->signal_fd < 0 ? FAIL_SYS(err, -errno, "listen for signals") : 0;
}

/* Returns true when the guest has ended or parked, false when a signal asks us to end it. */
static bool await_end(struct child_state *c)
{
	struct pollfd fds[] = { { .fd = c->guest.life.ended_fd, .events = POLLIN },
				{ .fd = c->signal_fd, .events = POLLIN } };
	int beat_ms = c->config.guest.events ? (int)MAX_OF(BEAT_MS, BEAT_MS_A_CPU * c->guest.vcpus) : -1;
	while (!fds[0].revents && !fds[1].revents) {
		int r = poll(fds, ARRAY_SIZE(fds), beat_ms);
		if (r < 0 && errno != EINTR)
			break;
		if (r == 0)
			kvm_guest_report(&c->guest);
	}
	return fds[0].revents != 0;
}

static void write_registers(struct child_state *c)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	kvm_guest_pause(&c->guest);
	kvm_guest_dump(&c->guest, &text);
	if (text.len)
		fd_write_full(VMM_FD_DIAG, text.data, MIN_OF(text.len, VMM_DIAG_MAX));
}

/* A kernel without statistics leaves zeros. */
static void collect_stats(struct child_state *c)
{
	struct kvm_stats_map map;
	const struct kvm_guest *g = &c->guest;
	if (g->vcpu[0].stats_fd < 0 || kvm_stats_open(g->vcpu[0].stats_fd, &map) < 0)
		return;
	for (unsigned i = 0; i < MIN_OF(g->vcpus, GUEST_CPUS_MAX); i++) {
		if (g->vcpu[i].stats_fd >= 0 && kvm_stats_add(g->vcpu[i].stats_fd, &map, c->report->stat[i]) < 0)
			return;
		c->report->counted_vcpus = i + 1;
	}
}

static void fill_report(struct child_state *c)
{
	struct vmm_report *r = c->report;
	struct kvm_guest *g = &c->guest;
	r->end_ns = (uint64_t)nsec_now();
	r->exit_code = g->life.exit_code;
	r->end = g->life.end;
	r->unclaimed = g->bus.unclaimed;
	for (unsigned i = 0; i < g->vcpus; i++)
		r->exits += g->vcpu[i].exits;
	memcpy(r->perf, g->perf, sizeof(r->perf));
	collect_stats(c);
}

static int save_guest(struct child_state *c, struct err **err)
{
	_cleanup_buf_ struct buf state = BUF_NULL;
	kvm_guest_pause(&c->guest);
	int r = save_take(&c->guest, &state, err);
	if (r < 0)
		return r;
	r = fd_write_full(VMM_FD_STATE, state.data, state.len);
	return r < 0 ? FAIL_SYS(err, r, "write the machine's state") : VMM_EXIT_PARKED;
}

static int run_guest(struct child_state *c, struct err **err)
{
	int r = kvm_guest_init(&c->guest, &kvm_sys_real, &c->config.guest, err);
	c->guest.mark = c->config.guest.marks ? &c->report->mark : NULL;
	c->report->boot_ns = (uint64_t)nsec_now();
	c->report->setup_cpu_ns = (uint64_t)nsec_clock(CLOCK_PROCESS_CPUTIME_ID);
	if (r == 0)
		r = kvm_guest_start(&c->guest, err);
	if (r < 0)
		return err_wrap(err, r, "boot the guest");
	if (c->config.guest.perf)
		perf_prepare_main(&c->guest);
	r = confine_apply(&c->guest.confine[CONFINE_MAIN], err);
	if (r < 0)
		return r;
	bool ended = await_end(c);
	if (!ended)
		write_registers(c);
	devices_flush(&c->guest.devices);
	kvm_guest_report(&c->guest);
	fill_report(c);
	if (!ended)
		return VMM_EXIT_ASKED;
	if (c->guest.life.parked && c->guest.life.end == KVM_GUEST_RUNS)
		return save_guest(c, err);
	r = kvm_guest_wait(&c->guest, err);
	if (r < 0)
		return r;
	return c->guest.life.end == KVM_GUEST_EXITED ? VMM_EXIT_GUEST : VMM_EXIT_RESET;
}

int vmm_child_main(struct err **err)
{
	/* Never freed: its threads use it until the process ends. */
	struct child_state *c = calloc(1, sizeof(*c));
	uint64_t began = (uint64_t)nsec_now();
	if (!c)
		return -ENOMEM;
	prctl(PR_SET_NAME, "ktstr-vmm");
	raise_limits();
	int r = read_config(c, err);
	if (r == 0)
		r = map_report(c, err);
	if (r < 0)
		return r;
	c->report->exec_ns = began;
	c->config.guest.confined = true;
	close_range(VMM_FD_RAM0 + c->config.guest.nodes, VMM_FD_STATE - 1, 0);
	close_range(VMM_FD_STATE + 1, ~0u, 0);
	r = open_signals(c, err);
	return r < 0 ? r : run_guest(c, err);
}
