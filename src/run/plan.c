/* SPDX-License-Identifier: GPL-2.0-only */
/* plan.c -- see plan.h. */
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "report/sidecar.h"
#include "run/cells.h"
#include "run/devices.h"
#include "run/includes.h"
#include "run/known_fail.h"
#include "run/perturb.h"
#include "run/planner.h"
#include "run/questions.h"
#include "run/scheduler_path.h"
#include "vmm/qemu/qemu.h"

uint64_t guest_memory_mib(const struct ktstr_topology *t, unsigned declared)
{
	uint64_t mib = MAX_OF(MAX_OF((uint64_t)topology_cpus(t) * 64, 256), declared);
	/* The first node must hold the kernel, the event log and the initramfs. */
	mib = MAX_OF(mib, (uint64_t)t->numa_nodes * 256);
	if (topology_described_mib(t))
		return topology_described_mib(t);
	return (mib + t->numa_nodes - 1) / t->numa_nodes * t->numa_nodes;
}

uint64_t guest_likely_mib(const struct ktstr_topology *t, unsigned declared)
{
	uint64_t mib = MAX_OF(MAX_OF((uint64_t)topology_cpus(t) * 16, 256), declared);
	return MIN_OF(mib, guest_memory_mib(t, declared));
}

uint64_t guest_unpacking_mib(uint64_t files_mib)
{
	return files_mib ? 2 * files_mib + 192 : 0;
}

/* --- cases -------------------------------------------------------------------------------------------------------- */

void plan_done(struct plan *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->item[i].name);
		free(p->item[i].short_name);
		free(p->item[i].scheduler_path);
		free(p->item[i].skip);
		free(p->item[i].problem);
	}
	free(p->item);
	*p = (struct plan){ 0 };
}

/* In a list without kernels, the kernel is open. */
static char *cell_name(const struct plan_case *c, const char *preset)
{
	char *name = NULL;
	int n = asprintf(&name, CELLS_SUITE "/%s/%s/%s", c->test->cell->label, c->kernel ? c->kernel->label : "*",
			 preset);
	return n < 0 ? NULL : name;
}

static char *question_name(const struct plan_case *c, bool labels)
{
	const char *scheduler = c->test->scheduler ? c->test->scheduler->name : "eevdf";
	char *name = NULL;
	int n = asprintf(&name, QUESTIONS_SUITE "/%s/%s%s%s", scheduler, c->test->name, labels ? "/" : "",
			 labels ? c->kernel->label : "");
	return n < 0 ? NULL : name;
}

/* @preset: one of the names of the case's preset. */
static char *case_name(const struct plan_case *c, const char *preset, bool labels)
{
	const char *slash = labels ? "/" : "", *label = labels ? c->kernel->label : "";
	char *name = NULL;
	if (c->test->cell)
		return cell_name(c, preset);
	if (c->test->question)
		return question_name(c, labels);
	int n = preset ? asprintf(&name, "gauntlet/%s/%s%s%s", c->test->name, preset, slash, label)
		       : asprintf(&name, "ktstr/%s%s%s", c->test->name, slash, label);
	return n < 0 ? NULL : name;
}

/* Also notes whether it is ignored: a filter that names it exactly asks for it. */
static bool wanted(struct plan_case *c, const struct plan_request *q)
{
	const char *old = c->preset ? c->preset->old : NULL;
	_cleanup_free_ char *old_name = old ? case_name(c, old, q->labels) : NULL;
	struct filter_subject subject = { .name = {
						  [FIELD_TEST] = { c->name, old_name },
						  [FIELD_KERNEL] = { c->kernel ? c->kernel->label : "" },
						  [FIELD_TOPOLOGY] = { c->topology_text,
								       c->preset ? c->preset->name : NULL, old },
						  [FIELD_SCHEDULER] = { c->test->scheduler ? c->test->scheduler->name
											   : "eevdf" },
						  [FIELD_BINARY] = { c->test->binary },
					  } };
	c->ignored = c->test->ignored && !filter_names(q->filter, &subject);
	return filter_match(q->filter, &subject);
}

