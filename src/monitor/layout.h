/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * layout.h -- where the members that a dump reads lie in this kernel's structs. Resolved once for a kernel, so that a
 * dump of many tasks looks nothing up by name.
 */
#ifndef KTSTR_MONITOR_LAYOUT_H
#define KTSTR_MONITOR_LAYOUT_H

#include "base/buf.h"
#include "monitor/types.h"

/* Name, struct, member. Where kernels differ, the names are separated by '|', and the first that is there counts. */
#define LAYOUT_FIELDS(X)                                                  \
	X(TASK_PID, "task_struct", "pid")                                 \
	X(TASK_TGID, "task_struct", "tgid")                               \
	X(TASK_COMM, "task_struct", "comm")                               \
	X(TASK_STATE, "task_struct", "__state")                           \
	X(TASK_EXIT_STATE, "task_struct", "exit_state")                   \
	X(TASK_ON_CPU, "task_struct", "on_cpu")                           \
	X(TASK_ON_RQ, "task_struct", "on_rq")                             \
	X(TASK_CPU, "task_struct", "thread_info.cpu|cpu")                 \
	X(TASK_CLASS, "task_struct", "sched_class")                       \
	X(TASK_POLICY, "task_struct", "policy")                           \
	X(TASK_PRIO, "task_struct", "prio")                               \
	X(TASK_STATIC_PRIO, "task_struct", "static_prio")                 \
	X(TASK_NORMAL_PRIO, "task_struct", "normal_prio")                 \
	X(TASK_RT_PRIORITY, "task_struct", "rt_priority")                 \
	X(TASK_LEADER, "task_struct", "group_leader")                     \
	X(TASK_PARENT, "task_struct", "real_parent")                      \
	X(TASK_SIGNAL, "task_struct", "signal")                           \
	X(TASK_NVCSW, "task_struct", "nvcsw")                             \
	X(TASK_NIVCSW, "task_struct", "nivcsw")                           \
	X(TASK_CPUS_PTR, "task_struct", "cpus_ptr")                       \
	X(TASK_CPUS_ALLOWED, "task_struct", "nr_cpus_allowed")            \
	X(TASK_NO_MIGRATION, "task_struct", "migration_disabled")         \
	X(TASK_CORE_COOKIE, "task_struct", "core_cookie")                 \
	X(TASK_CSS_SET, "task_struct", "cgroups")                         \
	X(TASK_SP, "task_struct", "thread.sp")                            \
	X(TASK_STACK, "task_struct", "stack")                             \
	X(TASK_RUN_DELAY, "task_struct", "sched_info.run_delay")          \
	X(TASK_PCOUNT, "task_struct", "sched_info.pcount")                \
	X(TASK_LAST_ARRIVAL, "task_struct", "sched_info.last_arrival")    \
	X(TASK_LAST_QUEUED, "task_struct", "sched_info.last_queued")      \
	X(TASK_SUM_EXEC, "task_struct", "se.sum_exec_runtime")            \
	X(TASK_VRUNTIME, "task_struct", "se.vruntime")                    \
	X(TASK_DEADLINE, "task_struct", "se.deadline")                    \
	X(TASK_VLAG, "task_struct", "se.vlag")                            \
	X(TASK_SE_SLICE, "task_struct", "se.slice")                       \
	X(TASK_DELAYED, "task_struct", "se.sched_delayed")                \
	X(SIGNAL_THREADS, "signal_struct", "nr_threads")                  \
	X(SIGNAL_NVCSW, "signal_struct", "nvcsw")                         \
	X(SIGNAL_NIVCSW, "signal_struct", "nivcsw")                       \
	X(SIGNAL_PGID, "signal_struct", "pids[2]")                        \
	X(SIGNAL_SID, "signal_struct", "pids[3]")                         \
	X(PID_NR, "pid", "numbers[0].nr")                                 \
	X(SCX_DSQ, "task_struct", "scx.dsq")                              \
	X(SCX_DSQ_NODE, "task_struct", "scx.dsq_list.node")               \
	X(SCX_DSQ_FLAGS, "task_struct", "scx.dsq_flags")                  \
	X(SCX_FLAGS, "task_struct", "scx.flags")                          \
	X(SCX_WEIGHT, "task_struct", "scx.weight")                        \
	X(SCX_STICKY, "task_struct", "scx.sticky_cpu")                    \
	X(SCX_HOLDING, "task_struct", "scx.holding_cpu")                  \
	X(SCX_OPS_QSEQ, "task_struct", "scx.ops_qseq")                    \
	X(SCX_OPS_STATE, "task_struct", "scx.ops_state")                  \
	X(SCX_RUNNABLE_NODE, "task_struct", "scx.runnable_node")          \
	X(SCX_RUNNABLE_AT, "task_struct", "scx.runnable_at")              \
	X(SCX_DDSP_DSQ, "task_struct", "scx.ddsp_dsq_id")                 \
	X(SCX_DDSP_FLAGS, "task_struct", "scx.ddsp_enq_flags")            \
	X(SCX_SLICE, "task_struct", "scx.slice")                          \
	X(SCX_VTIME, "task_struct", "scx.dsq_vtime")                      \
	X(DSQ_LIST, "scx_dispatch_q", "list")                             \
	X(DSQ_NR, "scx_dispatch_q", "nr")                                 \
	X(DSQ_SEQ, "scx_dispatch_q", "seq")                               \
	X(DSQ_ID, "scx_dispatch_q", "id")                                 \
	X(DSQ_HASH_NODE, "scx_dispatch_q", "hash_node")                   \
	X(HASH_TABLE, "rhashtable", "tbl")                                \
	X(DSQ_NODE_LINK, "scx_dsq_list_node", "node")                     \
	X(DSQ_NODE_FLAGS, "scx_dsq_list_node", "flags")                   \
	X(RQ_NR_RUNNING, "rq", "nr_running")                              \
	X(RQ_CURR, "rq", "curr")                                          \
	X(RQ_IDLE, "rq", "idle")                                          \
	X(RQ_CLOCK, "rq", "clock")                                        \
	X(RQ_ONLINE, "rq", "online")                                      \
	X(RQ_NR_SWITCHES, "rq", "nr_switches")                            \
	X(RQ_NR_IOWAIT, "rq", "nr_iowait")                                \
	X(RQ_SCX_NR, "rq", "scx.nr_running")                              \
	X(RQ_SCX_FLAGS, "rq", "scx.flags")                                \
	X(RQ_SCX_RELEASED, "rq", "scx.cpu_released")                      \
	X(RQ_SCX_OPS_QSEQ, "rq", "scx.ops_qseq")                          \
	X(RQ_SCX_PNT_SEQ, "rq", "scx.pnt_seq")                            \
	X(RQ_SCX_KICK_SYNC, "rq", "scx.kick_sync")                        \
	X(RQ_SCX_NR_IMMED, "rq", "scx.nr_immed")                          \
	X(RQ_SCX_RUNNABLE, "rq", "scx.runnable_list")                     \
	X(RQ_SCX_LOCAL, "rq", "scx.local_dsq")                            \
	X(RQ_SCX_KICK, "rq", "scx.cpus_to_kick")                          \
	X(RQ_SCX_KICK_IDLE, "rq", "scx.cpus_to_kick_if_idle")             \
	X(RQ_SCX_PREEMPT, "rq", "scx.cpus_to_preempt")                    \
	X(RQ_SCX_WAIT, "rq", "scx.cpus_to_wait")                          \
	X(SCHED_EXIT_KIND, "scx_sched", "exit_kind")                      \
	X(SCHED_EXIT_INFO, "scx_sched", "exit_info")                      \
	X(SCHED_BYPASS_DEPTH, "scx_sched", "bypass_depth")                \
	X(SCHED_ABORTING, "scx_sched", "aborting")                        \
	X(SCHED_WATCHDOG, "scx_sched", "watchdog_timeout")                \
	X(SCHED_DSQ_HASH, "scx_sched", "dsq_hash")                        \
	X(SCHED_PNODE, "scx_sched", "pnode")                              \
	X(SCHED_GLOBAL_DSQS, "scx_sched", "global_dsqs")                  \
	X(SCHED_PCPU, "scx_sched", "pcpu")                                \
	X(SCHED_OPS, "scx_sched", "ops")                                  \
	X(PNODE_GLOBAL, "scx_sched_pnode", "global_dsq")                  \
	X(PCPU_BYPASS, "scx_sched_pcpu", "bypass_dsq")                    \
	X(OPS_NAME, "sched_ext_ops", "name")                              \
	X(OPS_TIMEOUT_MS, "sched_ext_ops", "timeout_ms")                  \
	X(OPS_FLAGS, "sched_ext_ops", "flags")                            \
	X(EXIT_KIND, "scx_exit_info", "kind")                             \
	X(EXIT_CODE, "scx_exit_info", "exit_code")                        \
	X(EXIT_REASON, "scx_exit_info", "reason")                         \
	X(EXIT_BT, "scx_exit_info", "bt")                                 \
	X(EXIT_BT_LEN, "scx_exit_info", "bt_len")                         \
	X(EXIT_MSG, "scx_exit_info", "msg")                               \
	X(EXIT_DUMP, "scx_exit_info", "dump")                             \
	X(CSS_SET_CGROUP, "css_set", "dfl_cgrp")                          \
	X(CGROUP_NODE, "cgroup", "kn")                                    \
	X(KERNFS_PARENT, "kernfs_node", "parent|__parent")                \
	X(KERNFS_NAME, "kernfs_node", "name")                             \
	X(CPUMASK_BITS, "cpumask", "bits")                                \
	X(CLOCK_MULT, "clocksource", "mult")                              \
	X(CLOCK_SHIFT, "clocksource", "shift")                            \
	X(UTS_RELEASE, "uts_namespace", "name.release")                   \
	X(UTS_VERSION, "uts_namespace", "name.version")                   \
	X(KSYM_START, "bpf_ksym", "start")                                \
	X(KSYM_END, "bpf_ksym", "end")                                    \
	X(KSYM_NAME, "bpf_ksym", "name")                                  \
	X(KSYM_NODE, "bpf_ksym", "lnode")                                 \
	X(KSYM_IS_PROGRAM, "bpf_ksym", "prog")                            \
	X(AUX_LINES, "bpf_prog_aux", "linfo")                             \
	X(AUX_LINE_ADDRESSES, "bpf_prog_aux", "jited_linfo")              \
	X(AUX_LINE_COUNT, "bpf_prog_aux", "nr_linfo")                     \
	X(AUX_BTF, "bpf_prog_aux", "btf")                                 \
	X(BTF_STRINGS, "btf", "strings")                                  \
	X(BTF_STRING_BYTES, "btf", "hdr.str_len")                         \
	X(IDR_XARRAY, "idr", "idr_rt")                                    \
	X(PROG_TYPE, "bpf_prog", "type")                                  \
	X(PROG_LEN, "bpf_prog", "len")                                    \
	X(PROG_TAG, "bpf_prog", "tag")                                    \
	X(PROG_STATS, "bpf_prog", "stats")                                \
	X(PROG_AUX, "bpf_prog", "aux")                                    \
	X(AUX_ID, "bpf_prog_aux", "id")                                   \
	X(AUX_NAME, "bpf_prog_aux", "name")                               \
	X(AUX_KSYM, "bpf_prog_aux", "ksym")                               \
	X(AUX_OP, "bpf_prog_aux", "attach_func_name")                     \
	X(AUX_VERIFIED, "bpf_prog_aux", "verified_insns")                 \
	X(AUX_LOAD_TIME, "bpf_prog_aux", "load_time")                     \
	X(AUX_MAPS, "bpf_prog_aux", "used_maps")                          \
	X(AUX_MAP_COUNT, "bpf_prog_aux", "used_map_cnt")                  \
	X(STATS_CNT, "bpf_prog_stats", "cnt")                             \
	X(STATS_NSECS, "bpf_prog_stats", "nsecs")                         \
	X(STATS_MISSES, "bpf_prog_stats", "misses")                       \
	X(MAP_TYPE, "bpf_map", "map_type")                                \
	X(MAP_ID, "bpf_map", "id")                                        \
	X(MAP_NAME, "bpf_map", "name")                                    \
	X(MAP_KEY_SIZE, "bpf_map", "key_size")                            \
	X(MAP_VALUE_SIZE, "bpf_map", "value_size")                        \
	X(MAP_MAX_ENTRIES, "bpf_map", "max_entries")                      \
	X(MAP_FLAGS, "bpf_map", "map_flags")                              \
	X(MAP_BTF, "bpf_map", "btf")                                      \
	X(MAP_KEY_TYPE, "bpf_map", "btf_key_type_id")                     \
	X(MAP_VALUE_TYPE, "bpf_map", "btf_value_type_id")                 \
	X(MAP_KERNEL_TYPE, "bpf_map", "btf_vmlinux_value_type_id")        \
	X(BTF_DATA, "btf", "data")                                        \
	X(BTF_DATA_SIZE, "btf", "data_size")                              \
	X(BTF_BASE, "btf", "base_btf")                                    \
	X(ARRAY_VALUE, "bpf_array", "value")                              \
	X(HTAB_BUCKETS, "bpf_htab", "buckets")                            \
	X(HTAB_BUCKET_COUNT, "bpf_htab", "n_buckets")                     \
	X(HTAB_KEY, "htab_elem", "key")                                   \
	X(STORAGE_BUCKETS, "bpf_local_storage_map", "buckets")            \
	X(STORAGE_LOG, "bpf_local_storage_map", "bucket_log")             \
	X(STORAGE_DATA, "bpf_local_storage_elem", "sdata")                \
	X(STORAGE_BYTES, "bpf_local_storage_data", "data")                \
	X(STORAGE_OF, "bpf_local_storage_elem", "local_storage")          \
	X(STORAGE_OWNER, "bpf_local_storage", "owner")                    \
	X(STRUCT_OPS_VALUE, "bpf_struct_ops_map", "kvalue")               \
	X(STRUCT_OPS_STATE, "bpf_struct_ops_value", "common.state|state") \
	X(RINGBUF_OF, "bpf_ringbuf_map", "rb")                            \
	X(RINGBUF_MASK, "bpf_ringbuf", "mask")                            \
	X(RINGBUF_CONSUMER, "bpf_ringbuf", "consumer_pos")                \
	X(RINGBUF_PRODUCER, "bpf_ringbuf", "producer_pos")                \
	X(RINGBUF_PENDING, "bpf_ringbuf", "pending_pos")                  \
	X(STACKS_COUNT, "bpf_stack_map", "n_buckets")                     \
	X(STACKS_BUCKETS, "bpf_stack_map", "buckets")                     \
	X(STACK_NR, "stack_map_bucket", "nr")                             \
	X(STACK_DATA, "stack_map_bucket", "data")                         \
	X(ARENA_USER_START, "bpf_arena", "user_vm_start")                 \
	X(ARENA_USER_END, "bpf_arena", "user_vm_end")                     \
	X(ARENA_KERNEL, "bpf_arena", "kern_vm")                           \
	X(VM_ADDRESS, "vm_struct", "addr")                                \
	X(DEVMAP_SLOTS, "bpf_dtab", "netdev_map")                         \
	X(SOCKMAP_SLOTS, "bpf_stab", "sks")                               \
	X(CPUMAP_SLOTS, "bpf_cpu_map", "cpu_map")                         \
	X(DEVMAP_BUCKETS, "bpf_dtab", "dev_index_head")                   \
	X(DEVMAP_BUCKET_COUNT, "bpf_dtab", "n_buckets")                   \
	X(DEVICE_NODE, "bpf_dtab_netdev", "index_hlist")                  \
	X(DEVICE_KEY, "bpf_dtab_netdev", "idx")                           \
	X(DEVICE_VALUE, "bpf_dtab_netdev", "val")                         \
	X(SOCKHASH_BUCKETS, "bpf_shtab", "buckets")                       \
	X(SOCKHASH_BUCKET_COUNT, "bpf_shtab", "buckets_num")              \
	X(SOCKHASH_NODE, "bpf_shtab_elem", "node")                        \
	X(SOCKHASH_KEY, "bpf_shtab_elem", "key")                          \
	X(SOCKHASH_SOCKET, "bpf_shtab_elem", "sk")                        \
	X(QUEUE_HEAD, "bpf_queue_stack", "head")                          \
	X(QUEUE_TAIL, "bpf_queue_stack", "tail")                          \
	X(QUEUE_SIZE, "bpf_queue_stack", "size")                          \
	X(QUEUE_ELEMENTS, "bpf_queue_stack", "elements")                  \
	X(XSKMAP_SLOTS, "xsk_map", "xsk_map")                             \
	X(REUSEPORT_SLOTS, "reuseport_array", "ptrs")                     \
	X(FRAME_BP, "inactive_task_frame", "bp")                          \
	X(FRAME_RETURN, "inactive_task_frame", "ret_addr")                \
	X(CPU_TIMES, "kernel_cpustat", "cpustat")                         \
	X(CPU_IRQS, "kernel_stat", "irqs_sum")                            \
	X(CPU_SOFTIRQS, "kernel_stat", "softirqs")

