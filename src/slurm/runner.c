/* SPDX-License-Identifier: GPL-2.0-only */
/* runner.c -- see runner.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/file.h"
#include "reactor/machine.h"
#include "slurm/built.h"
#include "slurm/call.h"
#include "slurm/nodes.h"
#include "slurm/runner.h"
#include "slurm/text.h"

static void note(struct runner *r, enum runner_note what, const char *text)
{
	if (r->on_note)
		r->on_note(r->data, what, text);
}

/* --- nodes that lost tests ---------------------------------------------------------------------------------------- */

static unsigned node_count(const struct cluster *c)
{
	unsigned sum = 0;
	for (size_t i = 0; i < c->nodes; i++)
		sum += c->node[i].count;
	return sum;
}

static bool is_excluded(const struct runner *r, const char *node)
{
	size_t len = strlen(node);
	for (const char *at = buf_str(&r->exclude); (at = strstr(at, node)); at += len)
		if ((at == buf_str(&r->exclude) || at[-1] == ',') && (!at[len] || at[len] == ','))
			return true;
	return false;
}

/* A test that ran too long or needed too much memory would do so on any node. */
static bool node_is_suspect(enum slurm_state s)
{
	return s != SLURM_TIMEOUT && s != SLURM_OUT_OF_MEMORY && s != SLURM_PREEMPTED && s != SLURM_CANCELLED;
}

/* At least one node stays. */
static void suspect_node(struct runner *r, const struct follow_event *e)
{
	if (!*e->node || !node_is_suspect(e->state) || is_excluded(r, e->node) ||
	    r->excluded + 1 >= node_count(&r->cluster))
		return;
	buf_appendf(&r->exclude, "%s%s", r->exclude.len ? "," : "", e->node);
	r->excluded++;
	note(r, RUNNER_EXCLUDED, e->node);
}

static void on_follow_event(void *data, const struct follow_event *e)
{
	struct runner *r = data;
	if (e->kind == FOLLOW_LOST)
		suspect_node(r, e);
	if (r->on_event)
		r->on_event(r->data, e);
}

/* --- rounds ------------------------------------------------------------------------------------------------------- */

static int add_task(struct runner *r, const json_t *task, bool held)
{
	const json_t *cases = json_object_get(task, "cases");
	size_t count = 0, size = json_array_size(cases), i;
	_cleanup_free_ uint32_t *list = calloc(size + 1, sizeof(*list));
	json_t *c;
	if (!list)
		return -ENOMEM;
	json_array_foreach(cases, i, c) {
		json_int_t n = json_integer_value(c);
		if (n >= 0 && (size_t)n < r->record->count)
			list[count++] = (uint32_t)n;
	}
	int result = follow_add_task(&r->follow, list, (uint32_t)count, held);
	return result < 0 ? result : 0;
}

static int add_round(struct runner *r, unsigned number, bool held)
{
	size_t i;
	json_t *task;
	json_array_foreach(json_object_get(r->record->round[number], "tasks"), i, task) {
		int result = add_task(r, task, held);
		if (result < 0)
			return result;
	}
	return 0;
}

static char *build_job_path(const struct runner *r)
{
	return path_join(r->record->dir, "build-job");
}

static bool build_is_submitted(const struct runner *r)
{
	_cleanup_free_ char *path = build_job_path(r);
	return path && path_exists(path);
}

int runner_init(struct runner *r, struct err **err)
{
	int result = follow_init(&r->follow, r->record->count, on_follow_event, r);
	if (result == 0)
		result = files_init(&r->files, r->record, &r->follow, r->on_result, r->data);
	/* Another process began it, and may have ended before it submitted anything. */
	r->build.awaited = r->record->rounds && slurm_built_read(r->record, NULL) != 1;
	r->unsubmitted = r->build.awaited && !build_is_submitted(r);
	for (unsigned i = 0; result == 0 && i < r->record->rounds; i++)
		result = add_round(r, i, /* held= */ r->unsubmitted);
	r->excluded = nodes_excluded(r->record, &r->exclude);
	return result < 0 ? FAIL_SYS(err, result, "follow the run '%s'", r->record->id) : 0;
}

void runner_done(struct runner *r)
{
	files_done(&r->files);
	follow_done(&r->follow);
	buf_done(&r->names);
	buf_done(&r->exclude);
}

static size_t tasks_most(const struct runner *r)
{
	/* Other users have jobs, too. */
	uint64_t most = r->cluster.jobs_most * 3 / 4;
	return (size_t)MAX_OF(r->tasks_most ? MIN_OF(r->tasks_most, most) : most, 1u);
}

