/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * replay_source.h -- REPLAY on a command line: one run that is to be made again. It is a result (a sidecar, whose
 * replay line counts), or the words of a replay line themselves, behind "--".
 */
#ifndef KTSTR_RUN_REPLAY_SOURCE_H
#define KTSTR_RUN_REPLAY_SOURCE_H

#include "base/json.h"

#define REPLAY_OPERANDS "RESULT | -- test ARGUMENT..." /* for command tables */

struct replay_source {
	char **environment; /* "NAME=VALUE", set before the run; NULL-terminated */
	char **words;	    /* behind "ktstr": "test", "-E", "test(=ktstr/crowd)", ...; NULL-terminated */
	json_t *result;	    /* the sidecar; NULL: a command line was given */
	char *path;	    /* of the sidecar, or NULL */
	char *points;	    /* file of the recorded perturbation beside it, if there is one; else NULL */
};

/*
 * @operands: what the user wrote, NULL-terminated. Also accepts a whole replay line, with its variables and "ktstr",
 * and as one quoted word. The words begin with the command, "test" or "verifier"; its options are not checked.
 */
int replay_source_read(const char *const *operands, struct replay_source *ret, struct err **err);
void replay_source_done(struct replay_source *s);

#endif
