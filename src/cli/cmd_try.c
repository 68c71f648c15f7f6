/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_try.c -- ktstr try: asks a scheduler the questions of the stock battery, and prints a report card. */
#include <math.h>
#include <string.h>

#include <ktstr/test.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/card.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/reference.h"
#include "cli/shared_options.h"
#include "cli/test_session.h"
#include "cli/test_source.h"
#include "run/history.h"
#include "run/scheduler_path.h"
#include "vmm/qemu/qemu.h"

#define ARGS	     struct try_args
#define LOAD_CPU_MAX 4095
#define ANY_CPU	     UINT64_MAX

struct try_args {
	struct test_args test; /* of the run */
	struct strings operands, questions, lacks;
	bool eevdf, no_reference, json, list;
	uint64_t load_cpu; /* ANY_CPU: not chosen */
	unsigned start;	   /* index of start_words */
};

static const char *const accel_words[] = { "auto", "kvm", "tcg", NULL };
static const char *const tcg_time_words[] = { "parallel", "shared", NULL };
static const char *const start_words[] = { "clone", "boot", NULL };

static const struct option_row try_options[] = {
	OPT_LIST(ARGS, questions, "question", 'q', "NAME", "ask only these; 'ktstr try --list' has their names"),
	{ .name = "only",
	  .kind = OPTION_LIST,
	  .hidden = true,
	  .arg = "NAME",
	  .help = "",
	  .at = OPTION_AT(ARGS, questions, struct strings) },
	OPT_FLAG(ARGS, list, "list", 0, "print the questions, and ask none"),
	OPT_FLAG(ARGS, eevdf, "eevdf", 0, "try the kernel's own scheduler"),
	OPT_LIST(ARGS, lacks, "lacks", 0, "LIST",
		 "what the scheduler does not support: weight, nice, quota, hotplug, or nothing; the list is complete. "
		 "Without it, the scheduler's callbacks say it"),
	OPT_FLAG(ARGS, no_reference, "no-reference", 0, "do not ask EEVDF for its numbers"),
	OPT_FLAG(ARGS, json, "json", 0, "print the card as JSON"),
	OPT_STRING(ARGS, test.kernel.item[0], "kernel", 'k', "KERNEL", KERNEL_FORMS),
	OPT_NUMBER(ARGS, test.seed, "seed", 0, "N", 0, UINT64_MAX, 1, "number that all random choices derive from"),
	OPT_NUMBER(ARGS, load_cpu, "load-cpu", 0, "CPU", 0, LOAD_CPU_MAX, ANY_CPU,
		   "the scheduler can be loaded only on this CPU, as scx_central on CPU 0 (default: any)"),
	OPT_NUMBER(ARGS, test.jobs, "jobs", 'j', "N", 1, JOBS_MAX, 0,
		   "number of machines at the same time (default: as many as there are CPUs for)"),
	OPT_FLAG(ARGS, test.verbose, "verbose", 'v', "print the report of each question"),
	OPT_WORD(ARGS, test.accel, "accel", 0, "NAME", accel_words,
		 "what runs the virtual machines: KVM, or QEMU's emulator (tcg)"),
	OPT_CHOICE(ARGS, test.tcg_time, "tcg-time", 0, "HOW", tcg_time_words, "as for 'ktstr test'"),
	OPT_DURATION(ARGS, test.tcg_lag, "tcg-lag", 0, "TIME", QEMU_LAG_MIN_NS, QEMU_LAG_NS, QEMU_LAG_NS, 1,
		     "as for 'ktstr test'"),
	OPT_CHOICE(ARGS, start, "start", 0, "HOW", start_words,
		   "copy machines that were booted once, or boot each of them"),
	OPT_NUMBER(ARGS, test.time_dilation, "time-dilation", 0, "N", 1, VM_DILATION_MAX, 1, "as for 'ktstr test'"),
	OPT_STRING(ARGS, test.cpu_cap, "cpu-cap", 0, "N", "use at most N CPUs, for machines or for compilers"),
	OPT_FLAG(ARGS, test.no_skip_mode, "no-skip-mode", 0, "a question that is skipped counts as failed"),
	OPT_FLAG(ARGS, test.no_ccache, "no-ccache", 0, "build kernels without ccache"),
	OPT_FLAG(ARGS, test.skip_sha256, "skip-sha256", 0, "do not verify downloads"),
	OPT_FLAG(ARGS, test.no_verify_signature, "no-verify-signature", 0,
		 "accept lists of checksums without verifying their signatures"),
	OPT_LIST(ARGS, test.report, "report", 0, "FORMAT=FILE", "write a report, as for 'ktstr test'"),
	OPT_STRING(ARGS, test.trace, "trace", 0, "FILE", "write a Chrome trace of this command to FILE"),
	OPT_END,
};

