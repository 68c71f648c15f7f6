/* SPDX-License-Identifier: GPL-2.0-only */
/* made.c -- see made.h. */
#include <string.h>

#include "made.h"
#include "t.h"

struct evidence made;
struct judgement made_judgement;
struct judge_facts made_facts;

void made_begin(void)
{
	made = (struct evidence){ 0 };
	made_facts = (struct judge_facts){ .has_scheduler = true,
					   .scheduler = "sched",
					   .limits = thresholds_default(false) };
	for (enum threshold i = LIMIT_IMBALANCE; i <= LIMIT_KEEP_LAST_RATE; i++)
		made_facts.limits.limit[i].on = false;
}

void made_end(void)
{
	evidence_done(&made);
	judgement_done(&made_judgement);
}

void made_take(enum wire_type type, const void *payload, size_t len)
{
	t_ok(evidence_take(&made, type, 1000000000, payload, (uint32_t)len, NULL));
}

void made_text(enum wire_stream stream, const char *text)
{
	struct {
		struct wire_text head;
		char text[2000];
	} record = { .head.stream = stream };
	snprintf(record.text, sizeof(record.text), "%s", text);
	made_take(WIRE_TEXT, &record, sizeof(record.head) + strlen(record.text));
}

void made_sched(enum wire_sched_event event, int status)
{
	struct wire_sched s = { .event = event, .status = status };
	made_take(WIRE_SCHED, &s, sizeof(s));
}

void made_load(const char *name, uint32_t workers, uint64_t cpuset)
{
	struct wire_cgroup g = { .index = made.cgroup_count,
				 .workers = workers,
				 .has_cpuset = cpuset != 0,
				 .cpuset = { cpuset },
				 .work = "SpinWait" };
	snprintf(g.name, sizeof(g.name), "%s", name);
	made_take(WIRE_CGROUP, &g, sizeof(g));
}

void made_worker(uint64_t units, uint64_t gap_ms, uint64_t cpu_ms, uint64_t cpus)
{
	struct wire_worker w = { .index = made.worker_count,
				 .cgroup = made.cgroup_count - 1,
				 .tid = 40 + (int)made.worker_count,
				 .end = WIRE_WORKER_COMPLETED,
				 .counts_progress = 1,
				 .work_units = units,
				 .iterations = units,
				 .cpu_ns = cpu_ms * 1000000,
				 .wall_ns = 1000000000,
				 .max_gap_ns = gap_ms * 1000000,
				 .max_gap_at_ns = (gap_ms + 20) * 1000000,
				 .delay_known = 1,
				 .cpus_used = { cpus } };
	made_take(WIRE_WORKER, &w, sizeof(w));
}

void made_check(const char *name, double limit)
{
	struct wire_check c = { .cgroup = made.cgroup_count - 1,
				.off = limit == KTSTR_OFF,
				.value = limit > 0 ? limit : 0 };
	snprintf(c.name, sizeof(c.name), "%s", name);
	made_take(WIRE_CHECK, &c, sizeof(c));
}

void made_detail(bool expectation, const char *text)
{
	struct {
		struct wire_detail head;
		char text[200];
	} record = { .head = { .verdict = KTSTR_FAIL, .expectation = expectation } };
	snprintf(record.text, sizeof(record.text), "%s", text);
	made_take(WIRE_DETAIL, &record, sizeof(record.head) + strlen(record.text));
}

void made_result(enum ktstr_verdict v)
{
	struct wire_result r = { .verdict = v, .workers = made.worker_count };
	struct wire_test_exit x = { 0 };
	struct wire_exit done = { .reason = WIRE_EXIT_DONE };
	made_take(WIRE_RESULT, &r, sizeof(r));
	made_take(WIRE_TEST_EXIT, &x, sizeof(x));
	made_take(WIRE_EXIT, &done, sizeof(done));
}

void made_limit(enum threshold which, double value)
{
	made_facts.limits.limit[which] =
		(struct limit){ .on = value != KTSTR_OFF, .value = value > 0 ? value : 0, .origin = FROM_TEST };
}

void made_expect_unjudged(enum ktstr_verdict v, const char *cause, const char *reason)
{
	struct judgement *j = &made_judgement;
	t_ok(judge(&made, &made_facts, j));
	const struct detail *d = judgement_cause(j);
	ck_assert_msg(j->verdict == v, "%s: %s", verdict_name(j->verdict), d ? d->text : "");
	if (cause)
		ck_assert_msg(d && strstr(d->text, cause), "'%s' is not in: %s", cause, d ? d->text : "(none)");
	if (reason)
		ck_assert_msg(j->unjudged_count && strstr(j->unjudged[0].why, reason), "'%s' is not in: %s", reason,
			      j->unjudged_count ? j->unjudged[0].why : "(none)");
	else
		ck_assert_msg(!j->unjudged_count, "not judged: %s", j->unjudged[0].why);
	made_end();
}

void made_expect(enum ktstr_verdict v, const char *cause)
{
	made_expect_unjudged(v, cause, NULL);
}

void made_waker(uint64_t units, uint64_t migrations, const uint32_t *sample, uint32_t count)
{
	struct {
		struct wire_samples head;
		uint32_t sample[8];
	} record = { .head = { .worker = made.worker_count, .count = count } };
	struct wire_worker w = { .index = made.worker_count,
				 .cgroup = made.cgroup_count - 1,
				 .tid = 40 + (int)made.worker_count,
				 .end = WIRE_WORKER_COMPLETED,
				 .counts_progress = 1,
				 .delay_known = 1,
				 .work_units = 9,
				 .iterations = units,
				 .cpu_ns = 500000000,
				 .wall_ns = 1000000000,
				 .migrations = migrations,
				 .wake_samples = count };
	made_take(WIRE_WORKER, &w, sizeof(w));
	if (!count)
		return;
	memcpy(record.sample, sample, count * sizeof(*sample));
	made_take(WIRE_SAMPLES, &record, sizeof(record.head) + count * sizeof(*sample));
}
