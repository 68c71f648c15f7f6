/* SPDX-License-Identifier: GPL-2.0-only */
/* load_log.h -- the logs of the BPF verifier in what a scheduler prints, as libbpf writes them. */
#ifndef KTSTR_BPFLOG_LOAD_LOG_H
#define KTSTR_BPFLOG_LOAD_LOG_H

#include "monitor/verified.h"
#include "verdict/evidence.h"

/* The part of @text between the first "-- BEGIN PROG LOAD LOG --" and the last "-- END PROG LOAD LOG --"; else all. */
void load_log_part(const char *text, size_t len, const char **ret, size_t *ret_len);
/*
 * Reads the statistics at the end of a verifier's log, from the last line of each kind. @ret_limit: of the number of
 * instructions, if the log has it. False: there are none.
 */
bool load_log_stats(const char *text, size_t len, struct verified_program *ret, uint64_t *ret_limit);
/*
 * Calls @each for the log of each program. The program is not loaded if its log says so. @ret_limit: 0 if no log has a
 * limit.
 */
void load_log_programs(const char *text, size_t len, void (*each)(void *arg, const struct verified_program *p),
		       void *arg, uint64_t *ret_limit);

/* All that is known of a machine's BPF programs: from its memory, and where that says nothing, from its logs. */
int program_stats_collect(const struct evidence *e, struct verified *ret);

#endif