static const struct option_conflict try_conflicts[] = {
	{ "eevdf", "lacks" },
	{ "eevdf", "load-cpu" },
	{ "list", "json" },
	{ NULL, NULL },
};

struct try_plan {
	struct test_source source;
	struct try_args *args;
	unsigned lacks;
	const char *binary; /* of the scheduler; NULL: EEVDF is tried */
	struct reference reference;
	bool *cached; /* by row of the table; of the one kernel */
	double *cached_number;
};

/* --- the tests ---------------------------------------------------------------------------------------------------- */

static bool is_wanted(void *arg, const struct question *q)
{
	const struct try_args *a = arg;
	for (size_t i = 0; i < a->questions.count; i++)
		if (!strcmp(a->questions.item[i], q->name))
			return true;
	return !a->questions.count;
}

static int make_suites(const struct test_source *from, struct session *s, struct err **err)
{
	struct try_plan *p = container_of(from, struct try_plan, source);
	const struct try_args *a = p->args;
	struct suite battery[2] = { 0 }, *suite = calloc(1, sizeof(*suite));
	const struct questions_request q = { .program = s->built_in.path,
					     .binary = p->binary,
					     .args = a->operands.count ? a->operands.item + 1 : NULL,
					     .lacks = p->lacks,
					     .load_cpu = a->load_cpu != ANY_CPU ? (unsigned)a->load_cpu + 1 : 0,
					     .reference = !a->no_reference,
					     .wants = is_wanted,
					     .arg = p->args };
	int r = suite ? program_open_battery(&s->built_in, err) : -ENOMEM;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(battery); i++)
		r = suite_load(s->reactor, s->built_in.path, &battery[i], err);
	if (r == 0)
		r = questions_suite(battery, &q, suite, err);
	for (size_t i = 0; i < ARRAY_SIZE(battery); i++)
		suite_done(&battery[i]);
	if (r < 0) {
		free(suite);
		return r;
	}
	s->suite = suite;
	s->suites = 1;
	return 0;
}

static bool is_reference(const struct try_plan *p, const struct plan_case *c)
{
	return p->binary && !c->test->scheduler;
}

/* A name that nothing has is an error of the command, not of each question. */
static int check_found(const struct try_plan *p, const struct plan_case *c, struct err **err)
{
	if (!p->binary || strchr(p->binary, '/') || is_reference(p, c) || !c->problem || c->scheduler_path)
		return 0;
	_cleanup_free_ char *known = scheduler_names(c->kernel->schedulers);
	return FAIL(err, ERR_USAGE, -ENOENT,
		    "try: there is no scheduler '%s': it is not a file here, not in PATH, and not one of the "
		    "schedulers of the kernel %s (%s). Name the path of its program, as in 'ktstr try ./scx_mine'",
		    p->binary, c->kernel->version, known ?: "it has none; 'ktstr kernel build --schedulers' adds them");
}

/* Leaves out the questions to EEVDF whose numbers are known. */
static int trim_plan(const struct test_source *from, struct session *s, struct err **err)
{
	struct try_plan *p = container_of(from, struct try_plan, source);
	int r = 0;
	for (size_t i = 0; r == 0 && i < s->plan.count; i++)
		r = check_found(p, &s->plan.item[i], err);
	if (r < 0)
		return r;
	_cleanup_free_ bool *keep = calloc(s->plan.count + 1, sizeof(*keep));
	if (!keep)
		return FAIL_SYS(err, -ENOMEM, "plan the questions");
	for (size_t i = 0; i < s->plan.count; i++) {
		const struct plan_case *c = &s->plan.item[i];
		const struct question *q = c->test->question->question;
		bool known = is_reference(p, c) &&
			     reference_get(&p->reference, s, c->kernel, q->name, &p->cached_number[q - questions]);
		p->cached[q - questions] |= known;
		keep[i] = !known;
	}
	plan_keep(&s->plan, keep);
	return 0;
}

