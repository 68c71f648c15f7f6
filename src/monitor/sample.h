/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sample.h -- what the monitor sees of a guest kernel at one moment. A value that this kernel does not have, or that
 * could not be read, is absent: its bit in `has` is not set, and it is null in JSON.
 */
#ifndef KTSTR_MONITOR_SAMPLE_H
#define KTSTR_MONITOR_SAMPLE_H

#include <jansson.h>

#include "monitor/walk.h"
#include "vmm/vcpu_times.h"

#define SAMPLE_DOMAINS_MAX  8
#define SAMPLE_EVENTS_MAX   32
#define SAMPLE_CGROUPS_MAX  1024
#define SAMPLE_PROGRAMS_MAX 256

/* Where per-CPU values are: a per-CPU symbol, and the type of what it names. */
#define CPU_SAMPLE_BASES(X)                            \
	X(RQ, "runqueues", "rq")                       \
	X(CPUSTAT, "kernel_cpustat", "kernel_cpustat") \
	X(KSTAT, "kstat", "kernel_stat")               \
	X(TICK, "tick_cpu_sched", "tick_sched")

/*
 * One row a value: name in struct cpu_sample and in JSON, where it is (base, member path), and what it is. sample.c
 * reads by this table; report, schema and docs come from it.
 */
#define CPU_SAMPLE_VALUES(X)                                                                             \
	X(nr_running, RQ, "nr_running", "tasks that run or wait on this CPU")                            \
	X(clock, RQ, "clock", "rq->clock, ns")                                                           \
	X(clock_task, RQ, "clock_task", "rq->clock without interrupts and stolen time, ns")              \
	X(nr_switches, RQ, "nr_switches", "context switches so far")                                     \
	X(nr_iowait, RQ, "nr_iowait.counter", "tasks of this CPU that wait for input or output")         \
	X(scx_nr_running, RQ, "scx.nr_running", "of nr_running, tasks of sched_ext")                     \
	X(scx_flags, RQ, "scx.flags", "SCX_RQ_* bits")                                                   \
	X(local_dsq_nr, RQ, "scx.local_dsq.nr", "tasks in the CPU's local dispatch queue")               \
	X(run_delay, RQ, "rq_sched_info.run_delay", "ns that tasks waited on this CPU, so far")          \
	X(pcount, RQ, "rq_sched_info.pcount", "times that tasks ran, so far")                            \
	X(yld_count, RQ, "yld_count", "sched_yield() calls so far")                                      \
	X(sched_count, RQ, "sched_count", "calls of schedule() so far")                                  \
	X(sched_goidle, RQ, "sched_goidle", "times the CPU went idle, so far")                           \
	X(ttwu_count, RQ, "ttwu_count", "wake-ups so far")                                               \
	X(ttwu_local, RQ, "ttwu_local", "of these, on the same CPU")                                     \
	X(avg_irq, RQ, "avg_irq.util_avg", "share of interrupts, PELT, of 1024")                         \
	X(cpustat_user_ns, CPUSTAT, "cpustat[CPUTIME_USER]", "CPU time so far, ns")                      \
	X(cpustat_nice_ns, CPUSTAT, "cpustat[CPUTIME_NICE]", "CPU time so far, ns")                      \
	X(cpustat_system_ns, CPUSTAT, "cpustat[CPUTIME_SYSTEM]", "CPU time so far, ns")                  \
	X(cpustat_softirq_ns, CPUSTAT, "cpustat[CPUTIME_SOFTIRQ]", "CPU time so far, ns")                \
	X(cpustat_irq_ns, CPUSTAT, "cpustat[CPUTIME_IRQ]", "CPU time so far, ns")                        \
	X(cpustat_idle_ns, CPUSTAT, "cpustat[CPUTIME_IDLE]", "CPU time so far, ns, up to the last tick") \
	X(cpustat_iowait_ns, CPUSTAT, "cpustat[CPUTIME_IOWAIT]", "CPU time so far, ns")                  \
	X(cpustat_steal_ns, CPUSTAT, "cpustat[CPUTIME_STEAL]", "CPU time so far, ns")                    \
	X(iowait_sleeptime_ns, TICK, "iowait_sleeptime", "time idle with input or output, ns")           \
	X(irqs_sum, KSTAT, "irqs_sum", "interrupts so far")                                              \
	X(softirq_hi, KSTAT, "softirqs[HI_SOFTIRQ]", "soft interrupts so far")                           \
	X(softirq_timer, KSTAT, "softirqs[TIMER_SOFTIRQ]", "soft interrupts so far")                     \
	X(softirq_net_tx, KSTAT, "softirqs[NET_TX_SOFTIRQ]", "soft interrupts so far")                   \
	X(softirq_net_rx, KSTAT, "softirqs[NET_RX_SOFTIRQ]", "soft interrupts so far")                   \
	X(softirq_block, KSTAT, "softirqs[BLOCK_SOFTIRQ]", "soft interrupts so far")                     \
	X(softirq_irq_poll, KSTAT, "softirqs[IRQ_POLL_SOFTIRQ]", "soft interrupts so far")               \
	X(softirq_tasklet, KSTAT, "softirqs[TASKLET_SOFTIRQ]", "soft interrupts so far")                 \
	X(softirq_sched, KSTAT, "softirqs[SCHED_SOFTIRQ]", "soft interrupts so far")                     \
	X(softirq_hrtimer, KSTAT, "softirqs[HRTIMER_SOFTIRQ]", "soft interrupts so far")                 \
	X(softirq_rcu, KSTAT, "softirqs[RCU_SOFTIRQ]", "soft interrupts so far")

