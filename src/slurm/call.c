/* SPDX-License-Identifier: GPL-2.0-only */
/* call.c -- see call.h. */
#include <string.h>

#include "base/bug.h"
#include "slurm/call.h"

enum { CALL_RUN, CALL_REAP, CALL_COUNT };

static int run(struct machine *m, int result)
{
	struct slurm_call *c = container_of(m, struct slurm_call, machine);
	/* Durations and states are read by programs: the language is fixed, and long lists are not cut. */
	static const char *const env[] = { "LC_ALL=C", "SLURM_BITSTR_LEN=0", NULL };
	struct command_spec spec = { .what = c->argv[0], .argv = c->argv, .base_env = TOOL_ENV_SLURM, .env = env };
	int r = command_drive(m, result, &c->run, &spec, &c->err);
	return r == 0 ? CALL_RUN : r < 0 ? r : MACHINE_END;
}

static int reap(struct machine *m, int result)
{
	struct slurm_call *c = container_of(m, struct slurm_call, machine);
	(void)result;
	return command_reap(m, &c->run) ? MACHINE_END : CALL_REAP;
}

static const struct machine_state call_states[CALL_COUNT] = {
	[CALL_RUN] = { "run", run, SLURM_CALL_DEADLINE, CALL_REAP, TO(CALL_RUN) | TO_END },
	[CALL_REAP] = { "reap", reap, DEADLINE_NONE, 0, TO(CALL_REAP) | TO_END },
};

static const struct machine_type call_type = { "slurm call", call_states, CALL_COUNT, NULL };

void slurm_call_init(struct slurm_call *c, slurm_line_fn *on_line, void *data)
{
	*c = (struct slurm_call){ 0 };
	command_init(&c->run);
	c->run.on_line = on_line;
	c->run.data = data;
}

void slurm_call_add(struct slurm_call *c, const char *word)
{
	REQUIRE(c->words + 1 < SLURM_WORDS_MAX);
	c->argv[c->words++] = word;
}

void slurm_call_start(struct reactor *r, struct slurm_call *c, struct machine *parent)
{
	machine_start(r, &c->machine, &call_type, parent, "%s", c->argv[0]);
}

void slurm_call_done(struct slurm_call *c)
{
	command_done(&c->run);
	c->err = err_free(c->err);
}

int slurm_call_fail(const struct slurm_call *c, int code, struct err **err)
{
	char line[400];
	if (code == -ECANCELED)
		return FAIL(err, ERR_INTERRUPTED, code, "interrupted");
	if (code == -ENOENT)
		return FAIL(err, ERR_MISSING, code,
			    "'%s' is not installed here; --slurm needs Slurm's commands (Debian: slurm-client) and a "
			    "cluster that they reach",
			    c->argv[0]);
	command_error_line(&c->run, line, sizeof(line));
	if (code == -ETIME)
		return FAIL(err, ERR_MISSING, code, "%s did not answer within a minute; %s", c->argv[0],
			    *line ? line : "is slurmctld running?");
	return FAIL(err, ERR_MISSING, code, "%s failed: %s%s", c->argv[0], *line ? line : "it printed nothing",
		    strcmp(c->argv[0], "sbatch") ? "; 'sinfo' shows whether this machine reaches a cluster" : "");
}

int slurm_call_run(struct reactor *r, struct slurm_call *c, struct err **err)
{
	slurm_call_start(r, c, NULL);
	int result = reactor_run(r);
	result = result < 0 ? result : c->machine.result;
	return result < 0 ? slurm_call_fail(c, result, err) : 0;
}

/* --- waiting ------------------------------------------------------------------------------------------------------ */

struct nap {
	struct machine machine;
	nsec_t length;
};

static int nap(struct machine *m, int result)
{
	if (!m->first_entry)
		return result < 0 ? result : MACHINE_END;
	machine_sleep(m, container_of(m, struct nap, machine)->length);
	return 0;
}

static const struct machine_state nap_states[] = { { "wait", nap, DEADLINE_NONE, 0, TO(0) | TO_END } };
static const struct machine_type nap_type = { "slurm wait", nap_states, 1, NULL };

int slurm_nap(struct reactor *r, nsec_t length)
{
	struct nap n = { .length = length };
	machine_start(r, &n.machine, &nap_type, NULL, "slurm");
	int result = reactor_run(r);
	return result < 0 ? result : n.machine.result;
}
