/* SPDX-License-Identifier: GPL-2.0-only */
/* What a test asks to see of its guest: marks, periodic snapshots, variables of the kernel, places in BPF types. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "kernel_image.h"
#include "lists.h"
#include "monitor/types.h"
#include "run/captures.h"
#include "run/suite.h"
#include "t.h"

#define MS(n) ((uint64_t)(n)*NSEC_PER_MSEC)

static const struct mark start = { .kind = WIRE_MARK_START }, end = { .kind = WIRE_MARK_END };

static struct mark capture(const char *name)
{
	struct mark m = { .kind = WIRE_MARK_CAPTURE, .step = 3 };
	snprintf(m.name, sizeof(m.name), "%s", name);
	return m;
}

static void put_dump(struct captures *c)
{
	json_auto_t *dump = json_object();
	captures_put(c, dump);
}

/* --- periodic snapshots ------------------------------------------------------------------------------------------- */

/* 1 s from 5 s on with 3 snapshots: due at 5 s + 100 ms + 200, 400, 600 ms. Samples come each 100 ms. */
START_TEST(snapshots_divide_the_scenario)
{
	static const unsigned expected[] = { 5300, 5500, 5700 };
	const struct seen_decl decl = { .snapshots = 3 };
	struct captures c;
	captures_init(&c, &decl, NSEC_PER_SEC);
	captures_sample(&c, NULL, MS(4000)); /* no scenario has begun */
	captures_mark(&c, NULL, &start, MS(5000));
	for (unsigned at = 5000; at <= 6000; at += 100) {
		unsigned before = c.count;
		captures_sample(&c, NULL, MS(at));
		ck_assert_uint_eq(c.due, c.count - before);
		if (c.due)
			ck_assert_uint_eq(at, expected[before]);
		put_dump(&c);
	}
	ck_assert_uint_eq(c.count, 3);
	ck_assert_uint_eq(c.fired, 3);
	ck_assert(!captures_want_samples(&c));
	ck_assert_str_eq(c.list[2].name, "periodic_002");
	ck_assert_uint_eq(c.list[2].boundary_ns, MS(5700));
	captures_mark(&c, NULL, &end, MS(6000));
	captures_close(&c, NULL);
	ck_assert_uint_eq(c.problem.len, 0);
	captures_done(&c);
}
END_TEST

/* All CPUs sleep over two of them, and the scenario ends before the last one. */
START_TEST(missed_snapshots_say_why)
{
	const struct seen_decl decl = { .snapshots = 4 };
	struct captures c;
	captures_init(&c, &decl, NSEC_PER_SEC);
	captures_mark(&c, NULL, &start, MS(1000));
	captures_sample(&c, NULL, MS(1700)); /* due: 1260, 1420, 1580, 1740 ms */
	ck_assert_uint_eq(c.count, 3);
	ck_assert_uint_eq(c.due, 1);
	put_dump(&c);
	captures_mark(&c, NULL, &end, MS(1720));
	captures_close(&c, NULL);
	ck_assert_uint_eq(c.count, 4);
	ck_assert_uint_eq(c.fired, 1);
	ck_assert_str_eq(c.list[1].lack, "all CPUs of the guest slept until the next one");
	ck_assert_ptr_nonnull(c.list[2].dump);
	ck_assert_str_eq(c.list[3].lack, "the scenario ended before it was due");
	ck_assert_uint_eq(c.problem.len, 0);
	json_auto_t *list = captures_list_json(&c);
	char *text = json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_str_eq(text,
			 "{\"periodic_fired\":1,\"periodic_target\":4,\"taken\":["
			 "{\"boundary_offset_ms\":null,\"lack\":\"all CPUs of the guest slept until the next one\","
			 "\"name\":\"periodic_000\",\"periodic\":true,\"step\":null,\"time_ms\":null},"
			 "{\"boundary_offset_ms\":null,\"lack\":\"all CPUs of the guest slept until the next one\","
			 "\"name\":\"periodic_001\",\"periodic\":true,\"step\":null,\"time_ms\":null},"
			 "{\"boundary_offset_ms\":120.0,\"lack\":null,\"name\":\"periodic_002\",\"periodic\":true,"
			 "\"step\":null,\"time_ms\":700.0},"
			 "{\"boundary_offset_ms\":null,\"lack\":\"the scenario ended before it was due\","
			 "\"name\":\"periodic_003\",\"periodic\":true,\"step\":null,\"time_ms\":null}]}");
	free(text);
	captures_done(&c);
}
END_TEST

