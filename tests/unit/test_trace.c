/* SPDX-License-Identifier: GPL-2.0-only */
/* Traces: every slice that begins ends, a killed run leaves a readable file, and a full disk does no harm. */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/json.h"
#include "reactor/machine.h"
#include "reactor/sim.h"
#include "reactor/trace.h"
#include "t.h"

#define ROWS_MAX 16

static struct reactor *reactor;
static struct trace *trace;
static char *dir, *path;

static void begin(void)
{
	dir = t_tmpdir();
	path = path_join(dir, "trace.json");
	t_ok(reactor_new(&reactor, NULL));
	t_ok(trace_open(&trace, reactor, path, NULL));
}

static void end(void)
{
	reactor = reactor_free(reactor);
	free(path);
	t_rmdir(dir);
}

/* --- a machine of two states -------------------------------------------------------------------------------------- */

struct job {
	struct machine machine;
	int left; /* rounds */
	bool fails;
};

static int job_rest(struct machine *m, int result)
{
	struct job *j = container_of(m, struct job, machine);
	(void)result;
	if (!j->left--)
		return j->fails ? -EPERM : MACHINE_END;
	machine_sleep(m, NSEC_PER_USEC);
	return 1;
}

static int job_work(struct machine *m, int result)
{
	(void)result;
	machine_nop(m);
	return 0;
}

static const struct machine_state job_states[] = {
	{ .name = "rest", .run = job_rest, .next = TO(1) | TO_END },
	{ .name = "work", .run = job_work, .next = TO(0) },
};
static const struct machine_type job_type = { "job", job_states, 2, NULL };

static void start(struct job *j, struct machine *parent, int rounds, const char *name)
{
	*j = (struct job){ .left = rounds };
	machine_start(reactor, &j->machine, &job_type, parent, "%s", name);
}

/* --- reading it back ---------------------------------------------------------------------------------------------- */

struct seen {
	int depth[ROWS_MAX];
	size_t events, machines, states;
	double last;
	json_t *names; /* of rows, by number */
};

static void see(struct seen *s, const json_t *event)
{
	const char *phase = json_string_value(json_object_get(event, "ph"));
	json_int_t row = json_integer_value(json_object_get(event, "tid"));
	double at = json_number_value(json_object_get(event, "ts"));
	ck_assert_ptr_nonnull(phase);
	ck_assert(row >= 1 && row < ROWS_MAX);
	ck_assert(at >= s->last);
	s->last = at;
	s->events++;
	if (*phase == 'E')
		ck_assert_int_ge(--s->depth[row], 0);
	if (*phase == 'M')
		json_array_append(s->names, json_object_get(json_object_get(event, "args"), "name"));
	if (*phase != 'B')
		return;
	bool machine = !strcmp(json_string_value(json_object_get(event, "cat")), "machine");
	/* A machine's slice lies at the bottom of its row, a state's slice on its machine's. */
	ck_assert_int_eq(s->depth[row]++, machine ? 0 : 1);
	s->machines += machine;
	s->states += !machine;
}

/* As viewers do with a truncated file: keeps the complete lines. */
static void close_array(struct buf *text)
{
	while (text->len && text->data[text->len - 1] != '\n')
		text->len--;
	ck_assert_uint_gt(text->len, 2);
	text->len -= 2;
	buf_puts(text, "]");
}

static json_t *load(bool killed)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	json_error_t error;
	t_ok(file_read(path, 1 << 20, &text, NULL));
	if (killed)
		close_array(&text);
	json_t *array = json_loads(buf_str(&text), 0, &error);
	ck_assert_msg(array != NULL, "%s at line %d of %s", error.text, error.line, buf_str(&text));
	return array;
}

static struct seen read_back(bool killed)
{
	json_t *array = load(killed), *event;
	struct seen s = { .names = json_array() };
	size_t i;
	json_array_foreach(array, i, event)
		see(&s, event);
	json_decref(array);
	return s;
}

static const char *row_name(const struct seen *s, size_t i)
{
	return json_string_value(json_array_get(s->names, i)) ?: "";
}

START_TEST(slices_nest_and_end)
{
	struct job a, b;
	begin();
	start(&a, NULL, 3, "first");
	start(&b, &a.machine, 1, "second \"quoted\"");
	t_ok(reactor_run(reactor));
	t_ok(trace_close(trace, NULL));
	struct seen s = read_back(false);
	ck_assert_uint_eq(s.machines, 2);
	ck_assert_uint_eq(s.states, 2 * 3 + 1 + 2 * 1 + 1);
	ck_assert_int_eq(s.depth[1] + s.depth[2], 0);
	ck_assert_str_eq(row_name(&s, 0), "job 1");
	ck_assert_str_eq(row_name(&s, 1), "job 2");
	json_decref(s.names);
	end();
}
END_TEST