/* The same three times, for a CPU that is busy, idle, or about to become idle, in the order of the kernel's enum. */
#define DOMAIN_THREE(X, name)    \
	X(name##_0, #name "[0]") \
	X(name##_1, #name "[1]") \
	X(name##_2, #name "[2]")

/* Of struct sched_domain: name in JSON, member path. */
#define DOMAIN_VALUES(X)                              \
	X(level, "level")                             \
	X(flags, "flags")                             \
	X(span_weight, "span_weight")                 \
	X(balance_interval, "balance_interval")       \
	X(nr_balance_failed, "nr_balance_failed")     \
	X(max_newidle_lb_cost, "max_newidle_lb_cost") \
	X(newidle_call, "newidle_call")               \
	X(newidle_success, "newidle_success")         \
	X(newidle_ratio, "newidle_ratio")             \
	DOMAIN_THREE(X, lb_count)                     \
	DOMAIN_THREE(X, lb_failed)                    \
	DOMAIN_THREE(X, lb_balanced)                  \
	DOMAIN_THREE(X, lb_imbalance)                 \
	DOMAIN_THREE(X, lb_imbalance_load)            \
	DOMAIN_THREE(X, lb_imbalance_util)            \
	DOMAIN_THREE(X, lb_imbalance_task)            \
	DOMAIN_THREE(X, lb_imbalance_misfit)          \
	DOMAIN_THREE(X, lb_gained)                    \
	DOMAIN_THREE(X, lb_hot_gained)                \
	DOMAIN_THREE(X, lb_nobusyg)                   \
	DOMAIN_THREE(X, lb_nobusyq)                   \
	X(alb_count, "alb_count")                     \
	X(alb_failed, "alb_failed")                   \
	X(alb_pushed, "alb_pushed")                   \
	X(sbe_count, "sbe_count")                     \
	X(sbe_balanced, "sbe_balanced")               \
	X(sbe_pushed, "sbe_pushed")                   \
	X(sbf_count, "sbf_count")                     \
	X(sbf_balanced, "sbf_balanced")               \
	X(sbf_pushed, "sbf_pushed")                   \
	X(ttwu_wake_remote, "ttwu_wake_remote")       \
	X(ttwu_move_affine, "ttwu_move_affine")       \
	X(ttwu_move_balance, "ttwu_move_balance")

/*
 * Of sched_ext: name in JSON, variable of kernels in which one scheduler is all there is (up to 6.15), another name of
 * it, member of struct scx_sched at scx_root (later kernels). "" : there is none.
 */
#define SCX_VALUES(X)                                                               \
	X(enable_state, "scx_ops_enable_state_var", "scx_enable_state_var", "")     \
	X(exit_kind, "scx_exit_kind", "", "exit_kind.counter")                      \
	X(bypass_depth, "scx_ops_bypass_depth", "scx_bypass_depth", "bypass_depth") \
	X(aborting, "", "", "aborting")                                             \
	X(switching_all, "scx_switching_all", "", "")                               \
	X(switched_all, "__scx_switched_all", "", "")                               \
	X(nr_rejected, "scx_nr_rejected", "", "")                                   \
	X(enable_seq, "scx_enable_seq", "", "")                                     \
	X(hotplug_seq, "scx_hotplug_seq", "", "")                                   \
	X(watchdog_timeout_jiffies, "scx_watchdog_timeout", "", "watchdog_timeout") \
	X(watchdog_timestamp_jiffies, "scx_watchdog_timestamp", "", "")

/* Of struct psi_group: name in JSON, and the enumerator of its place. */
#define PSI_VALUES(X)                  \
	X(io_some, "PSI_IO_SOME")      \
	X(io_full, "PSI_IO_FULL")      \
	X(memory_some, "PSI_MEM_SOME") \
	X(memory_full, "PSI_MEM_FULL") \
	X(cpu_some, "PSI_CPU_SOME")    \
	X(cpu_full, "PSI_CPU_FULL")    \
	X(irq_full, "PSI_IRQ_FULL")

/* clang-format off */
#define AS_CPU(name, base, path, does) CPU_VALUE_##name,
#define AS_BASE(name, symbol, type) CPU_BASE_##name,
#define AS_DOMAIN(name, path) DOMAIN_VALUE_##name,
#define AS_SCX(name, variable, other, path) SCX_VALUE_##name,
#define AS_PSI(name, enumerator) PSI_VALUE_##name,
enum cpu_base { CPU_SAMPLE_BASES(AS_BASE) CPU_BASE_COUNT };
enum cpu_value { CPU_SAMPLE_VALUES(AS_CPU) CPU_VALUE_COUNT };
enum domain_value { DOMAIN_VALUES(AS_DOMAIN) DOMAIN_VALUE_COUNT };
enum scx_value { SCX_VALUES(AS_SCX) SCX_VALUE_COUNT };
enum psi_value { PSI_VALUES(AS_PSI) PSI_VALUE_COUNT };
#undef AS_CPU
#undef AS_BASE
#undef AS_DOMAIN
#undef AS_SCX
#undef AS_PSI
/* clang-format on */
_Static_assert(CPU_VALUE_COUNT <= 64 && DOMAIN_VALUE_COUNT <= 64, "one bit each");

struct domain_sample {
	uint64_t value[DOMAIN_VALUE_COUNT];
	uint64_t has;
};

struct cpu_sample {
	uint64_t value[CPU_VALUE_COUNT];
	uint64_t has;	       /* bit of each value that is present */
	int32_t current;       /* pid of the running task; -1: unknown */
	char comm[16];	       /* its name, raw */
	struct vcpu_time host; /* of the vCPU's thread, where somebody has put it here */
	unsigned domains;
	struct domain_sample domain[SAMPLE_DOMAINS_MAX]; /* from the smallest */
};

/* Pressure as of the kernel's last update, which is up to 2 s ago. */
struct psi_sample {
	uint64_t total_ns[PSI_VALUE_COUNT];
	double average[PSI_VALUE_COUNT][3]; /* percent, over 10, 60 and 300 s */
	uint64_t has;
};

struct scx_sample {
	uint64_t value[SCX_VALUE_COUNT];
	uint64_t has;
	char name[128]; /* of the scheduler, raw; "": none is loaded */
	bool has_events;
	int64_t event[SAMPLE_EVENTS_MAX]; /* in the order of sampler_event_name(); over all CPUs */
};

struct cgroup_sample {
	char path[256]; /* printable */
	uint64_t cgroup;
	bool has_tasks, has_usage, has_weight;
	uint64_t nr_tasks; /* threads in the group itself */
	uint64_t usage_ns; /* CPU time of the group's own threads so far */
	uint64_t weight;   /* as in cpu.weight */
	struct psi_sample psi;
};

struct program_sample {
	char name[17]; /* printable */
	uint32_t id, verified_insns, jited_len;
	bool has_stats;
	uint64_t cnt, nsecs, misses; /* over all CPUs; the guest counts them with kernel.bpf_stats_enabled=1 */
};

struct sample {
	uint64_t at_ns; /* guest time; host time since the start on kvm */
	unsigned cpus;
	struct cpu_sample *cpu; /* owned */
	uint64_t jiffies;
	bool has_jiffies;
	struct psi_sample psi;
	struct scx_sample scx;
	unsigned cgroups, programs;
	struct cgroup_sample *cgroup;	/* owned */
	struct program_sample *program; /* owned */
	enum walk_end cgroups_end, programs_end;
	uint64_t bad_reads; /* while this sample was taken */
};

/* Where all of this is in one kernel: looked up once, and then used for each sample of each of its machines. */
struct sampler;

/* What of a sample is read. Control groups and programs are walked, which costs more than the rest. */
enum sample_parts {
	SAMPLE_CPUS = 1, /* CPUs, PSI, sched_ext */
	SAMPLE_CGROUPS = 2,
	SAMPLE_PROGRAMS = 4, /* of schedulers (struct_ops) */
	SAMPLE_ALL = 7,
};

/* NULL: out of memory. Immutable; @image outlives it. */
struct sampler *sampler_new(const struct kernel_image *image);
void sampler_free(struct sampler *s);
/* How many event counters this kernel has (0: none), and the name of one of them, as "select_cpu_fallback". */
unsigned sampler_events(const struct sampler *s);
const char *sampler_event_name(const struct sampler *s, unsigned event);
/*
 * Reads @parts (enum sample_parts) of the kernel of @v, which was refreshed, into @ret; other parts stay as they are.
 * @ret was zeroed at first, and its memory is used again. @cgroups: path below which control groups are read. -EAGAIN:
 * the view has no CPUs yet.
 */
int sample_take(const struct sampler *s, struct view *v, unsigned parts, uint64_t at_ns, const char *cgroups,
		struct sample *ret);
/*
 * sample_take() of a guest that runs meanwhile. -ESTALE: it changed what was being read, so that @ret may be wrong. Of
 * what changes all the time (the running task, a group's tasks), only that value is absent. @again: room for another
 * sample, kept from one call to the next as @ret is.
 */
int sample_take_running(const struct sampler *s, struct view *v, unsigned parts, uint64_t at_ns, const char *cgroups,
			struct sample *ret, struct sample *again);
void sample_done(struct sample *s);

static inline bool cpu_has(const struct cpu_sample *c, enum cpu_value value)
{
	return c->has >> value & 1;
}

/* A new reference. */
json_t *sample_to_json(const struct sampler *s, const struct sample *sample);

#endif