/* --- the card ----------------------------------------------------------------------------------------------------- */

static int take_record(struct try_plan *p, const struct session *s, const struct run_record *record, struct card *c,
		       struct err **err)
{
	const char *from = strchr(record->name, '/'), *name = from ? strchr(from + 1, '/') : NULL;
	const struct question *q = name ? question_find(name + 1) : NULL;
	struct card_row *row = q ? card_row(c, q) : NULL;
	bool reference = p->binary && record->is_reference;
	json_auto_t *sidecar = NULL;
	int r = row && record->sidecar ? json_read_file(record->sidecar, &sidecar, err) : 0;
	if (r < 0 || !row)
		return r;
	r = sidecar ? card_take(row, sidecar, reference) : card_take_none(row, record->why, reference);
	if (r < 0)
		return FAIL_SYS(err, r, "make the report card");
	/* EEVDF itself is the reference, too. */
	double number = reference ? row->reference : p->binary || row->answer != ANSWER_PASS ? NAN : row->number;
	reference_put(&p->reference, s, &s->kernel[0], q->name, number);
	return 0;
}

static void take_cached(const struct try_plan *p, struct card *c)
{
	for (size_t i = 0; i < c->count; i++) {
		size_t q = (size_t)(c->row[i].question - questions);
		c->row[i].cached = p->binary && p->cached[q];
		if (!c->row[i].cached)
			continue;
		c->row[i].reference = p->cached_number[q];
		c->row[i].reference_answer = ANSWER_PASS;
	}
}

static void print_card(const struct try_args *a, const struct card *c)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct term t = term_probe(STDOUT_FILENO);
	if (a->json) {
		json_auto_t *o = card_json(c);
		out_json(o, true);
		return;
	}
	t.columns = t.tty ? t.columns : 0;
	card_render(c, &t, &text);
	out_buf(&text);
}

static int show_card(const struct test_source *from, const struct session *s, struct err **err)
{
	struct try_plan *p = container_of(from, struct try_plan, source);
	struct card c = { .scheduler = p->binary ? path_basename(p->binary) : "EEVDF",
			  .kernel = s->kernel[0].version,
			  .backend = s->accel.backend->name,
			  .seed = s->seed };
	int r = 0;
	for (const struct question *q = questions; q->name; q++)
		if (is_wanted(p->args, q))
			card_row(&c, q);
	for (size_t i = 0; r == 0 && i < s->records.count; i++)
		r = take_record(p, s, &s->records.item[i], &c, err);
	if (r == 0) {
		take_cached(p, &c);
		print_card(p->args, &c);
		status_note(card_count(&c, ANSWER_FAIL)	     ? KTSTR_EXIT_FAIL
			    : card_count(&c, ANSWER_UNKNOWN) ? KTSTR_EXIT_INCONCLUSIVE
							     : 0);
	}
	card_done(&c);
	return r;
}

/* --- the command -------------------------------------------------------------------------------------------------- */

static int check_questions(const struct try_args *a, struct err **err)
{
	for (size_t i = 0; i < a->questions.count; i++)
		if (!question_find(a->questions.item[i]))
			return FAIL(err, ERR_USAGE, -EINVAL,
				    "--question: '%s' is not a question; 'ktstr try --list' lists them",
				    a->questions.item[i]);
	return 0;
}

static int parse_lacks(const struct try_args *a, unsigned *ret, struct err **err)
{
	for (size_t i = 0; i < a->lacks.count; i++)
		if (lacks_add(a->lacks.item[i], ret) < 0)
			return FAIL(err, ERR_USAGE, -EINVAL,
				    "--lacks: '%s' is not one of weight, nice, quota, hotplug, nothing",
				    a->lacks.item[i]);
	return 0;
}

/* A file, or a name that is looked up. A name without a slash that is a file here is that file. */
static int find_scheduler(struct try_args *a, char **owned, const char **ret, struct err **err)
{
	const char *word = a->operands.count ? a->operands.item[0] : NULL;
	if (a->eevdf && word)
		return FAIL(err, ERR_USAGE, -EINVAL, "try: --eevdf and the scheduler '%s' exclude each other", word);
	if (!word && !a->eevdf)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "try: name the program of a scheduler, as in 'ktstr try ./scx_mine', or use --eevdf");
	*ret = word;
	if (!word || (!strchr(word, '/') && !path_exists(word)))
		return 0;
	if (path_is_dir(word) || access(word, X_OK) < 0)
		return FAIL(err, ERR_USAGE, path_exists(word) ? -EACCES : -ENOENT,
			    "try: '%s' is not a program that can be run%s", word,
			    path_exists(word) ? "" : ": there is no such file");
	*owned = strchr(word, '/') ? strdup(word) : path_join(".", word);
	*ret = *owned;
	return *owned ? 0 : -ENOMEM;
}

