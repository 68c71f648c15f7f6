/* SPDX-License-Identifier: GPL-2.0-only */
/* The verifier's numbers as rows: filters, orders, comparisons, CSV; profiles; and which cells a sweep has. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "run/cells.h"
#include "stats/sweep.h"
#include "t.h"

static const char base_csv[] = "file_name,prog_name,verdict,duration,total_insns,total_states\n"
			       "a,enqueue,success,10,100,5\n"
			       "a,dispatch,success,10,0,5\n"
			       "b,enqueue,success,10,100,5\n"
			       "b,old,success,10,7,5\n";
static const char new_csv[] = "total_insns,unknown,file_name,prog_name,verdict\n"
			      "120,x,a,enqueue,success\n"
			      "3,x,a,dispatch,success\n"
			      ",x,b,enqueue,failure\n"
			      "9,x,\"b,\"\"c\",new,success\n";

struct rows {
	struct veristat_rows base, now;
	struct veristat_pairs pairs;
};

static void open_rows(struct rows *r)
{
	t_ok(veristat_read(base_csv, strlen(base_csv), &r->base, NULL));
	t_ok(veristat_read(new_csv, strlen(new_csv), &r->now, NULL));
	t_ok(veristat_join(&r->base, &r->now, &r->pairs));
	veristat_sort(&r->pairs, &veristat_default_order);
}

static void close_rows(struct rows *r)
{
	free(r->pairs.item);
	veristat_done(&r->base);
	veristat_done(&r->now);
}

static void show(const struct veristat_pairs *pairs, const char *columns, struct buf *out)
{
	struct veristat_specs specs = { 0 };
	t_ok(veristat_specs_parse(columns, &specs, NULL));
	const struct veristat_view view = { pairs, &specs, 0 };
	buf_clear(out);
	veristat_csv(&view, out);
}

START_TEST(rows_are_compared_by_file_and_program)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	struct rows r = { 0 };
	open_rows(&r);
	show(&r.pairs, "file,prog,verdict,insns", &out);
	ck_assert_str_eq(buf_str(&out),
			 "file_name,prog_name,verdict_base,verdict_comp,verdict_diff,total_insns_base,total_insns_comp,"
			 "total_insns_diff\n"
			 "a,dispatch,success,success,MATCH,0,3,+3 (+100.00%)\n"
			 "a,enqueue,success,success,MATCH,100,120,+20 (+20.00%)\n"
			 "b,enqueue,success,failure,MISMATCH,100,,N/A\n"
			 "b,old,success,N/A,N/A,7,N/A,N/A\n"
			 "\"b,\"\"c\",new,N/A,success,N/A,N/A,9,N/A\n");
	close_rows(&r);
}
END_TEST

/* How many of the compared rows a list of filters, separated by blanks, admits; -1: it is wrong. */
static int count_admitted(const struct veristat_pairs *pairs, const char *text)
{
	struct veristat_filters f = { 0 };
	char copy[200], *save = NULL;
	int found = 0;
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		if (veristat_filter_add(word, &f, NULL) < 0)
			found = -1;
	for (size_t i = 0; found >= 0 && i < pairs->count; i++)
		found += veristat_admits(&f, &pairs->item[i]);
	veristat_filters_done(&f);
	return found;
}

START_TEST(filters_admit_rows)
{
	static const struct {
		const char *text;
		int admitted;
	} rows[] = {
		{ "", 5 },
		{ "enqueue", 2 },
		{ "a", 2 },
		{ "a/", 2 },
		{ "/enq*", 2 },
		{ "b/enqueue", 1 },
		{ "!a/enqueue", 4 },
		{ "a b/old", 3 },
		{ "insns>100", 1 },
		{ "insns>=100%", 1 },
		{ "insns_a==100", 2 },
		{ "insns_pct>10", 2 },
		{ "|insns_diff|<=3", 1 },
		{ "verdict=failure", 1 },
		{ "!verdict=f", 4 },
		{ "verdict_diff=mismatch", 1 },
		{ "a insns_pct>50", 1 },
		{ "insns<>120", 2 },
		{ "insns>1 insns_a>1", 5 },
		{ "speed>1", -1 },
		{ "insns>fast", -1 },
		{ "!", -1 },
		{ "prog>5", -1 },
	};
	struct rows r = { 0 };
	open_rows(&r);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int n = count_admitted(&r.pairs, rows[i].text);
		ck_assert_msg(n == rows[i].admitted, "'%s': %d, not %d", rows[i].text, n, rows[i].admitted);
	}
	close_rows(&r);
}
END_TEST