static const struct {
	bool starts, ends;
	const char *lack, *problem;
} closed[] = {
	{ false, false, "--no-monitor", "the guest was not looked at from outside: --no-monitor" },
	{ false, false, NULL, "the guest was not looked at from outside: no scenario began" },
	{ true, true, NULL, "none of 2 periodic snapshots was taken: the scenario ended before it was due" },
	{ true, false, NULL, "none of 2 periodic snapshots was taken: the machine ended before it was due" },
};

START_TEST(what_could_not_be_had_is_a_problem)
{
	const struct seen_decl decl = { .snapshots = 2 };
	struct captures c;
	captures_init(&c, &decl, NSEC_PER_SEC);
	if (closed[_i].starts)
		captures_mark(&c, NULL, &start, MS(1000));
	if (closed[_i].ends)
		captures_mark(&c, NULL, &end, MS(1100));
	captures_close(&c, closed[_i].lack);
	ck_assert_str_eq(buf_str(&c.problem), closed[_i].problem);
	captures_done(&c);
}
END_TEST

START_TEST(a_test_that_asks_for_nothing_has_no_problem)
{
	const struct seen_decl decl = { 0 };
	struct captures c;
	captures_init(&c, &decl, NSEC_PER_SEC);
	captures_close(&c, "--no-monitor");
	ck_assert_uint_eq(c.problem.len, 0);
	json_auto_t *list = captures_list_json(&c);
	ck_assert(json_is_null(list));
	captures_done(&c);
}
END_TEST

/* A guest may ask for more than there is room for. */
START_TEST(captures_are_limited)
{
	const struct seen_decl decl = { 0 };
	const struct mark m = capture("again");
	struct captures c;
	captures_init(&c, &decl, NSEC_PER_SEC);
	for (unsigned i = 0; i < CAPTURES_MAX + 10; i++)
		captures_mark(&c, NULL, &m, MS(i));
	ck_assert_uint_eq(c.count, CAPTURES_MAX);
	put_dump(&c);
	ck_assert_uint_eq(c.due, 0);
	ck_assert_ptr_nonnull(c.list[CAPTURES_MAX - 1].dump);
	ck_assert_int_eq(c.list[0].step, 3);
	captures_done(&c);
}
END_TEST

/* --- in the guest's memory ---------------------------------------------------------------------------------------- */

START_TEST(marks_are_read_from_registers)
{
	struct kimage k;
	struct field argument[WIRE_MARK_ARGUMENTS];
	struct mark m;
	const char name[WIRE_MARK_NAME_MAX] = "before-the-storm";
	kimage_open(&k, &(struct kimage_layout){ 0 });
	uint64_t regs = kimage_alloc(&k, 64);
	for (uint32_t i = 0; i < WIRE_MARK_ARGUMENTS; i++)
		argument[i] = (struct field){ .offset = 8 * i, .size = 8, .type = 1 };
	ck_assert(!mark_read(&k.view, argument, regs, &m)); /* a call with pid 0 */
	kimage_put(&k, regs, WIRE_MARK + WIRE_MARK_CAPTURE);
	kimage_write(&k, regs + 8, name, sizeof(name));
	kimage_put(&k, regs + 40, 2);
	ck_assert(mark_read(&k.view, argument, regs, &m));
	ck_assert_uint_eq(m.kind, WIRE_MARK_CAPTURE);
	ck_assert_uint_eq(m.step, 2);
	ck_assert_str_eq(m.name, name);
	kimage_write(&k, regs + 8, "\xff\n\x01", 4); /* whatever the guest writes, it is printable */
	ck_assert(mark_read(&k.view, argument, regs, &m));
	for (const char *p = m.name; *p; p++)
		ck_assert(*p != '\n' && *p != '\x01');
	kimage_put(&k, regs, WIRE_MARK + WIRE_MARK_KIND_MAX);
	ck_assert(!mark_read(&k.view, argument, regs, &m));
	kimage_put(&k, regs, WIRE_MARK);
	ck_assert(!mark_read(&k.view, argument, regs, &m));
	ck_assert(!mark_read(&k.view, argument, UINT64_C(0xffff000000000000), &m));
	kimage_close(&k);
}
END_TEST

