/* SPDX-License-Identifier: GPL-2.0-only */
/* Repeated blocks in logs of the BPF verifier: what counts as equal, and 1,000 generated logs with loops in them. */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "bpflog/cycles.h"
#include "bpflog/load_log.h"
#include "t.h"

static void check_form(const char *line, bool block, const char *wanted)
{
	struct log_line l = cycle_normal_form((struct log_line){ line, strlen(line) }, block);
	ck_assert_msg(l.len == strlen(wanted) && !memcmp(l.text, wanted, l.len), "'%s': '%.*s', not '%s'", line,
		      (int)l.len, l.text, wanted);
}

START_TEST(states_of_registers_are_left_out)
{
	static const struct {
		const char *line, *anchor, *block;
	} rows[] = {
		{ "  12: (bf) r1 = r6   ; R1_w=scalar(id=7) R6=ctx()", "12: (bf) r1 = r6", "(bf) r1 = r6" },
		{ "12: (bf) r1 = r6 ; frame1: R1=1", "12: (bf) r1 = r6", "(bf) r1 = r6" },
		{ "12: R0=scalar() R10=fp0", "12:", "" },
		{ "12: frame1: R0=scalar()", "12:", "" },
		{ "30: (05) goto pc-18", "30: (05) goto pc-18", "(05) goto pc-18" },
		{ "30: (55) if r0 != 0x0 goto pc+4 30: R0=0", "30: (55) if r0 != 0x0 goto pc+4",
		  "(55) if r0 != 0x0 goto pc+4" },
		{ "; next = R5 @ a.c:7  ", "; next = R5 @ a.c:7", "; next = R5 @ a.c:7" },
		{ "from 30 to 13: R0=scalar()", "from 30 to 13: R0=scalar()", "from 30 to 13: R0=scalar()" },
		{ "12: (18) r1 = 0x1; Rx", "12: (18) r1 = 0x1; Rx", "(18) r1 = 0x1; Rx" },
		{ "", "", "" },
		{ "7", "7", "7" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check_form(rows[i].line, false, rows[i].anchor);
		check_form(rows[i].line, true, rows[i].block);
	}
}
END_TEST

/* --- generated logs ----------------------------------------------------------------------------------------------- */

struct made_log {
	struct buf text, wanted; /* wanted: after the collapse */
	size_t prefix, period, count;
};

static void put_code(struct buf *out, size_t first, size_t count, bool unrolled, size_t iteration, struct rng *rng)
{
	for (size_t i = first; i < first + count; i++) {
		size_t address = unrolled ? i + iteration * 100 : i;
		buf_appendf(out, "%zu: (bf) r%zu = *(u64 *)(r6 +%zu)    ; R%zu_w=scalar(id=%lu)\n", address, i % 5,
			    i * 8, i % 5, rng_next(rng));
	}
}

static void put_prefix(struct buf *out, size_t count, size_t base)
{
	for (size_t i = 0; i < count; i++)
		buf_appendf(out, "; line %zu @ scx_made.bpf.c:%zu\n", base + i, base + i);
}

static void make_log(struct rng *rng, struct made_log *ret)
{
	*ret = (struct made_log){ .prefix = rng_next(rng) % 20,
				  .period = CYCLE_PERIOD_MIN + rng_next(rng) % 30,
				  .count = rng_next(rng) % 12 };
	struct rng registers = { .state = rng_next(rng) }, again;
	bool unrolled = rng_next(rng) % 2;
	size_t suffix = rng_next(rng) % 20;
	put_prefix(&ret->text, ret->prefix, 1000);
	for (size_t i = 0; i < ret->count; i++) {
		again = (struct rng){ .state = registers.state + i };
		put_code(&ret->text, 0, ret->period, unrolled, i, &again);
	}
	put_prefix(&ret->text, suffix, 5000);
	if (ret->count < CYCLE_COUNT_MIN) {
		buf_append(&ret->wanted, ret->text.data, ret->text.len);
		return;
	}
	put_prefix(&ret->wanted, ret->prefix, 1000);
	buf_appendf(&ret->wanted, "--- %zux of the following %zu lines ---\n", ret->count, ret->period);
	again = (struct rng){ .state = registers.state };
	put_code(&ret->wanted, 0, ret->period, unrolled, 0, &again);
	buf_appendf(&ret->wanted, "--- %zu identical iterations omitted ---\n", ret->count - 2);
	again = (struct rng){ .state = registers.state + ret->count - 1 };
	put_code(&ret->wanted, 0, ret->period, unrolled, ret->count - 1, &again);
	buf_puts(&ret->wanted, "--- end repeat ---\n");
	put_prefix(&ret->wanted, suffix, 5000);
}

START_TEST(a_thousand_generated_logs_are_collapsed_exactly)
{
	struct rng rng = { .state = 1 };
	for (unsigned i = 0; i < 1000; i++) {
		_cleanup_buf_ struct buf out = BUF_NULL;
		struct made_log log;
		make_log(&rng, &log);
		t_ok(cycles_collapse(buf_str(&log.text), log.text.len, &out));
		ck_assert_msg(out.len == log.wanted.len && !memcmp(buf_str(&out), buf_str(&log.wanted), out.len),
			      "log %u (%zu lines before, %zu x %zu):\n%s\nnot:\n%s", i, log.prefix, log.count,
			      log.period, buf_str(&out), buf_str(&log.wanted));
		buf_done(&log.text);
		buf_done(&log.wanted);
	}
}
END_TEST

/* The second loop is found by the second pass. */
START_TEST(several_loops_are_collapsed)
{
	_cleanup_buf_ struct buf log = BUF_NULL, out = BUF_NULL;
	struct rng rng = { .state = 3 };
	for (size_t loop = 0; loop < 6; loop++)
		for (size_t i = 0; i < 4 + loop; i++)
			put_code(&log, loop * 100, 7 + loop, false, i, &rng);
	t_ok(cycles_collapse(buf_str(&log), log.len, &out));
	unsigned found = 0;
	for (const char *p = buf_str(&out); (p = strstr(p, "--- end repeat ---")); p++)
		found++;
	ck_assert_uint_eq(found, CYCLE_PASSES);
}
END_TEST

START_TEST(what_is_too_short_stays)
{
	_cleanup_buf_ struct buf log = BUF_NULL, out = BUF_NULL;
	struct rng rng = { .state = 5 };
	for (size_t i = 0; i < 10; i++)
		put_code(&log, 0, CYCLE_PERIOD_MIN - 1, false, i, &rng);
	/* Four lines repeat, so eight do, too. */
	t_ok(cycles_collapse(buf_str(&log), log.len, &out));
	ck_assert_ptr_nonnull(strstr(buf_str(&out), "--- 5x of the following 8 lines ---"));
	buf_clear(&out);
	t_ok(cycles_collapse("", 0, &out));
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

/* --- logs of programs --------------------------------------------------------------------------------------------- */

static const char load_log[] =
	"a scheduler says hello\n"
	"libbpf: prog 'misbehave_dispatch': BPF program load failed: Permission denied\n"
	"libbpf: prog 'misbehave_dispatch': -- BEGIN PROG LOAD LOG --\n"
	"0: R1=ctx() R10=fp0\n"
	"R0 invalid mem access 'map_value_or_null'\n"
	"verification time 512 usec\n"
	"stack depth 16+8+24\n"
	"processed 95 insns (limit 1000000) max_states_per_insn 1 total_states 7 peak_states 6 mark_read 3\n"
	"-- END PROG LOAD LOG --\n"
	"libbpf: prog 'misbehave_dispatch': failed to load: -13\n";

static void keep(void *arg, const struct verified_program *p)
{
	*(struct verified_program *)arg = *p;
}

START_TEST(logs_have_statistics)
{
	struct verified_program p = { 0 };
	uint64_t limit;
	const char *part;
	size_t len;
	load_log_programs(load_log, strlen(load_log), keep, &p, &limit);
	ck_assert_str_eq(p.name, "misbehave_dispatch");
	ck_assert(!p.loaded && limit == 1000000);
	ck_assert_uint_eq(p.value[VERIFIED_INSNS], 95);
	ck_assert_uint_eq(p.value[VERIFIED_STATES], 7);
	ck_assert_uint_eq(p.value[VERIFIED_PEAK_STATES], 6);
	ck_assert_uint_eq(p.value[VERIFIED_MARK_READ], 3);
	ck_assert_uint_eq(p.value[VERIFIED_DURATION], 512);
	ck_assert_uint_eq(p.value[VERIFIED_STACK], 48);
	ck_assert(!verified_has(&p, VERIFIED_SIZE) && !verified_has(&p, VERIFIED_MEMORY));
	load_log_part(load_log, strlen(load_log), &part, &len);
	ck_assert(!strncmp(part, "0: R1=ctx", 9) && part[len] == '-' && part[len - 1] == '\n');
	load_log_part("no log", 6, &part, &len);
	ck_assert_uint_eq(len, 6);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, states_of_registers_are_left_out);
	tcase_add_test(tc, a_thousand_generated_logs_are_collapsed_exactly);
	tcase_add_test(tc, several_loops_are_collapsed);
	tcase_add_test(tc, what_is_too_short_stays);
	tcase_add_test(tc, logs_have_statistics);
}

int main(void)
{
	return t_main("cycles", fill);
}
