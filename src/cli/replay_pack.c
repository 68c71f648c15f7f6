/* SPDX-License-Identifier: GPL-2.0-only */
/* replay_pack.c -- `ktstr replay PACK`: makes a packed run again, and says whether it is the same. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "reactor/interrupt.h"
#include "cli/out.h"
#include "cli/packed_source.h"
#include "cli/replay_pack.h"
#include "run/pack.h"
#include "run/rerun.h"

struct difference {
	const char *what, *then, *now;
};

#define DIFFERENCES_MAX 3

/* Compares this machine with the one that made the pack. Returns the number of differences. */
static unsigned find_differences(const struct packed_origin *then, const struct packed_origin *now,
				 struct difference out[DIFFERENCES_MAX])
{
	const struct difference rows[DIFFERENCES_MAX] = {
		{ "QEMU", then->qemu, now->qemu },
		{ "ktstr", then->ktstr, now->ktstr },
		{ "the host's CPU", then->cpu, now->cpu },
	};
	unsigned count = 0;
	for (unsigned i = 0; i < DIFFERENCES_MAX; i++)
		if (strcmp(rows[i].then, rows[i].now) != 0)
			out[count++] = rows[i];
	return count;
}

static bool is_same(const struct packed_outcome *then, const struct rerun_result *now)
{
	return then->digest == now->digest && then->records == now->records;
}

static json_t *to_json(const struct packed_run *p, const struct rerun_result *now, const struct difference *row,
		       unsigned rows)
{
	json_t *o = json_object(), *list = json_array();
	char digest[16], before[16];
	snprintf(digest, sizeof(digest), "%08x", now->digest);
	snprintf(before, sizeof(before), "%08x", p->outcome.digest);
	for (unsigned i = 0; i < rows; i++) {
		json_t *one = json_object();
		json_put_text(&one, "what", row[i].what);
		json_put_text(&one, "then", row[i].then);
		json_put_text(&one, "now", row[i].now);
		json_add(&list, one);
	}
	json_put_text(&o, "test", p->test);
	json_put_bool(&o, "same", is_same(&p->outcome, now));
	json_put_text(&o, "event_digest", digest);
	json_put_text(&o, "event_digest_before", before);
	json_put_u64(&o, "events", now->records);
	json_put_u64(&o, "events_before", p->outcome.records);
	json_put_text(&o, "verdict_before", p->outcome.verdict);
	json_put_text(&o, "cause_before", p->outcome.cause);
	json_put(&o, "differences", list);
	return o;
}

static void say_result(const struct packed_run *p, const struct rerun_result *now, const struct difference *row,
		       unsigned rows)
{
	if (is_same(&p->outcome, now))
		out_printf("%s: the same run: %lu events with the digest %08x\n", p->test, now->records, now->digest);
	else
		out_printf("%s: another run: %lu events with the digest %08x; they were %lu with %08x\n", p->test,
			   now->records, now->digest, p->outcome.records, p->outcome.digest);
	if (*p->outcome.verdict)
		out_printf("its verdict was: %s%s%s\n", p->outcome.verdict, *p->outcome.cause ? ": " : "",
			   p->outcome.cause);
	for (unsigned i = 0; i < rows; i++)
		say_printf("note: %s differs: '%s' then, '%s' now\n", row[i].what, row[i].then, row[i].now);
	if (!rows && !is_same(&p->outcome, now))
		say_printf("note: QEMU, ktstr and the CPU are those with which the pack was made\n");
}

static int compare(const struct packed_run *p, const struct packed_origin *here, const struct rerun_result *now,
		   bool json)
{
	struct difference row[DIFFERENCES_MAX];
	unsigned rows = find_differences(&p->origin, here, row);
	if (json) {
		json_auto_t *o = to_json(p, now, row, rows);
		out_json(o, true);
	} else {
		say_result(p, now, row, rows);
	}
	return is_same(&p->outcome, now) ? 0 : EXIT_FAILED;
}

static int run_packed(struct reactor *reactor, const struct packed_run *p, bool json, struct err **err)
{
	_cleanup_(rerun_close_p) struct rerun *again = NULL;
	_cleanup_(rerun_result_done) struct rerun_result result = { 0 };
	struct packed_origin here = { 0 };
	struct signals signals;
	int r = packed_origin_here(reactor, &here, err);
	if (r == 0)
		r = rerun_open(reactor, p, &again, err);
	if (r < 0)
		return r;
	r = interrupt_watch(&signals, reactor, err);
	if (r < 0)
		return r;
	r = rerun_make(again, NULL, &result, err);
	signals_done(&signals);
	if (r == 0 && result.interrupted)
		return EXIT_INTERRUPTED;
	if (r == 0 && result.problem.len)
		r = FAIL(err, ERR_MISSING, -EIO, "run '%s': %s", p->test, buf_str(&result.problem));
	return r == 0 ? compare(p, &here, &result, json) : r;
}

int replay_pack(const char *path, bool json, struct err **err)
{
	_cleanup_(packed_run_done) struct packed_run p;
	struct reactor *reactor = NULL;
	int r = pack_read(path, &p, err);
	if (r == 0)
		r = reactor_new(&reactor, err);
	if (r == 0)
		r = run_packed(reactor, &p, json, err);
	reactor_free(reactor);
	return r;
}