static void watch(struct captures *c, struct kimage *k, const char *name)
{
	struct mark m = { .kind = WIRE_MARK_WATCH };
	struct inspector in = { .view = &k->view };
	snprintf(m.name, sizeof(m.name), "%s", name);
	captures_mark(c, &in, &m, MS(1000));
}

START_TEST(changed_variables_are_captured)
{
	const struct seen_decl decl = { 0 };
	struct captures c;
	struct kimage k;
	kimage_open(&k, &(struct kimage_layout){ 0 });
	struct inspector in = { .view = &k.view };
	captures_init(&c, &decl, NSEC_PER_SEC);
	captures_mark(&c, &in, &start, MS(1000));
	watch(&c, &k, "jiffies_64");
	watch(&c, &k, "jiffies_64");
	ck_assert_str_eq(buf_str(&c.problem), "");
	ck_assert_uint_eq(c.symbols, 1);
	captures_sample(&c, &in, MS(1100));
	ck_assert_uint_eq(c.due, 0);
	kimage_put(&k, kimage_symbol(&k, "jiffies_64"), 77);
	captures_sample(&c, &in, MS(1200));
	ck_assert_uint_eq(c.due, 1);
	put_dump(&c);
	captures_sample(&c, &in, MS(1300));
	ck_assert_uint_eq(c.due, 0);
	ck_assert_str_eq(c.list[0].name, "watch_jiffies_64_000");
	ck_assert_uint_eq(c.list[0].at_ns, MS(1200));
	watch(&c, &k, "no_such_symbol");
	ck_assert_str_eq(buf_str(&c.problem), "watch 'no_such_symbol': the kernel has no symbol of this name");
	kimage_close(&k);
	captures_done(&c);
}
END_TEST

/* --- places in the types of a program ----------------------------------------------------------------------------- */

/* .bss: { u64 nr; struct { u32 a; u16 b[3]; } stats[2]; } with stats at 8, each of 12 bytes. */
static struct types *program_types(int *section)
{
	struct types *types = NULL;
	struct btf *b = btf__new_empty();
	uint32_t size;
	int u64 = btf__add_int(b, "u64", 8, 0), u32 = btf__add_int(b, "u32", 4, 0), u16 = btf__add_int(b, "u16", 2, 0);
	int three = btf__add_array(b, u32, u16, 3);
	int s = btf__add_struct(b, "stats", 12);
	btf__add_field(b, "a", u32, 0, 0);
	btf__add_field(b, "b", three, 32, 0);
	int two = btf__add_array(b, u32, s, 2);
	int nr = btf__add_var(b, "nr", BTF_VAR_STATIC, u64), stats = btf__add_var(b, "stats", BTF_VAR_STATIC, two);
	*section = btf__add_datasec(b, ".bss", 32);
	btf__add_datasec_var_info(b, nr, 0, 8);
	btf__add_datasec_var_info(b, stats, 8, 24);
	const void *raw = btf__raw_data(b, &size);
	t_ok(types_parse(raw, size, NULL, &types, NULL));
	btf__free(b);
	return types;
}

static const struct {
	const char *path;
	unsigned offset, size; /* 0: there is none */
} places[] = {
	{ "nr", 0, 8 },		 { "stats", 8, 24 },
	{ "stats[1]", 20, 12 },	 { "stats[1].a", 20, 4 },
	{ "stats[1].b", 24, 6 }, { "stats[1].b[2]", 28, 2 },
	{ "stats[2]", 0, 0 },	 { "stats[0].b[3]", 0, 0 },
	{ "no", 0, 0 },		 { "", 0, 0 },
	{ "nr.x", 0, 0 },	 { "nr[0]", 0, 0 },
	{ "stats.a", 0, 0 },	 { "stats[1].", 0, 0 },
	{ "[0]", 0, 0 },	 { "stats[0]a", 0, 0 },
};

static void count_name(const char *name, void *arg)
{
	unsigned *count = arg;
	*count += strlen(name);
}

START_TEST(variables_have_places)
{
	int section;
	unsigned letters = 0;
	struct types *types = program_types(&section);
	struct field f = types_field_of(types, (uint32_t)section, places[_i].path);
	ck_assert_int_eq(field_present(f), places[_i].size != 0);
	ck_assert_uint_eq(f.offset, places[_i].offset);
	ck_assert_uint_eq(f.size, places[_i].size);
	types_each_name(types, (uint32_t)section, count_name, &letters);
	ck_assert_uint_eq(letters, strlen("nr") + strlen("stats"));
	types_close(types);
}
END_TEST