static void print_questions(void)
{
	for (const struct question *q = questions; q->name; q++)
		out_printf("%-14s %s (%s)\n%-14s judged by %s\n", q->name, q->shows, q->unit, "", q->judged);
}

static int run_plan(struct try_plan *p, struct err **err)
{
	struct test_args run = p->args->test;
	bool known[CARD_ROWS_MAX] = { false };
	double numbers[CARD_ROWS_MAX] = { 0 };
	p->cached = known;
	p->cached_number = numbers;
	run.source = &p->source;
	run.kernel.count = run.kernel.item[0] != NULL;
	run.no_perf_mode = true;
	run.start = p->args->start ? START_BOOT : START_CLONE;
	run.keep_runs = HISTORY_RUNS_DEFAULT;
	run.show_output = run.verbose ? SHOW_ALL : SHOW_NEVER;
	reference_open(&p->reference);
	int r = test_run(&run, err);
	reference_done(&p->reference);
	return r;
}

static int run_try(void *args, struct err **err)
{
	struct try_args *a = args;
	_cleanup_free_ char *owned = NULL;
	struct try_plan plan = {
		.source = { .suites = make_suites, .trim = trim_plan, .finish = show_card, .judges = true }, .args = a
	};
	if (a->list && a->operands.count)
		return FAIL(err, ERR_USAGE, -EINVAL, "try: --list takes no scheduler, and got '%s'",
			    a->operands.item[0]);
	if (a->list) {
		print_questions();
		return 0;
	}
	int r = check_questions(a, err);
	if (r == 0)
		r = parse_lacks(a, &plan.lacks, err);
	if (r == 0)
		r = find_scheduler(a, &owned, &plan.binary, err);
	return r == 0 ? run_plan(&plan, err) : r;
}

const struct command cmd_try = {
	.name = "try",
	.group = GROUP_TESTS,
	.summary = "Ask a scheduler the stock questions, and print a report card",
	.operands = "[SCHEDULER [ARG...]]",
	.text = "Needs no test. Each question is a test in a virtual machine of its own: does every task make "
		"progress, "
		"are shares fair, do weights, nice values, quotas and cpusets count, how long do wake-ups take, are "
		"CPUs idle while tasks wait, do forks, CPUs that go offline, kernel threads, loading and crowds work. "
		"The card has for each question pass, fail or not supported, a number, EEVDF's number beside it, and "
		"the command that asks a question again that was not passed.\n\n"
		"SCHEDULER is a program, or the name of one that comes with the kernel, as scx_simple. Its arguments "
		"follow, behind -- if they begin with a dash.\n\n"
		"A scheduler is not judged by what it does not support, as its callbacks or --lacks say. EEVDF's "
		"numbers are kept in the cache directory for a kernel of the cache and a build of ktstr.\n\n"
		"The progress goes to standard error, and the card to standard output. The exit status is 0 if "
		"nothing bad was found, 1 if a question failed, and 2 if one could not be judged.",
	.option = try_options,
	.conflict = try_conflicts,
	.example =
		(const struct example[]){
			{ "ktstr try ./scx_mine", "all questions" },
			{ "ktstr try ./scx_mine -- --slice-us 5000", "with arguments of the scheduler" },
			{ "ktstr try scx_simple --question weights,nice --seed 7", "two questions, another seed" },
			{ "ktstr try --eevdf", "the kernel's own scheduler" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_ACCEL, ENV_KERNEL, ENV_RUNS_ROOT, ENV_SIDECAR_DIR,
						      ENV_SCHEDULER, ENV_SCHEDULER_BIN, KERNEL_ENVIRONMENT, ENV_MAX },
	.files = FILES_CACHE | FILES_RESULTS | FILES_LOCKS,
	.judges = true,
	OPERANDS(struct try_args, operands),
	.run = run_try,
};