static char *err_text(const struct err *why)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	err_format(why, &text);
	return buf_steal(&text);
}

/* Why the case cannot run in perf mode, or NULL: it can, or need not. */
static const char *perf_refused(const struct plan_case *c, const struct plan_request *q)
{
	if (c->test->performance_mode && q->perf == PLAN_PERF_NONE)
		return "it is a performance_mode test, and performance mode is switched off (--no-perf-mode, "
		       "KTSTR_NO_PERF_MODE)";
	return c->perf && q->backend && !q->backend->vcpu_threads ? "performance mode needs the kvm backend" : NULL;
}

/* Why the kernel cannot start at a random place, or NULL: it can, or need not. */
static const char *kaslr_refused(const struct plan_case *c)
{
	const struct kernel *k = c->kernel;
	if (!c->test->kaslr || !k)
		return NULL;
	if (k->no_kaslr)
		return "its kaslr needs a kernel that was built with CONFIG_RANDOMIZE_BASE";
	return k->bzimage ? NULL : "its kaslr needs the kernel's bzImage, and there is only a vmlinux";
}

/* Why the case cannot run here, or NULL: the backend's topologies, perf mode, a kernel without sched_ext, ... */
static char *reason_to_skip(const struct plan_case *c, const struct plan_request *q)
{
	char text[400];
	const struct vm_devices devices = devices_of(&c->test->devices);
	struct vm_config config = {
		.arch = c->test->arch,
		.topology = c->topology,
		.memory_mib = c->memory_mib,
		.lag_ns = c->lag_ns,
		.kaslr = c->test->kaslr,
		.devices = &devices,
	};
	if (c->kernel && c->kernel->absent)
		return strdup(c->kernel->absent);
	if (q->perf_only && !c->test->performance_mode)
		return strdup("it is not a performance_mode test, and KTSTR_PERF_ONLY runs no others");
	if (c->test->host_only)
		return NULL;
	if (c->kernel && c->kernel->arch != c->test->arch) {
		snprintf(text, sizeof(text), "its program is for %s, and the kernel %s for %s (--arch)",
			 arch_names[c->test->arch].name, c->kernel->version, arch_names[c->kernel->arch].name);
		return strdup(text);
	}
	if (c->preset && c->preset->last_llc_cores && !c->constants)
		return strdup("no backend has LLCs with different numbers of cores");
	if (c->constants && q->backend && q->backend->vcpu_threads)
		return strdup("constants of other topologies (--rodata) need tcg, where memory can be written in time");
	const char *why = q->backend ? q->backend->refuses(&config, text, sizeof(text)) : NULL;
	why = why ? why : perf_refused(c, q);
	why = why ? why : kaslr_refused(c);
	if (!why && c->test->scheduler && c->test->scheduler->binary && c->kernel && c->kernel->no_scx) {
		snprintf(text, sizeof(text), "kernel %s has no sched_ext (CONFIG_SCHED_CLASS_EXT is not set)",
			 c->kernel->version);
		why = text;
	}
	if (!why)
		why = devices_lack(&c->test->devices, c->kernel, text, sizeof(text));
	if (!why && q->host_cpus && c->cpu_budget > q->host_cpus) {
		snprintf(text, sizeof(text), "its cpu_budget is %u CPUs, and ktstr may use %u of this host",
			 c->cpu_budget, q->host_cpus);
		why = text;
	}
	if (!why && c->kernel && c->kernel->boot && !includes_kit_complete(c->test, c->kernel->kit, text, sizeof(text)))
		why = text;
	return why ? strdup(why) : NULL;
}

static uint64_t text_variant(const char *text)
{
	struct rng mix = { 0 };
	for (const char *at = text; *at; at++)
		mix.state = rng_next(&mix) ^ (uint8_t)*at;
	return *text ? rng_next(&mix) : 0;
}

/* A test without devices has the variant that it always had. */
static uint64_t devices_variant(const struct plan_case *c)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	device_decl_describe(&c->test->devices, &text);
	return text_variant(buf_str(&text));
}

