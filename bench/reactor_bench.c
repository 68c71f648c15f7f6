/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * reactor_bench.c -- operations and machine steps per second, compared with a bare liburing loop that does the same, in
 * one run. Prints one JSON object per line; the three are interleaved, and each result is the median of its rounds.
 */
#include <liburing.h>
#include <stdio.h>

#include "reactor/machine.h"

#define IN_FLIGHT 128
#define ROUNDS	  9
#define PER_ROUND 400000u

static double seconds(nsec_t t)
{
	return (double)t / 1e9;
}

/* --- bare: the minimal loop that keeps 128 NOPs in flight --------------------------------------------------------- */

static double bare_round(void)
{
	struct io_uring ring;
	if (io_uring_queue_init(256, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) < 0)
		return 0;
	unsigned done = 0;
	nsec_t began = nsec_now();
	for (unsigned i = 0; i < IN_FLIGHT; i++)
		io_uring_prep_nop(io_uring_get_sqe(&ring));
	while (done < PER_ROUND) {
		struct io_uring_cqe *cqe;
		unsigned head, seen = 0;
		io_uring_submit_and_wait(&ring, 1);
		io_uring_for_each_cqe(&ring, head, cqe) seen++;
		io_uring_cq_advance(&ring, seen);
		done += seen;
		for (unsigned i = 0; i < seen; i++)
			io_uring_prep_nop(io_uring_get_sqe(&ring));
	}
	double rate = done / seconds(nsec_now() - began);
	io_uring_queue_exit(&ring);
	return rate;
}

/* --- ops: the same through the reactor's operation interface ------------------------------------------------------ */

struct op_round {
	struct op op[IN_FLIGHT];
	struct reactor *reactor;
	unsigned done, flying;
};

static struct op_round *ops;

static void on_nop(struct op *op)
{
	if (++ops->done + ops->flying <= PER_ROUND)
		op_submit(ops->reactor, op);
	else
		ops->flying--;
}

static double op_rounds(struct reactor *r)
{
	struct op_round round = { .reactor = r, .flying = IN_FLIGHT };
	ops = &round;
	nsec_t began = nsec_now();
	for (unsigned i = 0; i < IN_FLIGHT; i++) {
		round.op[i] = (struct op){ .kind = OP_NOP, .done = on_nop };
		op_submit(r, &round.op[i]);
	}
	while (round.flying && reactor_turn(r, NSEC_NEVER) == 0)
		;
	return round.done / seconds(nsec_now() - began);
}

/* --- steps: machines whose every state waits for a NOP ------------------------------------------------------------ */

struct stepper {
	struct machine machine;
	unsigned left;
};

static int step(struct machine *m, int result)
{
	struct stepper *s = container_of(m, struct stepper, machine);
	(void)result;
	if (!s->left--)
		return MACHINE_END;
	machine_nop(m);
	return s->left % 2;
}

static const struct machine_state step_states[] = {
	{ .name = "even", .run = step, .deadline = 60 * NSEC_PER_SEC, .next = TO(1) | TO_END },
	{ .name = "odd", .run = step, .deadline = 60 * NSEC_PER_SEC, .next = TO(0) | TO_END },
};
static const struct machine_type step_type = { "stepper", step_states, 2, NULL };

static double step_round(struct reactor *r)
{
	static struct stepper stepper[IN_FLIGHT];
	uint64_t before = r->stats.steps;
	nsec_t began = nsec_now();
	for (unsigned i = 0; i < IN_FLIGHT; i++) {
		stepper[i].left = PER_ROUND / IN_FLIGHT;
		machine_start(r, &stepper[i].machine, &step_type, NULL, "stepper");
	}
	reactor_run(r);
	return (double)(r->stats.steps - before) / seconds(nsec_now() - began);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double report(const char *name, double *rate)
{
	qsort(rate, ROUNDS, sizeof(*rate), compare);
	printf("{\"name\":\"%s\",\"n\":%d,\"min\":%.0f,\"median\":%.0f,\"max\":%.0f,\"unit\":\"1/s\"}\n", name, ROUNDS,
	       rate[0], rate[ROUNDS / 2], rate[ROUNDS - 1]);
	return rate[ROUNDS / 2];
}

int main(void)
{
	struct reactor *r;
	double bare[ROUNDS], op[ROUNDS], steps[ROUNDS];
	if (reactor_new(&r, NULL) < 0)
		return 69;
	for (int i = 0; i < ROUNDS; i++) {
		bare[i] = bare_round();
		op[i] = op_rounds(r);
		steps[i] = step_round(r);
	}
	reactor_free(r);
	double base = report("bare liburing, NOPs", bare);
	double ops_rate = report("reactor, operations", op);
	double step_rate = report("reactor, machine steps", steps);
	printf("{\"name\":\"reactor beside bare liburing\",\"ops_ratio\":%.2f,\"steps_ratio\":%.2f}\n", ops_rate / base,
	       step_rate / base);
	return 0;
}