int runner_add_round(struct runner *r, const uint32_t *which, size_t count, struct err **err)
{
	_cleanup_free_ struct divide_need *need = calloc(count + 1, sizeof(*need));
	struct divide_request q = { .need = need,
				    .count = count,
				    .node = r->cluster.node,
				    .nodes = r->cluster.nodes,
				    .tasks_most = tasks_most(r) };
	struct division d;
	if (!need)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct slurm_case c;
		slurm_record_case(r->record, which ? which[i] : i, &c);
		need[i] = c.need;
	}
	int result = divide_tests(&q, &d);
	if (result < 0)
		return result;
	result = slurm_record_add_round(r->record, &d, which, (uint32_t)MIN_OF(r->cluster.array_most, UINT32_MAX), err);
	division_done(&d);
	if (result < 0 && result != -EEXIST)
		return result;
	/* The process that made a round submits it. */
	bool ours = result == 0;
	r->unsubmitted = ours;
	return add_round(r, r->record->rounds - 1, /* held= */ ours);
}

/* --- kernels that are built first --------------------------------------------------------------------------------- */

/* Another process may have submitted it. */
static int read_build_job(struct runner *r)
{
	_cleanup_free_ char *path = build_job_path(r);
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (!path)
		return -ENOMEM;
	if (path_exists(path) && file_read(path, sizeof(r->build.job), &text, NULL) == 0)
		slurm_job_number(buf_str(&text), r->build.job);
	return 0;
}

/* Arrays wait for this job, unless all kernels are there. */
static int submit_build(struct runner *r, struct err **err)
{
	_cleanup_free_ char *path = build_job_path(r);
	int result = slurm_built_read(r->record, err);
	r->submit.after = NULL;
	if (result == 0 && !*r->build.job)
		result = read_build_job(r);
	if (result)
		return result < 0 ? result : 0;
	r->build.awaited = true;
	if (!*r->build.job) {
		result = cluster_submit_build(r->reactor, &r->cluster, &r->submit, r->build.job, err);
		if (result == 0)
			result =
				path ? file_write_atomic(path, r->build.job, strlen(r->build.job), 0644, err) : -ENOMEM;
		if (result == 0)
			note(r, RUNNER_BUILDS, r->build.job);
	}
	r->submit.after = r->build.job;
	return result;
}

/* @answered: the answer of squeue was whole. A failed build ends the run. */
static int check_build(struct runner *r, bool answered, struct err **err)
{
	int result = slurm_built_read(r->record, err);
	if (result == 1 && r->build.awaited)
		note(r, RUNNER_BUILT, "");
	r->build.awaited = result == 0;
	if (result == 0 && r->unsubmitted)
		return 0;
	if (result == 0 && answered && !r->build.seen && !slurm_state_ended(r->build.state))
		r->build.state = SLURM_GONE;
	/* Its last file may be late. */
	if (result == 0 && answered && slurm_state_ended(r->build.state) && ++r->build.late >= FOLLOW_GRACE)
		result = FAIL(err, ERR_MISSING, -EIO, "the job that builds kernels %s; its output is in '%s/%s'",
			      slurm_state_text(r->build.state), r->record->dir, BUILD_LOG_FILE);
	if (result >= 0)
		return 0;
	/* Nothing of the run can start any more. */
	cluster_cancel(r->reactor, r->record, NULL);
	return result;
}

/* --- submitting --------------------------------------------------------------------------------------------------- */

/* An array whose first task is not held was submitted, or Slurm has shown that it was. */
int runner_submit(struct runner *r, struct err **err)
{
	size_t i;
	json_t *array;
	r->submit.record = r->record;
	r->submit.counts_memory = r->cluster.counts_memory;
	r->submit.exclude = r->exclude.len ? buf_str(&r->exclude) : NULL;
	int built = submit_build(r, err);
	if (built < 0)
		return built;
	json_array_foreach(json_object_get(r->record->round[r->record->rounds - 1], "arrays"), i, array) {
		uint32_t first = (uint32_t)json_integer_value(json_object_get(array, "first"));
		if (first >= r->follow.tasks || !r->follow.task[first].held)
			continue;
		int result = cluster_submit_array(r->reactor, &r->submit, array, r->job, err);
		if (result < 0)
			return result;
		follow_submitted(&r->follow, first, (uint32_t)json_integer_value(json_object_get(array, "count")));
	}
	r->unsubmitted = false;
	return 0;
}