static uint64_t variant_of(const struct plan_case *c)
{
	const struct sched_decl *s = c->test->scheduler;
	struct sidecar_variant v = {
		.topology = c->topology_text,
		.scheduler = s ? s->name : NULL,
		.payload = c->test->cell ? c->test->cell->profile : c->test->payload,
		.kernel = c->kernel ? c->kernel->label : NULL,
		.suite = test_suite_name(c->test),
		.sysctls = s ? (const char *const *)s->sysctls : NULL,
		.kargs = s ? (const char *const *)s->kargs : NULL,
	};
	return sidecar_variant(&v) ^ perturb_hash(&c->perturb) ^ devices_variant(c);
}

static int set_problem(struct plan_case *c, const char *problem)
{
	free(c->problem);
	int n = c->test->cell ? asprintf(&c->problem, "%s", problem)
			      : asprintf(&c->problem, "%s:%u: %s", c->test->file, c->test->line, problem);
	return n < 0 ? (c->problem = NULL, -ENOMEM) : 0;
}

/* Finds the scheduler's program, if the case needs one. */
static bool any_kernel_has(const struct plan_request *q, const char *binary)
{
	for (size_t i = 0; i < q->kernel_count; i++)
		if (scheduler_is_kernels_own(binary, q->kernels[i].schedulers))
			return true;
	return false;
}

/*
 * Why the scheduler is missing on this kernel, if that is a fact about the kernel, of which there are several. NULL: it
 * is an error of the suite.
 */
static char *absent_from_kernel(const struct plan_case *c, const struct plan_request *q)
{
	const struct kernel *k = c->kernel;
	const char *binary = c->test->scheduler->binary;
	char *text = NULL;
	if (!k || !q->labels || (k->schedulers && !any_kernel_has(q, binary)))
		return NULL;
	int n = k->schedulers ? asprintf(&text, "kernel %s does not come with %s, as another kernel of this run does",
					 k->version, binary)
			      : asprintf(&text,
					 "kernel %s was built without its own schedulers, and %s is nowhere else "
					 "('ktstr kernel build --schedulers')",
					 k->version, binary);
	return n < 0 ? NULL : text;
}

static int find_scheduler(struct plan_case *c, const struct plan_request *q)
{
	const struct test_decl *t = c->test;
	_cleanup_err_ struct err *why = NULL;
	if (!t->scheduler || !t->scheduler->binary || c->skip || (c->kernel && !c->kernel->boot))
		return 0;
	/* In a list without kernels, a name may be one of a kernel's schedulers, but a path is known. */
	if (!c->kernel && !strchr(t->scheduler->binary, '/') && !scheduler_is_named(t->scheduler->binary))
		return 0;
	int r = scheduler_locate(t->scheduler->binary, test_home(t), c->kernel ? c->kernel->schedulers : NULL,
				 &c->scheduler_path, &why);
	if (r == 0 || !why)
		return r;
	_cleanup_free_ char *text = err_text(why);
	if (!text)
		return -ENOMEM;
	c->skip = absent_from_kernel(c, q);
	return c->skip ? 0 : set_problem(c, text);
}

/* Is the preset's topology the one that the test declares? */
static bool same_text(const struct plan_case *c, const struct test_decl *t)
{
	char text[TOPOLOGY_TEXT_MAX];
	return !strcmp(c->topology_text, topology_format(&t->topology, text));
}

