/* SPDX-License-Identifier: GPL-2.0-only */
/* op_names.c -- see op_names.h. */
#include "guest/scenario/op_names.h"

const char *op_name(enum ktstr_op_kind kind)
{
	static const char *const names[KTSTR_OP_KIND_MAX] = {
		[KTSTR_OP_ADD_CGROUP] = "ADD_CGROUP",
		[KTSTR_OP_REMOVE_CGROUP] = "REMOVE_CGROUP",
		[KTSTR_OP_SET_CPUSET] = "SET_CPUSET",
		[KTSTR_OP_CLEAR_CPUSET] = "CLEAR_CPUSET",
		[KTSTR_OP_SWAP_CPUSETS] = "SWAP_CPUSETS",
		[KTSTR_OP_SPAWN] = "SPAWN",
		[KTSTR_OP_STOP_CGROUP] = "STOP_CGROUP",
		[KTSTR_OP_SET_AFFINITY] = "SET_AFFINITY",
		[KTSTR_OP_SPAWN_HOST] = "SPAWN_HOST",
		[KTSTR_OP_MOVE_ALL_TASKS] = "MOVE_ALL_TASKS",
		[KTSTR_OP_RUN_PAYLOAD] = "RUN_PAYLOAD",
		[KTSTR_OP_WAIT_PAYLOAD] = "WAIT_PAYLOAD",
		[KTSTR_OP_KILL_PAYLOAD] = "KILL_PAYLOAD",
		[KTSTR_OP_ADD_CGROUP_DEF] = "ADD_CGROUP_DEF",
		[KTSTR_OP_FREEZE_CGROUP] = "FREEZE_CGROUP",
		[KTSTR_OP_UNFREEZE_CGROUP] = "UNFREEZE_CGROUP",
		[KTSTR_OP_DETACH_SCHEDULER] = "DETACH_SCHEDULER",
		[KTSTR_OP_ATTACH_SCHEDULER] = "ATTACH_SCHEDULER",
		[KTSTR_OP_RESTART_SCHEDULER] = "RESTART_SCHEDULER",
		[KTSTR_OP_REPLACE_SCHEDULER] = "REPLACE_SCHEDULER",
		[KTSTR_OP_CAPTURE_CGROUP_PROCS] = "CAPTURE_CGROUP_PROCS",
		[KTSTR_OP_CALL] = "CALL",
		[KTSTR_OP_CAPTURE] = "CAPTURE",
		[KTSTR_OP_WATCH] = "WATCH",
	};
	return kind < KTSTR_OP_KIND_MAX ? names[kind] : "?";
}

const char only_step[] = "run";

void step_wrap_error(struct err **err, int r, const struct ktstr_step *step)
{
	if (step->name != only_step)
		err_wrap(err, r, "step '%s'", step->name);
}
