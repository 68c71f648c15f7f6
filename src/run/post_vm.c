/* SPDX-License-Identifier: GPL-2.0-only */
/* post_vm.c -- see post_vm.h. */
#include "run/post_vm.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "run/host_process.h"
#include "run/plan.h"

#define POST_LIMIT (60 * NSEC_PER_SEC)

static int add_detail(struct evidence *e, enum ktstr_verdict verdict, bool expectation, const char *text)
{
	struct {
		struct wire_detail head;
		char text[2048];
	} record = { .head = { .verdict = (uint32_t)verdict, .expectation = expectation } };
	size_t len = text_copy_line(record.text, sizeof(record.text), text, strlen(text));
	return evidence_take(e, WIRE_DETAIL, e->last_ns, &record, (uint32_t)(sizeof(record.head) + len), NULL);
}

/* The step in which the guest was at that time; -1: before the first one. */
static int step_at(const struct evidence *e, uint64_t at_ns)
{
	int step = -1;
	for (uint32_t i = 0; i < e->phase_count; i++)
		if (e->phase[i].wire.kind == WIRE_PHASE_STEP_START && e->phase[i].time_ns <= at_ns)
			step = (int)e->phase[i].wire.index;
	return step;
}

static void find_steps(struct captures *c, const struct evidence *e)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->list[i].step < 0 && c->list[i].dump)
			c->list[i].step = step_at(e, c->list[i].at_ns);
}

/* How the process ended without a result. */
static void describe_end(const struct evidence *post, char *out, size_t size)
{
	int status = post->test_exit.status;
	if (post->test_exit.timed_out)
		snprintf(out, size, "post_vm did not end within %ld s and was killed", POST_LIMIT / NSEC_PER_SEC);
	else if (WIFSIGNALED(status))
		snprintf(out, size, "post_vm crashed: SIG%s", sigabbrev_np(WTERMSIG(status)) ?: "?");
	else if (post->damage.len)
		snprintf(out, size, "post_vm sent records that are not valid: %s", buf_str(&post->damage));
	else
		snprintf(out, size, "post_vm ended the process with status %d, without a result", WEXITSTATUS(status));
}

/* Findings of post_vm are findings of the test, and its output is the test's. */
static void take_findings(struct evidence *e, const struct evidence *post)
{
	char why[400];
	enum ktstr_verdict v = post->has_result ? (enum ktstr_verdict)post->result.verdict : KTSTR_FAIL;
	for (uint32_t i = 0; i < post->detail_count; i++)
		add_detail(e, (enum ktstr_verdict)post->detail[i].verdict, post->detail[i].expectation,
			   post->detail[i].text);
	buf_append(&e->text[WIRE_STREAM_TEST], post->text[WIRE_STREAM_TEST].data, post->text[WIRE_STREAM_TEST].len);
	if (!post->has_result) {
		describe_end(post, why, sizeof(why));
		add_detail(e, KTSTR_FAIL, true, why);
	} else if ((v == KTSTR_FAIL || v == KTSTR_INCONCLUSIVE) && !post->detail_count) {
		add_detail(e, v, true,
			   v == KTSTR_FAIL ? "post_vm returned KTSTR_FAIL without saying why"
					   : "post_vm returned KTSTR_INCONCLUSIVE without saying why");
	}
}

static int run_process(struct attempt *a, const char *path)
{
	struct evidence post = { 0 };
	const struct test_decl *t = a->item->test;
	const struct host_process process = {
		.argv = { t->binary, "--post-vm", t->name, "--snapshots", path },
		.limit = POST_LIMIT,
		.job = &a->job,
		.evidence = &post,
	};
	int r = host_process_run(&process);
	if (r == 0 && offload_cancelled(&a->job))
		a->evidence.interrupted = true;
	else if (r == 0)
		take_findings(&a->evidence, &post);
	evidence_done(&post);
	return r;
}

/* A body that did not pass or fail has left nothing to look at. */
static bool is_wanted(const struct attempt *a)
{
	const struct evidence *e = &a->evidence;
	return a->item->test->seen.post_vm && e->has_result && e->result.verdict != KTSTR_SKIP;
}

int post_vm_run(struct attempt *a, int dir, const char *path, const char *lack)
{
	struct captures *c = &a->watch.captures;
	struct evidence *e = &a->evidence;
	struct err *err = NULL;
	if (a->looked_at || a->on_host || !c->decl || !e->has_hello)
		return 0;
	a->looked_at = true;
	captures_close(c, lack);
	find_steps(c, e);
	a->snapshot_list = captures_list_json(c);
	a->map_metrics = captures_metrics_json(c);
	if (c->problem.len)
		add_detail(e, KTSTR_INCONCLUSIVE, false, buf_str(&c->problem));
	if (!c->count && !is_wanted(a))
		return 0;
	json_auto_t *file = captures_json(c);
	int r = json_write_file_at(dir, path_basename(path), file, &err);
	if (r == 0)
		a->snapshots = strdup(path);
	if (r == 0 && is_wanted(a) && !lack)
		r = run_process(a, path);
	if (r == 0)
		return 0;
	_cleanup_buf_ struct buf why = BUF_NULL;
	if (!err)
		FAIL_SYS(&err, r, "run post_vm");
	err_format(err, &why);
	err_free(err);
	return add_detail(e, KTSTR_INCONCLUSIVE, false, buf_str(&why));
}