static int fill_case(struct plan_case *c, const struct plan_request *q)
{
	const struct test_decl *t = c->test;
	static const struct ktstr_checks none = { 0 };
	c->variant = variant_of(c);
	/* A preset with the test's own topology is a separate result and needs a separate file. */
	if (c->preset && same_text(c, t))
		c->variant ^= 0x9e3779b97f4a7c15u;
	/* Cells that only verify have one topology, and a file for each preset. */
	if (c->constants)
		c->variant ^= text_variant(c->preset->name);
	if (t->problem)
		return set_problem(c, t->problem);
	uint64_t files_mib = includes_mib(t, c->kernel ? c->kernel->kit : NULL);
	unsigned floor_mib = MAX_OF(t->memory_mib, (unsigned)guest_unpacking_mib(files_mib));
	c->memory_mib = guest_memory_mib(&c->topology, floor_mib);
	bool threads = q->backend && q->backend->vcpu_threads;
	c->lag_ns = threads ? 0 : q->lag_ns;
	c->icount_shift = threads ? 0 : qemu_icount_shift(topology_cpus(&c->topology), c->lag_ns);
	c->time_dilation = MAX_OF(q->time_dilation, 1);
	c->cpu_budget = t->cpu_budget && q->cpu_cap ? q->cpu_cap : t->cpu_budget;
	c->limits = thresholds_merge(q->strict, t->scheduler ? &t->scheduler->checks : &none, &t->checks);
	c->known_fail = known_fail_find(t, c->kernel);
	c->perf = q->perf == PLAN_PERF_ALL ? !t->no_perf_mode : q->perf == PLAN_PERF_DECLARED && t->performance_mode;
	if (q->perf_if_possible && !threads)
		c->perf = false;
	/* In perf mode all memory is allocated at the start. */
	c->likely_mib = c->perf ? c->memory_mib : guest_likely_mib(&c->topology, floor_mib);
	c->skip = reason_to_skip(c, q);
	return find_scheduler(c, q);
}

/* The seeds of a case's schedules tell them apart. */
static int put_seed(struct plan_case *c)
{
	char *name = NULL;
	if (asprintf(&name, "%s@%lu", c->name, c->perturb.seed) < 0)
		return -ENOMEM;
	free(c->name);
	c->name = name;
	return 0;
}

/* A cell that only verifies has constants, and a machine that all such cells can share a snapshot of. */
static void find_constants(struct plan_case *c, const struct plan_request *q)
{
	if (!q->constants)
		return;
	const char *version = c->kernel ? c->kernel->version : NULL;
	c->constants = &cell_constants_find(q->constants, c->test->cell->label, version, c->preset)->data;
	c->topology = (struct ktstr_topology){ 1, 1, 2, 1 };
}

static int add_schedule(struct plan *p, const struct plan_request *q, const struct test_decl *t, const struct kernel *k,
			const struct preset *preset, unsigned number)
{
	struct plan_case *more = realloc(p->item, (p->count + 1) * sizeof(*p->item));
	if (!more)
		return -ENOMEM;
	p->item = more;
	struct plan_case *c = &p->item[p->count];
	*c = (struct plan_case){
		.test = t, .kernel = k, .preset = preset, .topology = preset ? preset->topology : t->topology
	};
	find_constants(c, q);
	if (!t->host_only)
		c->perturb = q->perturb;
	if (c->perturb.depth && !c->perturb.span_ns)
		c->perturb.span_ns = (uint64_t)t->duration + NSEC_PER_SEC;
	c->perturb.seed += number;
	c->name = case_name(c, preset ? preset->name : NULL, q->labels);
	c->short_name = case_name(c, preset ? preset->name : NULL, false);
	topology_format(&c->topology, c->topology_text);
	if (!c->name || !c->short_name || !wanted(c, q)) {
		int r = c->name && c->short_name ? 0 : -ENOMEM;
		free(c->name);
		free(c->short_name);
		return r;
	}
	p->count++;
	int r = q->schedules > 1 ? put_seed(c) : 0;
	return r < 0 ? r : fill_case(c, q);
}

static int add_case(struct plan *p, const struct plan_request *q, const struct test_decl *t, const struct kernel *k,
		    const struct preset *preset)
{
	unsigned schedules = t->host_only || t->problem ? 1 : MAX_OF(q->schedules, 1u);
	int r = 0;
	for (unsigned number = 0; number < schedules && r == 0; number++)
		r = add_schedule(p, q, t, k, preset, number);
	return r;
}

static bool is_listed(const char *const *names, const struct preset *preset)
{
	for (size_t i = 0; names && names[i]; i++)
		if (preset_find(names[i]) == preset)
			return true;
	return !names || !*names;
}