/* --- one question ------------------------------------------------------------------------------------------------- */

struct row_target {
	struct runner *runner;
	uint32_t first;
	const struct slurm_row *row;
};

static void take_index(void *data, uint32_t index)
{
	const struct row_target *t = data;
	follow_row(&t->runner->follow, t->first + index, t->row->state, t->row->node);
}

static void take_row(void *data, const char *line)
{
	struct runner *r = data;
	struct slurm_row row;
	char build[SLURM_NAME_MAX];
	bool ok = slurm_row_parse(line, &row);
	slurm_build_job_name(r->record, build, sizeof(build));
	if (ok && !strcmp(row.name, build)) {
		r->build.seen = true;
		r->build.state = row.state;
		r->build.late = slurm_state_ended(row.state) ? r->build.late : 0;
		return;
	}
	int64_t first = ok ? slurm_job_first(r->record, row.name) : -ENOENT;
	struct row_target t = { .runner = r, .first = (uint32_t)first, .row = &row };
	/* A line that Slurm prints beside its answer is a warning; one that names our jobs must be understood. */
	if (!ok)
		r->damaged |= strstr(line, r->record->id) != NULL;
	else if (first >= 0 && row.indices)
		r->damaged |= !slurm_indices(row.indices, r->record->tasks, take_index, &t);
	else if (first >= 0 && row.state == SLURM_CANCELLED)
		follow_rest_cancelled(&r->follow, t.first, slurm_array_length(r->record, t.first));
	if (ok && first >= 0 && row.state == SLURM_PENDING)
		snprintf(r->reason, sizeof(r->reason), "%s", row.reason);
}

static bool array_is_open(const struct runner *r, uint32_t first, uint32_t count)
{
	for (uint32_t i = first; i < first + count && i < r->follow.tasks; i++)
		if (!r->follow.task[i].settled)
			return true;
	return false;
}

/* "--name=A,B": the jobs that have tasks which are not settled. */
static void list_names(struct runner *r)
{
	char name[SLURM_NAME_MAX];
	buf_clear(&r->names);
	if (r->build.awaited) {
		slurm_build_job_name(r->record, name, sizeof(name));
		buf_appendf(&r->names, "--name=%s", name);
	}
	for (unsigned i = 0; i < r->record->rounds; i++) {
		size_t k;
		json_t *array;
		json_array_foreach(json_object_get(r->record->round[i], "arrays"), k, array) {
			uint32_t first = (uint32_t)json_integer_value(json_object_get(array, "first"));
			if (!array_is_open(r, first, (uint32_t)json_integer_value(json_object_get(array, "count"))))
				continue;
			slurm_job_name(r->record, first, name, sizeof(name));
			buf_appendf(&r->names, "%s%s", r->names.len ? "," : "--name=", name);
		}
	}
}

/* 0: there is a whole answer; -EAGAIN: there is none this time. */
static int ask_queue(struct runner *r, struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct slurm_call call;
	list_names(r);
	if (!r->names.len)
		return 0;
	r->damaged = false;
	slurm_call_init(&call, take_row, r);
	const char *const words[] = { "squeue",
				      "--noheader",
				      "--states=all",
				      "-o",
				      SLURM_ROW_FORMAT,
				      buf_str(&r->names),
				      r->expand ? "--array" : NULL };
	for (size_t i = 0; i < ARRAY_SIZE(words) && words[i]; i++)
		slurm_call_add(&call, words[i]);
	follow_rows_begin(&r->follow);
	r->build.seen = false;
	*r->reason = '\0';
	int result = slurm_call_run(r->reactor, &call, &why);
	slurm_call_done(&call);
	r->stats.questions++;
	if (result == -ECANCELED || result == -ENOENT) {
		if (err)
			*err = TAKE_PTR(why);
		return result;
	}
	if (result < 0) {
		err_format(why, &text);
		if (!r->silent)
			note(r, RUNNER_SILENT, buf_str(&text));
		r->silent = true;
		return -EAGAIN;
	}
	if (r->silent)
		note(r, RUNNER_ANSWERS, "");
	r->silent = false;
	/* A list was too long for one line: ask for one row each. */
	r->expand |= r->damaged;
	return r->damaged ? -EAGAIN : 0;
}