/* Sizes of whole structs. */
#define LAYOUT_SIZES(X)                                   \
	X(BUCKET, "bucket")                               \
	X(STORAGE_BUCKET, "bpf_local_storage_map_bucket") \
	X(SOCKHASH_BUCKET, "bpf_shtab_bucket")            \
	X(STRUCT_OPS_MAP, "bpf_struct_ops_map")           \
	X(FRAME, "inactive_task_frame")

/* Enums whose values are shown by name: name, enum, prefix that is left out. */
#define LAYOUT_ENUMS(X)                                                     \
	X(RQ_FLAGS, "scx_rq_flags", "SCX_RQ_")                              \
	X(TASK_FLAGS, "scx_ent_flags", "SCX_TASK_")                         \
	X(TASK_STATES, "scx_task_state", "SCX_TASK_")                       \
	X(EXIT_KINDS, "scx_exit_kind", "SCX_EXIT_")                         \
	X(OPS_STATES, "scx_ops_state", "SCX_OPSS_")                         \
	X(ENQ_FLAGS, "scx_enq_flags", "SCX_ENQ_")                           \
	X(WAKE_FLAGS, "scx_wake_flags", "SCX_WAKE_")                        \
	X(OPS_FLAGS, "scx_ops_flags", "SCX_OPS_")                           \
	X(ENABLE, "scx_ops_enable_state|scx_enable_state", "SCX_OPS_|SCX_") \
	X(MAP_TYPES, "bpf_map_type", "BPF_MAP_TYPE_")                       \
	X(PROG_TYPES, "bpf_prog_type", "BPF_PROG_TYPE_")                    \
	X(ATTACH_TYPES, "bpf_attach_type", "BPF_")                          \
	X(STRUCT_OPS, "bpf_struct_ops_state", "BPF_STRUCT_OPS_STATE_")      \
	X(CPU_TIMES, "cpu_usage_stat", "CPUTIME_")