/* Adds the cells of one scheduler on one kernel. */
static int add_cells(struct plan *p, const struct plan_request *q, const struct test_decl *t, const struct kernel *k)
{
	int r = 0;
	if (k && !cell_admits_kernel(t, k))
		return 0;
	for (const struct preset *preset = presets; r == 0 && preset->name; preset++)
		if (cell_admits_preset(t, preset) && is_listed(q->presets, preset) &&
		    (!q->constants || cell_constants_find(q->constants, t->cell->label, k ? k->version : NULL, preset)))
			r = add_case(p, q, t, k, preset);
	return r;
}

/* Adds a test on one kernel: with its own topology, and with --gauntlet also with each admitted preset. */
static int add_test(struct plan *p, const struct plan_request *q, const struct test_decl *t, const struct kernel *k)
{
	char why[120];
	if (t->cell)
		return add_cells(p, q, t, k);
	int r = add_case(p, q, t, k, NULL);
	for (const struct preset *preset = presets;
	     r == 0 && q->gauntlet && !t->problem && !t->host_only && preset->name; preset++)
		if (!preset->verifier_only && !preset_refused(preset, &t->constraints, why, sizeof(why)))
			r = add_case(p, q, t, k, preset);
	return r;
}

static int add_suite(struct plan *p, const struct plan_request *q, const struct suite *s)
{
	int r = 0;
	for (size_t i = 0; i < s->tests && r == 0; i++) {
		if (!q->kernel_count)
			r = add_test(p, q, &s->test[i], NULL);
		for (size_t k = 0; k < (s->test[i].host_only ? MIN_OF(q->kernel_count, 1) : q->kernel_count) && r == 0;
		     k++)
			r = add_test(p, q, &s->test[i], &q->kernels[k]);
	}
	return r;
}

/* Sorts items by name, then by their order in the plan, so that duplicates are adjacent. */
static int by_name(const void *a, const void *b)
{
	const struct plan_case *x = *(const struct plan_case *const *)a, *y = *(const struct plan_case *const *)b;
	int d = strcmp(x->name, y->name);
	return d ? d : x < y ? -1 : x > y;
}

static int note_duplicate(struct plan_case *first, const struct plan_case *again, const struct plan_request *q)
{
	char text[600];
	if (q->first_duplicate || first->problem)
		return 0;
	snprintf(text, sizeof(text),
		 "there is another test of this name: it is in '%s' (%s:%u) and in '%s' (%s:%u); "
		 "run them one by one, or take the first with --duplicates first",
		 first->test->binary, first->test->file, first->test->line, again->test->binary, again->test->file,
		 again->test->line);
	return set_problem(first, text);
}

/* Tests with one name would write the same sidecar. Keeps the first; it is an error unless @q accepts duplicates. */
static int settle_duplicates(struct plan *p, const struct plan_request *q)
{
	_cleanup_free_ const struct plan_case **sorted = calloc(p->count + 1, sizeof(*sorted));
	_cleanup_free_ bool *keep = calloc(p->count + 1, sizeof(*keep));
	size_t first = 0;
	if (!sorted || !keep)
		return -ENOMEM;
	for (size_t i = 0; i < p->count; i++)
		sorted[i] = &p->item[i];
	qsort(sorted, p->count, sizeof(*sorted), by_name);
	for (size_t i = 0; i < p->count; i++) {
		bool again = i > 0 && !strcmp(sorted[first]->name, sorted[i]->name);
		int r = again ? note_duplicate(&p->item[sorted[first] - p->item], sorted[i], q) : 0;
		if (r < 0)
			return r;
		if (!again)
			first = i;
		keep[sorted[i] - p->item] = !again;
	}
	plan_keep(p, keep);
	return 0;
}

int plan_make(const struct plan_request *q, struct plan *ret, struct err **err)
{
	struct plan p = { 0 };
	int r = 0;
	for (size_t i = 0; i < q->suite_count && r == 0; i++)
		r = add_suite(&p, q, &q->suites[i]);
	if (r == 0)
		r = settle_duplicates(&p, q);
	if (r < 0) {
		plan_done(&p);
		return FAIL_SYS(err, r, "make the plan");
	}
	*ret = p;
	return 0;
}