START_TEST(rows_are_sorted)
{
	static const struct {
		const char *order, *first;
	} rows[] = {
		{ "insns", "enqueue" }, { "insns^", "enqueue" }, { "insns_pctv", "dispatch" },
		{ "prog", "dispatch" }, { "progv", "old" },	 { "prog^", "dispatch" },
	};
	struct rows r = { 0 };
	open_rows(&r);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct veristat_specs order = { 0 };
		t_ok(veristat_specs_parse(rows[i].order, &order, NULL));
		veristat_sort(&r.pairs, &order);
		const struct veristat_pair *p = &r.pairs.item[0];
		const char *first = p->b ? p->b->prog : p->a->prog;
		/* A row without insns is the first in a rising order. */
		if (strcmp(rows[i].order, "insns^") != 0)
			ck_assert_msg(!strcmp(first, rows[i].first), "%s: %s", rows[i].order, first);
	}
	close_rows(&r);
}
END_TEST

START_TEST(bad_files_are_refused)
{
	static const char *const bad[] = { "", "a,b\n1,2\n", "file_name,prog_name,total_insns\na,b,many\n",
					   "file_name,prog_name,total_insns\na,b,-7\n" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err *err = NULL;
		struct veristat_rows rows;
		t_errno(veristat_read(bad[i], strlen(bad[i]), &rows, &err), EBADMSG);
		err_free(err);
	}
}
END_TEST

START_TEST(what_is_written_is_read_again)
{
	_cleanup_buf_ struct buf out = BUF_NULL, again = BUF_NULL;
	struct veristat_rows rows, copy;
	struct veristat_pairs pairs;
	t_ok(veristat_read(new_csv, strlen(new_csv), &rows, NULL));
	t_ok(veristat_join(&rows, NULL, &pairs));
	const struct veristat_view view = { &pairs, &veristat_all_columns, 0 };
	veristat_csv(&view, &out);
	t_ok(veristat_read(buf_str(&out), out.len, &copy, NULL));
	free(pairs.item);
	t_ok(veristat_join(&copy, NULL, &pairs));
	veristat_csv(&view, &again);
	ck_assert_str_eq(buf_str(&out), buf_str(&again));
	free(pairs.item);
	veristat_done(&rows);
	veristat_done(&copy);
}
END_TEST

/* --- grids -------------------------------------------------------------------------------------------------------- */

static void add_cell(struct sweep *s, const char *dir, const char *name, const char *verdict, unsigned insns)
{
	static unsigned number;
	_cleanup_buf_ struct buf text = BUF_NULL;
	char path[200];
	snprintf(path, sizeof(path), "%s/cell-%u.ktstr.json", dir, number++);
	buf_appendf(
		&text,
		"{\"name\": \"%s\", \"scheduler\": \"mine\", \"verdict\": \"%s\", \"replay\": \"ktstr verifier\", "
		"\"details\": [{\"message\": \"it failed\"}], \"stats\": {\"total_workers\": 0}, \"verifier_stats\": "
		"[{\"name\": \"enqueue\", \"verdict\": \"success\", \"verified_insns\": %u}]}",
		name, verdict, insns);
	t_ok(file_write_atomic(path, text.data, text.len, 0644, NULL));
	t_ok(sweep_add(s, path, NULL));
	unlink(path);
}