START_TEST(path_and_result_are_said)
{
	struct job a, b;
	begin();
	start(&a, NULL, 1, "run");
	start(&b, &a.machine, 0, "boot");
	b.fails = true;
	t_ok(reactor_run(reactor));
	t_ok(trace_close(trace, NULL));
	_cleanup_buf_ struct buf text = BUF_NULL;
	t_ok(file_read(path, 1 << 20, &text, NULL));
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "\"path\":\"run/boot\""));
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "\"args\":{\"result\":-1}"));
	end();
}
END_TEST

START_TEST(rows_are_used_again)
{
	struct job a;
	begin();
	for (int i = 0; i < 5; i++) {
		start(&a, NULL, 1, "again");
		t_ok(reactor_run(reactor));
	}
	t_ok(trace_close(trace, NULL));
	struct seen s = read_back(false);
	ck_assert_uint_eq(s.machines, 5);
	ck_assert_uint_eq(json_array_size(s.names), 1);
	json_decref(s.names);
	end();
}
END_TEST

START_TEST(what_still_runs_is_ended)
{
	struct job a;
	begin();
	start(&a, NULL, 1 << 30, "endless");
	for (int i = 0; i < 10; i++)
		t_ok(reactor_turn(reactor, NSEC_NEVER));
	t_ok(trace_close(trace, NULL));
	struct seen s = read_back(false);
	ck_assert_int_eq(s.depth[1], 0);
	json_decref(s.names);
	machine_cancel(&a.machine);
	t_ok(reactor_run(reactor));
	end();
}
END_TEST

START_TEST(nothing_happened)
{
	begin();
	t_ok(trace_close(trace, NULL));
	struct seen s = read_back(false);
	ck_assert_uint_eq(s.events, 0);
	json_decref(s.names);
	end();
}
END_TEST

/* Killed in the middle: the format allows that the closing bracket is missing. */
START_TEST(a_killed_run_leaves_a_readable_file)
{
	dir = t_tmpdir();
	path = path_join(dir, "trace.json");
	pid_t pid = fork();
	if (!pid) {
		struct job a;
		if (reactor_new(&reactor, NULL) < 0 || trace_open(&trace, reactor, path, NULL) < 0)
			_exit(1);
		start(&a, NULL, 1 << 30, "endless");
		/* Waits until the file has some content, because it is written asynchronously. */
		for (struct stat st = { 0 }; st.st_size < 8192 && stat(path, &st) == 0;)
			if (reactor_turn(reactor, NSEC_NEVER) < 0)
				_exit(1);
		raise(SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	struct seen s = read_back(true);
	ck_assert_uint_eq(s.machines, 1);
	ck_assert_uint_gt(s.states, 50);
	json_decref(s.names);
	free(path);
	t_rmdir(dir);
}
END_TEST

START_TEST(a_full_disk_is_an_error_of_the_trace_alone)
{
	struct job a;
	struct err *err = NULL;
	t_ok(reactor_new(&reactor, NULL));
	t_ok(trace_open(&trace, reactor, "/dev/full", NULL));
	start(&a, NULL, 100, "unharmed");
	t_ok(reactor_run(reactor));
	ck_assert_int_eq(a.machine.result, 0);
	t_errno(trace_close(trace, &err), ENOSPC);
	t_err_contains(&err, "write the trace '/dev/full'");
	reactor = reactor_free(reactor);
}
END_TEST

START_TEST(a_path_that_cannot_be_opened)
{
	struct err *err = NULL;
	t_ok(reactor_new(&reactor, NULL));
	t_errno(trace_open(&trace, reactor, "/", &err), EISDIR);
	t_err_contains(&err, "open the trace '/'");
	ck_assert(!reactor->observe);
	reactor = reactor_free(reactor);
}
END_TEST

/* In simulation nothing reaches the file, but the writer must finish despite short and interrupted writes. */
START_TEST(short_and_interrupted_writes_are_gone_on_with)
{
	const struct sim_faults faults = { .short_io = 40000, .eintr = 20000 };
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct sim_config config = { .seed = seed, .faults = faults, .latency_max = NSEC_PER_MSEC };
		struct job a;
		t_ok(reactor_new_sim(&reactor, &config, NULL));
		t_ok(trace_open(&trace, reactor, "/dev/null", NULL));
		start(&a, NULL, 50, "simulated");
		t_ok(reactor_run(reactor));
		t_ok(trace_close(trace, NULL));
		ck_assert_uint_gt(sim_counts(reactor)->faults, 0);
		reactor = reactor_free(reactor);
	}
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, slices_nest_and_end);
	tcase_add_test(tc, path_and_result_are_said);
	tcase_add_test(tc, rows_are_used_again);
	tcase_add_test(tc, what_still_runs_is_ended);
	tcase_add_test(tc, nothing_happened);
	tcase_add_test(tc, a_killed_run_leaves_a_readable_file);
	tcase_add_test(tc, a_full_disk_is_an_error_of_the_trace_alone);
	tcase_add_test(tc, a_path_that_cannot_be_opened);
	tcase_add_test(tc, short_and_interrupted_writes_are_gone_on_with);
}

int main(void)
{
	return t_main("trace", fill);
}
