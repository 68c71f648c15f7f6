/* SPDX-License-Identifier: GPL-2.0-only */
/* result_name.h -- names of the files of a result, for those who write and those who read them. */
#ifndef KTSTR_BASE_RESULT_NAME_H
#define KTSTR_BASE_RESULT_NAME_H

#include <stdbool.h>

/*
 * Suffixes after NAME-VARIANT: result, report of a test that did not pass, guest memory (--keep-memory), what that
 * said of a failure, the same of a second run (run/second_run.h), snapshots that the test asked for, instructions that
 * its kernel executed, and the recorded schedule (schedule/log.h).
 */
#define SIDECAR_SUFFIX ".ktstr.json"
/* The finding of a test that was stopped because a signal ended its run. */
#define FINDING_INTERRUPTED "interrupted"
/* Directories of the runs that `ktstr perf-delta` makes. Other commands read them only by their names. */
#define SAMPLES_PREFIX	 "perf-delta-noise-"
#define REPORT_SUFFIX	 ".report.txt"
#define MEMORY_SUFFIX	 ".vmcore"
#define DUMP_SUFFIX	 ".failure-dump.json"
#define REPRO_SUFFIX	 ".repro.failure-dump.json"
#define SNAPSHOTS_SUFFIX ".snapshots.json"
#define PROFILE_SUFFIX	 ".profile.json"
#define PERTURB_SUFFIX	 ".perturb.json" /* the points at which CPUs were held back */
#define SCHEDULE_SUFFIX	 ".schedule.zst"
#define TRACE_SUFFIX	 ".perfetto.json" /* of --schedule-trace, in its directory */
#define MODEL_SUFFIX	 ".llm.txt"	  /* what a language model's server answered */
#define LOAD_LOG_SUFFIX	 ".load-log.txt"  /* of a cell of the verifier sweep: what the scheduler printed */
#define RODATA_SUFFIX	 ".rodata.json"	  /* of such a cell: the constants of its BPF programs */

/* Directory of earlier runs, in the directory of all runs: .history/RUN/TIME-ID. */
#define HISTORY_DIRECTORY ".history"

/* Does @name contain ".ktstr." and end with ".json"? */
bool is_sidecar_name(const char *name);

#endif
