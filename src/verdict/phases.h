/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * phases.h -- the course of a test: its steps, with what the monitor saw during each of them, and what changed from one
 * to the next. Steps and samples have the same clock, the guest's.
 */
#ifndef KTSTR_VERDICT_PHASES_H
#define KTSTR_VERDICT_PHASES_H

#include "monitor/series.h"
#include "verdict/evidence.h"

#define PHASES_MAX 256

/* Name, how a report calls it, how much is a change (of throughput: a share), and whether more is better. */
#define PHASE_METRICS(X)                            \
	X(imbalance, "imbalance", 0.5, false)       \
	X(dsq_depth, "dsq", 3.0, false)             \
	X(fallback_rate, "fallback", 10.0, false)   \
	X(keep_last_rate, "keep_last", 10.0, false) \
	X(iteration_rate, "throughput", 0.3, true)
#define AS_METRIC(name, word, least, more) PHASE_##name,
enum phase_metric { PHASE_METRICS(AS_METRIC) PHASE_METRIC_COUNT };
#undef AS_METRIC

const char *phase_metric_name(enum phase_metric m); /* "iteration_rate" */
const char *phase_metric_word(enum phase_metric m); /* "throughput" */

struct phase_change {
	enum phase_metric metric;
	double delta; /* now minus before; of throughput: as a share of before */
	bool better;
};

struct phase {
	uint64_t from_ns, to_ns;
	const char *name;  /* of the step, borrowed from the evidence; "": it has none */
	bool baseline;	   /* before the first step's hold; the fields of a step are not used */
	unsigned step;	   /* number of the step */
	bool has_stimulus; /* a step that repeats its operations reports none */
	struct wire_stimulus stimulus;
	unsigned samples; /* the plausible ones; 0: what follows of samples is 0 */
	double max_imbalance, max_dsq_depth, avg_nr_running;
	unsigned stalls;		  /* times that a CPU's clock stood still from one sample to the next */
	double value[PHASE_METRIC_COUNT]; /* means over the samples, rates a second */
	unsigned has;			  /* bit of each value that is known */
	struct phase_change change[PHASE_METRIC_COUNT];
	unsigned changes; /* against the phase before, if both have samples; of throughput: if both know it */
};

struct phases {
	struct phase *phase;  /* owned */
	unsigned count, lost; /* `lost`: more than PHASES_MAX */
};

/* -ENOMEM. Without samples, phases have none. */
int phases_of(const struct evidence *e, struct phases *ret);
void phases_done(struct phases *p);

static inline bool phase_has(const struct phase *p, enum phase_metric m)
{
	return p->has >> m & 1;
}

#endif
