/* SPDX-License-Identifier: GPL-2.0-only */
/* calls.c -- the functions of ktstr/payload.h, which a test's body calls. */
#include <sys/wait.h>

#include "guest/payload/declaration.h"
#include "guest/payload/payload.h"

static struct payload *of_handle(const struct ktstr_ctx *t, int handle)
{
	return t->payloads && handle >= 0 && (unsigned)handle < t->payloads->count ? t->payloads->run[handle] : NULL;
}

static void put_result(const struct payload *p, struct ktstr_payload_result *ret)
{
	if (!ret)
		return;
	*ret = (struct ktstr_payload_result){ .verdict = p ? p->verdict : KTSTR_FAIL, .exit_code = -1 };
	if (!p)
		return;
	ret->exit_code = WIFEXITED(p->status) ? WEXITSTATUS(p->status) : -1;
	ret->signal = WIFSIGNALED(p->status) ? WTERMSIG(p->status) : 0;
	ret->metric = p->metric;
	ret->metrics = p->metrics;
}

/* On the host: only checks the declaration. */
static void check_dry(struct ktstr_ctx *t, const struct ktstr_payload_run *run)
{
	const struct ktstr_payload *decl = run->payload;
	if (t->dry->problem.len)
		return;
	if (!decl)
		buf_puts(&t->dry->problem, "ktstr_payload_*: no payload is named");
	else if (!payload_declared(t->test, decl))
		buf_appendf(&t->dry->problem, "payload '%s' is neither the test's .payload nor one of its .workloads",
			    decl->name);
	else if (payload_call_problem(run))
		buf_appendf(&t->dry->problem, "payload '%s': %s", decl->name, payload_call_problem(run));
}

int ktstr_payload_spawn(struct ktstr_ctx *t, const struct ktstr_payload_run *run)
{
	_cleanup_err_ struct err *err = NULL;
	struct payload *p;
	if (t->dry) {
		check_dry(t, run);
		return 0;
	}
	if (!run->payload || !payload_declared(t->test, run->payload)) {
		ktstr_expect(t, 0, "payload '%s' is neither the test's .payload nor one of its .workloads",
			     run->payload ? run->payload->name : "");
		return -EINVAL;
	}
	if (payload_call_problem(run)) {
		ktstr_expect(t, 0, "payload '%s': %s", run->payload->name, payload_call_problem(run));
		return -EINVAL;
	}
	int r = payload_start(t, run, !t->in_step, &p, &err);
	if (r < 0) {
		_cleanup_buf_ struct buf text = BUF_NULL;
		err_format(err, &text);
		ktstr_expect(t, 0, "%s", buf_str(&text));
	}
	return r < 0 ? r : (int)p->index;
}

enum ktstr_verdict ktstr_payload_wait(struct ktstr_ctx *t, int handle, struct ktstr_payload_result *ret)
{
	struct payload *p = of_handle(t, handle);
	enum ktstr_verdict v = t->dry ? KTSTR_PASS : p ? payload_wait(t, p) : KTSTR_FAIL;
	put_result(p, ret);
	return v;
}

bool ktstr_payload_try_wait(struct ktstr_ctx *t, int handle, struct ktstr_payload_result *ret)
{
	struct payload *p = of_handle(t, handle);
	payloads_serve(t);
	if (p && !p->over)
		return false;
	ktstr_payload_wait(t, handle, ret);
	return true;
}

enum ktstr_verdict ktstr_payload_kill(struct ktstr_ctx *t, int handle, struct ktstr_payload_result *ret)
{
	struct payload *p = of_handle(t, handle);
	enum ktstr_verdict v = t->dry ? KTSTR_PASS : p ? payload_kill(t, p) : KTSTR_FAIL;
	put_result(p, ret);
	return v;
}

/* Outside a scenario a payload runs as a step of its own, so that the host can report progress. */
enum ktstr_verdict ktstr_payload_run(struct ktstr_ctx *t, const struct ktstr_payload_run *run,
				     struct ktstr_payload_result *ret)
{
	bool alone = !t->stage && !t->dry && run->payload;
	uint32_t step = alone ? t->steps_run++ : 0;
	if (alone)
		ctx_phase(t, WIRE_PHASE_STEP_START, step, run->payload->name);
	int handle = ktstr_payload_spawn(t, run);
	enum ktstr_verdict v = ktstr_payload_wait(t, handle, ret);
	if (alone)
		ctx_phase(t, WIRE_PHASE_STEP_END, step, run->payload->name);
	return v;
}