static int add_again(struct runner *r, struct err **err)
{
	_cleanup_free_ uint32_t *again = calloc(r->follow.again + 1, sizeof(*again));
	if (!r->follow.again)
		return 0;
	if (!again)
		return -ENOMEM;
	follow_take_again(&r->follow, again);
	return runner_add_round(r, again, r->follow.again, err);
}

/* Slurm does not take a round: it is offered again after the next questions, and then nothing more is submitted. */
static void note_refusal(struct runner *r, const struct err *why)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	err_format(why, &text);
	if (!r->refusals++)
		note(r, RUNNER_REFUSED, buf_str(&text));
	/* The user's own arguments may allow no other node than those that lost tests. */
	buf_clear(&r->exclude);
	r->excluded = nodes_excluded(r->record, &r->exclude);
	if (r->refusals < RUNNER_REFUSALS_MAX)
		return;
	note(r, RUNNER_NOT_TAKEN, buf_str(&text));
	r->unsubmitted = false;
	follow_cancel(&r->follow);
}

static int submit_again(struct runner *r, struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	if (r->follow.cancelled)
		return 0;
	int result = r->unsubmitted ? 0 : add_again(r, err);
	/* If Slurm does not answer, it has not refused anything. */
	if (result < 0 || !r->unsubmitted || r->silent)
		return result;
	result = runner_submit(r, &why);
	if (result < 0 && result != -ECANCELED && result != -ENOMEM) {
		note_refusal(r, why);
		return 0;
	}
	r->refusals = 0;
	return result;
}

static bool any_runs(const struct follow *f)
{
	for (size_t i = 0; i < f->tasks; i++)
		if (f->task[i].state == SLURM_RUNNING || f->task[i].state == SLURM_ENDING)
			return true;
	return false;
}

/* Once for each reason that does not pass with the jobs of others. */
static void note_waiting(struct runner *r)
{
	static const char *const passing[] = { "", "None", "Resources", "Priority", "Dependency" };
	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		if (!strcmp(r->reason, passing[i]))
			return;
	if (any_runs(&r->follow) || !strcmp(r->reason, r->told_reason))
		return;
	snprintf(r->told_reason, sizeof(r->told_reason), "%s", r->reason);
	note(r, RUNNER_WAITS, r->reason);
}

/* Another process may have cancelled it. */
static void heed_cancellation(struct runner *r)
{
	if (r->follow.cancelled || !slurm_is_cancelled(r->record))
		return;
	follow_cancel(&r->follow);
	note(r, RUNNER_CANCELLED, "");
}

int runner_look(struct runner *r, struct err **err)
{
	int answer = ask_queue(r, err);
	int result = files_read(&r->files);
	if (answer == 0)
		follow_rows_end(&r->follow);
	return answer < 0 && answer != -EAGAIN ? answer : result;
}

int runner_step(struct runner *r, struct err **err)
{
	heed_cancellation(r);
	int answer = ask_queue(r, err);
	if (answer < 0 && answer != -EAGAIN)
		return answer;
	int result = r->build.awaited ? check_build(r, answer == 0, err) : 0;
	/* Files first: what a task wrote before it ended counts. */
	if (result == 0)
		result = files_read(&r->files);
	if (result < 0)
		return result;
	if (answer == 0) {
		follow_rows_end(&r->follow);
		note_waiting(r);
	}
	follow_step(&r->follow);
	return submit_again(r, err);
}

/* --- the loop ----------------------------------------------------------------------------------------------------- */

/* CPU time of this process and of its children that have ended. */
static nsec_t cpu_time(void)
{
	static const int who[] = { RUSAGE_SELF, RUSAGE_CHILDREN };
	nsec_t sum = 0;
	for (size_t i = 0; i < ARRAY_SIZE(who); i++) {
		struct rusage u;
		getrusage(who[i], &u);
		sum += (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * NSEC_PER_SEC +
		       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000;
	}
	return sum;
}

int runner_follow(struct runner *r, struct err **err)
{
	int result = 0;
	while (result == 0 && !follow_is_over(&r->follow)) {
		nsec_t before = cpu_time();
		result = runner_step(r, err);
		nsec_t cost = cpu_time() - before;
		r->stats.cpu += cost;
		if (result == 0 && !follow_is_over(&r->follow))
			result = slurm_nap(r->reactor, MAX_OF(r->interval ? r->interval : RUNNER_INTERVAL,
							      cost * RUNNER_COST_PART));
	}
	if (result == -ECANCELED && err && !*err)
		return FAIL(err, ERR_INTERRUPTED, result, "interrupted");
	return result;
}