enum layout_field {
#define X(name, structure, path) LAYOUT_##name,
	LAYOUT_FIELDS(X)
#undef X
		LAYOUT_FIELD_COUNT,
};

enum layout_size {
#define X(name, structure) LAYOUT_SIZE_##name,
	LAYOUT_SIZES(X)
#undef X
		LAYOUT_SIZE_COUNT,
};

enum layout_enum {
#define X(name, enumeration, prefix) LAYOUT_ENUM_##name,
	LAYOUT_ENUMS(X)
#undef X
		LAYOUT_ENUM_COUNT,
};

#define LAYOUT_NAME_MAX 64

struct layout {
	const struct types *types;
	struct field field[LAYOUT_FIELD_COUNT];
	uint32_t size[LAYOUT_SIZE_COUNT];	 /* 0: absent */
	uint32_t enumeration[LAYOUT_ENUM_COUNT]; /* BTF id; 0: absent */
};

void layout_init(struct layout *l, const struct types *types);
/* The name of a value, without its prefix. False: it has none. */
bool layout_variant(const struct layout *l, enum layout_enum e, uint64_t value, char out[LAYOUT_NAME_MAX]);
/* The value of an enumerator, by its name without the prefix; @otherwise: there is none. */
uint64_t layout_value(const struct layout *l, enum layout_enum e, const char *name, uint64_t otherwise);
/* Appends the names of the bits that are set: "ONLINE|BAL_KEEP|0x40"; nothing for 0. */
void layout_flags(const struct layout *l, enum layout_enum e, uint64_t value, struct buf *out);

#endif
