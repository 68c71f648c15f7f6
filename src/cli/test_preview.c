/* SPDX-License-Identifier: GPL-2.0-only */
/* test_preview.c -- ktstr test --list and --dry-run: prints the plan. */
#include <stdio.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/out.h"
#include "cli/test_session.h"
#include "cli/test_source.h"
#include "run/replay.h"
#include "topo/topology.h"
#include "vmm/qemu/qemu.h"

static const char *scheduler_of(const struct plan_case *c)
{
	return c->test->scheduler ? c->test->scheduler->name : "eevdf";
}

/* What another engine needs to run this item alone. */
static void put_job(json_t **o, const struct session *s, const struct plan_case *c)
{
	_cleanup_buf_ struct buf command = BUF_NULL;
	char variant[20];
	const struct replay_facts facts = {
		.environment = (const char *const *)s->environment,
		.test = c->short_name,
		.binary = c->test->binary,
		.kernel = c->kernel && c->kernel->name ? c->kernel->name : NULL,
		.image = c->kernel && c->kernel->image,
		.accel = s->accel.backend->name,
		.tcg_time = c->lag_ns ? tcg_time_name(c->lag_ns) : NULL,
		.lag_ns = c->lag_ns == QEMU_LAG_NS ? 0 : c->lag_ns,
		.perturb = &c->perturb,
		.perturb_file = s->perturb_points ? s->args->perturb : NULL,
		.constants = c->constants ? s->args->source->constants_dir : NULL,
		.gauntlet = c->preset != NULL,
		.strict = s->args->release,
		.perf = s->perf,
		.time_dilation = c->time_dilation,
		.cpu_cap = s->budget.said ? s->budget.cpus : 0,
		.seed = s->seed,
	};
	snprintf(variant, sizeof(variant), "%016lx", c->variant);
	replay_line(&facts, &command);
	json_put_text(o, "suite", path_basename(c->test->binary));
	json_put_text(o, "kernel", c->kernel ? c->kernel->name : NULL);
	json_put_text(o, "kernel_label", c->kernel ? c->kernel->label : NULL);
	json_put_text(o, "kernel_version", c->kernel ? c->kernel->version : NULL);
	json_put_text(o, "variant", c->kernel ? variant : NULL);
	json_put_u64(o, "cpus", topology_cpus(&c->topology));
	json_put_text(o, "command", command.failed ? NULL : buf_str(&command));
}

static void print_case_json(const struct session *session, const struct plan_case *c, bool timed)
{
	const struct sched_decl *s = c->test->scheduler;
	json_auto_t *o = json_object();
	json_put_text(&o, "name", c->name);
	json_put_text(&o, "topology", c->topology_text);
	json_put_text(&o, "scheduler", scheduler_of(c));
	json_put_text(&o, "file", c->test->file);
	json_put_u64(&o, "line", c->test->line);
	json_put_bool(&o, "ignored", c->ignored);
	if (s) {
		json_put_texts(&o, "kernels", (const char *const *)s->kernels);
		json_put_texts(&o, "verifier_exclude_topologies", (const char *const *)s->verifier_exclude_topologies);
	}
	if (timed) {
		put_job(&o, session, c);
		json_put_int(&o, "estimate_ns", c->estimate);
		json_put_bool(&o, "estimate_known", c->estimate_known);
		json_put_u64(&o, "memory_mib", c->memory_mib);
		json_put_text(&o, "skip", c->skip);
		json_put_text(&o, "problem", c->problem);
		json_put_text(&o, "known_fail", c->known_fail ? c->known_fail->reason : NULL);
	}
	out_json(o, false);
}

/* @timed: adds the estimated duration ("~": from the model instead of an earlier run), or why the test cannot run. */
static void print_case(const struct session *s, const struct plan_case *c, bool timed, bool json)
{
	char estimate[TIME_TEXT_MAX];
	if (json)
		print_case_json(s, c, timed);
	else if (timed && c->problem)
		out_printf("%-48s %-12s %-10s error: %s\n", c->name, c->topology_text, scheduler_of(c), c->problem);
	else if (timed && c->skip)
		out_printf("%-48s %-12s %-10s skip: %s\n", c->name, c->topology_text, scheduler_of(c), c->skip);
	else if (timed)
		out_printf("%-48s %-12s %-10s %s%s\n", c->name, c->topology_text, scheduler_of(c),
			   c->estimate_known ? "" : "~", nsec_format(c->estimate, estimate));
	else
		out_printf("%-40s %-12s %s%s\n", c->name, c->topology_text, scheduler_of(c),
			   c->ignored ? " (ignored)" : "");
}

int session_list(struct session *s, const struct test_args *a, struct err **err)
{
	int r = session_plan(s, a, err);
	size_t bad = 0;
	for (size_t i = 0; r == 0 && i < s->plan.count; i++) {
		print_case(s, &s->plan.item[i], false, a->json);
		if (!s->plan.item[i].problem)
			continue;
		bad++;
		say_printf("warning: %s cannot run: %s\n", s->plan.item[i].name, s->plan.item[i].problem);
	}
	if (bad && bad == s->plan.count)
		status_note(EXIT_BAD_DATA);
	return r;
}

/* The named kernels, as far as they are known without a build. */
static int preview_kernels(struct session *s, const struct test_args *a, struct err **err)
{
	const struct strings *named = session_kernels(s, a);
	struct kernels_request q = { .texts = named->item,
				     .count = named->count,
				     .include_eol = a->include_eol,
				     .skip_sha256 = a->skip_sha256,
				     .quiet = true };
	_cleanup_(kernels_result_done) struct kernels_result k = { 0 };
	if (!named->count && !environment_get(ENV_KERNEL) && !environment_get(ENV_TEST_KERNEL))
		return 0;
	int r = cache_open(&s->cache, err);
	s->cache.arch = s->arch;
	if (r == 0)
		r = kernels_resolve(s->reactor, &s->cache, &q, &k, err);
	if (r == 0)
		r = kernel_list_check(&s->list, k.count, err);
	s->labels = k.count > 1;
	for (size_t i = 0; r == 0 && i < k.count; i++) {
		r = kernels_preview(&s->cache, &k, i, &s->kernel[s->kernels], err);
		s->kernels += r == 0;
		if (r == 0)
			r = kernel_list_label(&s->list, i, &s->kernel[s->kernels - 1]);
	}
	return r;
}

/* Builds nothing and runs nothing. */
int session_dry_run(struct session *s, const struct test_args *a, struct err **err)
{
	char total[TIME_TEXT_MAX], wall[TIME_TEXT_MAX];
	nsec_t sum = 0;
	unsigned slots = session_slots(s, a), known = 0;
	session_find_arch(s, a);
	int r = session_choose_accel(s, a, err);
	s->args = a;
	s->environment = replay_environment(environ);
	if (r == 0)
		r = preview_kernels(s, a, err);
	if (r == 0)
		r = session_plan(s, a, err);
	if (r == 0)
		r = session_schedule(s, err);
	for (size_t i = 0; r == 0 && i < s->plan.count; i++) {
		print_case(s, &s->plan.item[i], true, a->json);
		sum += s->plan.item[i].estimate;
		known += s->plan.item[i].estimate_known;
	}
	if (r == 0)
		say_printf("%zu test%s%s, %s of machine time, %s with %u at a time; %u of the durations are known from "
			   "earlier runs\n",
			   s->plan.count, plural(s->plan.count), s->kernels ? "" : " on each kernel",
			   nsec_format(sum, total), nsec_format(plan_makespan(&s->plan, slots), wall), slots, known);
	return r;
}