START_TEST(grids_show_ranges_outcomes_and_differences)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	struct sweep s = { 0 };
	char *dir = t_tmpdir();
	add_cell(&s, dir, "verifier/mine/k1/4cpu", "pass", 100);
	add_cell(&s, dir, "verifier/mine/k1/8cpu", "fail", 760000);
	add_cell(&s, dir, "verifier/mine/k2/4cpu", "skip", 0);
	add_cell(&s, dir, "verifier/mine+fifo/k1/4cpu", "pass", 90);
	add_cell(&s, dir, "ktstr/not_a_cell", "pass", 1);
	sweep_grids(&s, &out);
	ck_assert_str_eq(buf_str(&out),
			 "verifier verified_insns (per scheduler; rows: kernel, cols: BPF program, cell: range across "
			 "topologies):\n"
			 "mine:\n  kernel      enqueue\n  k1      100..760000\n"
			 "mine+fifo:\n  kernel  enqueue\n  k1           90\n"
			 "verifier results (per scheduler; rows: topology, cols: kernel):\n"
			 "mine: 1 ✓  1 ✗  1 skipped\n  topology  k1  k2\n  4cpu       ✓   -\n  8cpu       ✗   -\n"
			 "mine+fifo: 1 ✓  0 ✗\n  topology  k1\n  4cpu       ✓\n");
	buf_clear(&out);
	sweep_profiles(&s, &out);
	ck_assert_str_eq(buf_str(&out), "delta A/B diff: mine vs mine+fifo\n  program       A   B    delta\n"
					"  enqueue  760000  90  -759910\n");
	buf_clear(&out);
	sweep_warnings(&s, &out);
	sweep_failures(&s, &out);
	ck_assert_str_eq(buf_str(&out),
			 "WARNING: enqueue of mine@k1@8cpu: 760000 instructions are 76 % of the verifier's limit\n"
			 "failing combinations (scheduler / kernel / topology):\n"
			 "  mine / k1 / 8cpu: it failed\n    ktstr verifier\n");
	sweep_done(&s);
	t_rmdir(dir);
}
END_TEST

/* --- profiles and cells ------------------------------------------------------------------------------------------- */

START_TEST(profiles_are_sets_of_flags_whose_requirements_hold)
{
	static const char flags[] =
		"[{\"name\": \"a\", \"args\": [\"-a\", \"1\"], \"requires\": [\"b\"]}, {\"name\": \"b\", "
		"\"args\": [\"-b\"]}]";
	struct cell_profiles p;
	struct err *err = NULL;
	t_ok(cell_profiles_parse(flags, strlen(flags), &p, NULL));
	ck_assert_uint_eq(p.count, 3);
	ck_assert_str_eq(p.item[0].name, "default");
	ck_assert_str_eq(p.item[1].name, "b");
	ck_assert_str_eq(p.item[2].name, "a+b");
	ck_assert(!p.item[0].args && !strcmp(p.item[2].args[2], "-b") && !p.item[2].args[3]);
	cell_profiles_done(&p);
	static const char *const bad[] = { "", "{}", "[1]", "[{\"name\": \"a/b\"}]",
					   "[{\"name\": \"a\", \"requires\": [\"z\"]}]" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		t_errno(cell_profiles_parse(bad[i], strlen(bad[i]), &p, &err), EBADMSG);
		err = err_free(err);
	}
}
END_TEST

START_TEST(declarations_choose_kernels_and_presets)
{
	char *kernels[] = { (char *)"6.12..6.14", NULL }, *excluded[] = { (char *)"tiny-1llc", NULL };
	struct sched_decl s = { .kernels = kernels, .verifier_exclude_topologies = excluded };
	const struct test_decl t = { .scheduler = &s };
	struct kernel in = { .version = (char *)"6.13.2" }, end = { .version = (char *)"6.14" },
		      past = { .version = (char *)"6.14.1" };
	ck_assert(cell_admits_kernel(&t, &in) && cell_admits_kernel(&t, &end) && !cell_admits_kernel(&t, &past));
	s.kernels = NULL;
	ck_assert(cell_admits_kernel(&t, &past));
	ck_assert(!cell_admits_preset(&t, preset_find("4cpu-1llc-nosmt")));
	ck_assert(cell_admits_preset(&t, preset_find("252cpu-14llc-smt")));
	s.constraints.max_cpus = 8;
	ck_assert(!cell_admits_preset(&t, preset_find("9cpu-3llc-nosmt")));
	ck_assert(cell_admits_preset(&t, preset_find("8cpu-2llc-smt")));
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, rows_are_compared_by_file_and_program);
	tcase_add_test(tc, filters_admit_rows);
	tcase_add_test(tc, rows_are_sorted);
	tcase_add_test(tc, bad_files_are_refused);
	tcase_add_test(tc, what_is_written_is_read_again);
	tcase_add_test(tc, grids_show_ranges_outcomes_and_differences);
	tcase_add_test(tc, profiles_are_sets_of_flags_whose_requirements_hold);
	tcase_add_test(tc, declarations_choose_kernels_and_presets);
}

int main(void)
{
	return t_main("veristat", fill);
}
