/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * model_metrics.h -- metrics that a language model finds in the output of an attempt's payloads, after its machine has
 * ended: a state machine that asks about one payload after the other, and what is made of the replies.
 */
#ifndef KTSTR_RUN_MODEL_METRICS_H
#define KTSTR_RUN_MODEL_METRICS_H

#include "model/ask.h"
#include "verdict/evidence.h"

struct attempt;
struct test_decl;

enum model_metrics_state { MODEL_METRICS_ASK, MODEL_METRICS_NOTE, MODEL_METRICS_STATE_MAX };

/* What the model said about a run of a payload. */
struct model_reply {
	uint32_t payload; /* index of the run */
	enum wire_metric_stream stream;
	struct buf reply; /* a JSON object of numbers; empty: there is none */
	struct buf why;	  /* then the reason and what to do */
};

struct model_metrics {
	struct machine machine;
	struct attempt *attempt;
	struct model_server *server;
	struct ask ask;
	struct model_reply *reply;
	uint32_t runs, replies, next; /* next: in the evidence's payloads, of which there are `runs` */
	struct buf answers;	      /* of the server, as they came (KTSTR_LLM_DEBUG_RESPONSES) */
};

/* True if a language model reads the output of one of the test's payloads. */
bool test_asks_model(const struct test_decl *t);
/* Starts to ask, if the attempt's guest sent output for a model; NULL: it did not, or there is no memory. */
struct model_metrics *model_metrics_start(struct attempt *a, struct model_server *server);
/*
 * Adds what came of it to the attempt's evidence, once. A payload that a model should have read and did not is a
 * finding. Blocks, so it runs on the offload pool.
 */
int model_metrics_take(struct attempt *a);
struct model_metrics *model_metrics_free(struct model_metrics *m);

#endif