static const struct {
	const char *map;
	unsigned size;
	bool is_signed, per_cpu;
	uint64_t value;
	const char *error; /* NULL: it may be written */
} writes[] = {
	{ "x.bss", 1, false, false, 255, NULL },
	{ "x.bss", 1, false, false, 256, "256 does not fit into its 1 bytes" },
	{ "x.bss", 4, true, false, (uint64_t)-1, NULL },
	{ "x.bss", 8, false, false, UINT64_MAX, NULL },
	{ "x.data", 2, false, true, 1, "it has a value for each CPU" },
	{ "x.rodata", 4, false, false, 1, "it is a constant in 'x.rodata': the kernel has put its value" },
};

START_TEST(values_must_fit)
{
	struct variable v = { .field = { .size = writes[_i].size, .is_signed = writes[_i].is_signed, .type = 1 },
			      .per_cpu = writes[_i].per_cpu };
	struct err *err = NULL;
	snprintf(v.map, sizeof(v.map), "%s", writes[_i].map);
	ck_assert_int_eq(variable_check(&v, writes[_i].value, &err) < 0, writes[_i].error != NULL);
	if (writes[_i].error)
		t_err_contains(&err, writes[_i].error);
}
END_TEST

/* --- the list ----------------------------------------------------------------------------------------------------- */

START_TEST(the_list_says_what_is_asked_for)
{
	struct suite s;
	t_ok(list_parse(
		LIST("",
		     TEST_WITH(
			     "one",
			     "\"num_snapshots\":4,\"post_vm\":1,"
			     "\"bpf_map_write\":[{\"variable\":\"a.b\",\"value\":\"18446744073709551615\"}],"
			     "\"watch_bpf_maps\":[{\"map\":null,\"field\":\"x\",\"aggregation\":3,\"label\":\"y\"}]")),
		&s, NULL));
	const struct seen_decl *d = &s.test[0].seen;
	ck_assert_uint_eq(d->snapshots, 4);
	ck_assert(d->post_vm && d->writes == 1 && d->watches == 1 && !d->watch[0].map);
	ck_assert_uint_eq(d->write[0].value, UINT64_MAX);
	ck_assert_int_eq(d->watch[0].aggregation, KTSTR_PER_CPU_TOTAL);
	suite_done(&s);
}
END_TEST

static const struct {
	const char *keys, *problem;
} bad_keys[] = {
	{ "\"num_snapshots\":65", "num_snapshots: 65 is above 64" },
	{ "\"bpf_map_write\":[{\"variable\":\"a\",\"value\":1}]",
	  "bpf_map_write[0]: value: must be a number of 64 bits as text" },
	{ "\"watch_bpf_maps\":[{\"field\":\"x\",\"aggregation\":4,\"label\":\"y\"}]",
	  "watch_bpf_maps[0]: aggregation: 4 is not known" },
};

START_TEST(a_list_that_is_wrong_is_a_problem)
{
	char text[2000];
	struct suite s;
	snprintf(text, sizeof(text), LIST("", TEST_WITH("one", "%s")), bad_keys[_i].keys);
	t_ok(list_parse(text, &s, NULL));
	ck_assert_ptr_nonnull(s.test[0].problem);
	ck_assert_str_eq(s.test[0].problem, bad_keys[_i].problem);
	suite_done(&s);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, snapshots_divide_the_scenario);
	tcase_add_test(tc, missed_snapshots_say_why);
	tcase_add_loop_test(tc, what_could_not_be_had_is_a_problem, 0, ARRAY_SIZE(closed));
	tcase_add_test(tc, a_test_that_asks_for_nothing_has_no_problem);
	tcase_add_test(tc, captures_are_limited);
	tcase_add_test(tc, marks_are_read_from_registers);
	tcase_add_test(tc, changed_variables_are_captured);
	tcase_add_loop_test(tc, variables_have_places, 0, ARRAY_SIZE(places));
	tcase_add_loop_test(tc, values_must_fit, 0, ARRAY_SIZE(writes));
	tcase_add_test(tc, the_list_says_what_is_asked_for);
	tcase_add_loop_test(tc, a_list_that_is_wrong_is_a_problem, 0, ARRAY_SIZE(bad_keys));
}

int main(void)
{
	return t_main("captures", fill);
}
