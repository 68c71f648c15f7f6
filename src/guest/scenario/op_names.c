/* SPDX-License-Identifier: GPL-2.0-only */
/* op_names.c -- see op_names.h. */
#include "guest/scenario/op_names.h"

const char *op_name(enum ktstr_op_kind kind)
{
	static const char *const names[KTSTR_OP_KIND_MAX] = {
		[KTSTR_OP_ADD_CGROUP] = "AddCgroup",
		[KTSTR_OP_REMOVE_CGROUP] = "RemoveCgroup",
		[KTSTR_OP_SET_CPUSET] = "SetCpuset",
		[KTSTR_OP_CLEAR_CPUSET] = "ClearCpuset",
		[KTSTR_OP_SWAP_CPUSETS] = "SwapCpusets",
		[KTSTR_OP_SPAWN] = "Spawn",
		[KTSTR_OP_STOP_CGROUP] = "StopCgroup",
		[KTSTR_OP_SET_AFFINITY] = "SetAffinity",
		[KTSTR_OP_SPAWN_HOST] = "SpawnHost",
		[KTSTR_OP_MOVE_ALL_TASKS] = "MoveAllTasks",
		[KTSTR_OP_RUN_PAYLOAD] = "RunPayload",
		[KTSTR_OP_WAIT_PAYLOAD] = "WaitPayload",
		[KTSTR_OP_KILL_PAYLOAD] = "KillPayload",
		[KTSTR_OP_ADD_CGROUP_DEF] = "AddCgroupDef",
		[KTSTR_OP_FREEZE_CGROUP] = "FreezeCgroup",
		[KTSTR_OP_UNFREEZE_CGROUP] = "UnfreezeCgroup",
		[KTSTR_OP_DETACH_SCHEDULER] = "DetachScheduler",
		[KTSTR_OP_ATTACH_SCHEDULER] = "AttachScheduler",
		[KTSTR_OP_RESTART_SCHEDULER] = "RestartScheduler",
		[KTSTR_OP_REPLACE_SCHEDULER] = "ReplaceScheduler",
		[KTSTR_OP_CAPTURE_CGROUP_PROCS] = "CaptureCgroupProcs",
		[KTSTR_OP_CALL] = "Call",
	};
	return kind < KTSTR_OP_KIND_MAX ? names[kind] : "?";
}
