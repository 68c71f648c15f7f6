/* SPDX-License-Identifier: GPL-2.0-only */
/* cells.c -- see cells.h. */
#include "run/cells.h"
#include "run/questions.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/test_name.h"
#include "base/text.h"
#include "run/known_fail.h"

#define CELL_TEST     "verifier" /* the test's name in src/guest/cell.c */
#define CELL_DURATION (400 * NSEC_PER_MSEC)
#define FLAGS_MAX     16

const char *test_suite_name(const struct test_decl *t)
{
	return t->cell ? CELLS_SUITE : t->question ? QUESTIONS_SUITE : path_basename(t->binary);
}

const char *test_home(const struct test_decl *t)
{
	return t->cell && t->cell->origin ? t->cell->origin : t->binary;
}

/* --- profiles ----------------------------------------------------------------------------------------------------- */

struct flag {
	char *name;
	char **args;
	unsigned requires; /* bits of other flags */
};

struct flags {
	struct flag item[FLAGS_MAX];
	unsigned count;
};

static void flags_done(struct flags *f)
{
	for (unsigned i = 0; i < f->count; i++) {
		free(f->item[i].name);
		strings_free(f->item[i].args);
	}
}

static int parse_flag(const json_t *o, struct flag *ret, struct err **err)
{
	int r = list_get_name(o, "name", &ret->name, err);
	if (r == 0 && (!*ret->name || strpbrk(ret->name, "+/, ")))
		r = FAIL(err, ERR_DATA, -EBADMSG, "the name '%s' is empty, or has one of '+', '/', ',' and blanks",
			 ret->name);
	return r == 0 && json_object_get(o, "args") ? list_get_strings(o, "args", &ret->args, err) : r;
}

static int parse_requires(const json_t *o, struct flags *f, unsigned which, struct err **err)
{
	const json_t *list = json_object_get(o, "requires"), *name;
	size_t i;
	json_array_foreach(list, i, name) {
		unsigned bit = 0;
		for (unsigned k = 0; k < f->count; k++)
			if (json_is_string(name) && !strcmp(json_string_value(name), f->item[k].name))
				bit = 1u << k;
		if (!bit)
			return FAIL(err, ERR_DATA, -EBADMSG, "flag '%s' requires something that is not a flag",
				    f->item[which].name);
		f->item[which].requires |= bit;
	}
	return 0;
}

static int parse_flags(const json_t *root, struct flags *f, struct err **err)
{
	size_t count = json_array_size(root);
	int r = 0;
	if (!json_is_array(root))
		return FAIL(err, ERR_DATA, -EBADMSG, "it is not a JSON array");
	if (count > FLAGS_MAX)
		return FAIL(err, ERR_DATA, -E2BIG, "it has %zu flags, and %d are possible", count, FLAGS_MAX);
	while (r == 0 && f->count < count) {
		r = parse_flag(json_array_get(root, f->count), &f->item[f->count], err);
		f->count++;
	}
	for (unsigned i = 0; r == 0 && i < count; i++)
		r = parse_requires(json_array_get(root, i), f, i, err);
	return r;
}

static bool is_complete(const struct flags *f, unsigned set)
{
	for (unsigned i = 0; i < f->count; i++)
		if (set >> i & 1 && (f->item[i].requires & ~set))
			return false;
	return true;
}

static int append_args(char ***list, size_t *count, char **more)
{
	for (size_t i = 0; more && more[i]; i++) {
		char **grown = realloc(*list, (*count + 2) * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		*list = grown;
		grown[*count] = strdup(more[i]);
		grown[*count + 1] = NULL;
		if (!grown[(*count)++])
			return -ENOMEM;
	}
	return 0;
}

static int make_profile(const struct flags *f, unsigned set, struct cell_profile *ret)
{
	_cleanup_buf_ struct buf name = BUF_NULL;
	size_t args = 0;
	int r = 0;
	for (unsigned i = 0; i < f->count && r == 0; i++) {
		if (!(set >> i & 1))
			continue;
		buf_appendf(&name, "%s%s", name.len ? "+" : "", f->item[i].name);
		r = append_args(&ret->args, &args, f->item[i].args);
	}
	ret->name = set ? buf_steal(&name) : strdup("default");
	return r == 0 && !ret->name ? -ENOMEM : r;
}

/* In the order of the numbers of flags, so that few flags come first. */
static int make_profiles(const struct flags *f, struct cell_profiles *ret, struct err **err)
{
	int r = 0;
	for (int flags = 0; flags <= (int)f->count && r == 0; flags++)
		for (unsigned set = 0; set < 1u << f->count && r == 0; set++) {
			if (__builtin_popcount(set) != flags || !is_complete(f, set))
				continue;
			if (ret->count == CELL_PROFILES_MAX)
				return FAIL(err, ERR_USAGE, -E2BIG,
					    "its flags make more than %d profiles; name some with --profiles",
					    CELL_PROFILES_MAX);
			r = make_profile(f, set, &ret->item[ret->count++]);
		}
	return r;
}

int cell_profiles_parse(const char *text, size_t len, struct cell_profiles *ret, struct err **err)
{
	json_error_t why;
	json_auto_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
	struct flags f = { 0 };
	*ret = (struct cell_profiles){ 0 };
	int r = root ? parse_flags(root, &f, err) : FAIL(err, ERR_DATA, -EBADMSG, "line %d: %s", why.line, why.text);
	if (r == 0)
		r = make_profiles(&f, ret, err);
	flags_done(&f);
	if (r < 0)
		cell_profiles_done(ret);
	return r;
}

void cell_profiles_done(struct cell_profiles *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->item[i].name);
		strings_free(p->item[i].args);
	}
	*p = (struct cell_profiles){ 0 };
}

/* --- schedulers --------------------------------------------------------------------------------------------------- */

/* The suite that is being made; `origin` has an entry for each of its schedulers. */
struct making {
	const struct cells_request *request;
	struct suite suite;
	const char **origin; /* NULL: not declared */
	size_t room;
};

static bool same_texts(char **a, char **b)
{
	for (; a && b && *a && *b; a++, b++)
		if (strcmp(*a, *b) != 0)
			return false;
	return !(a && *a) && !(b && *b);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_declaration(const struct sched_decl *a, const struct sched_decl *b)
{
	return same_text(a->binary, b->binary) && same_texts(a->args, b->args) && same_texts(a->kernels, b->kernels) &&
	       same_texts(a->kargs, b->kargs) && same_texts(a->sysctls, b->sysctls) &&
	       same_texts(a->verifier_exclude_topologies, b->verifier_exclude_topologies) &&
	       !memcmp(&a->constraints, &b->constraints, sizeof(a->constraints));
}

static const struct sched_decl *known_scheduler(const struct making *m, const char *name)
{
	for (size_t i = 0; i < m->suite.schedulers; i++)
		if (!strcmp(m->suite.scheduler[i].name, name))
			return &m->suite.scheduler[i];
	return NULL;
}

static struct sched_decl *add_scheduler(struct making *m, const char *origin)
{
	m->origin[m->suite.schedulers] = origin;
	return &m->suite.scheduler[m->suite.schedulers++];
}

static bool is_named(const struct cells_request *q, const char *name)
{
	for (size_t i = 0; q->names && q->names[i]; i++)
		if (!strcmp(q->names[i], name))
			return true;
	return !(q->names && *q->names) && !(q->programs && *q->programs);
}

/* Takes the schedulers that are asked for out of a suite. Those that are part of the kernel have no programs. */
static int take_declared(struct making *m, struct suite *from, struct err **err)
{
	for (size_t i = 0; i < from->schedulers; i++) {
		struct sched_decl *s = &from->scheduler[i];
		const struct sched_decl *known = known_scheduler(m, s->name);
		if (!s->binary || !is_named(m->request, s->name))
			continue;
		if (known && !same_declaration(known, s))
			return FAIL(
				err, ERR_DATA, -EEXIST,
				"conflicting declarations for scheduler '%s': it is declared differently in '%s' and "
				"'%s'",
				s->name, m->origin[known - m->suite.scheduler], from->path);
		if (known)
			continue;
		*add_scheduler(m, from->path) = *s;
		*s = (struct sched_decl){ 0 };
	}
	return 0;
}

/* A scheduler that is not declared: a program with its defaults. */
static int add_program(struct making *m, const char *binary, struct err **err)
{
	const char *name = path_basename(binary);
	if (test_name_problem(name))
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "'%s' cannot be the name of a scheduler: use letters, digits, and _ . + -", name);
	if (known_scheduler(m, name))
		return FAIL(err, ERR_USAGE, -EEXIST, "there are two schedulers of the name '%s'", name);
	struct sched_decl *s = add_scheduler(m, NULL);
	s->name = strdup(name);
	s->binary = strdup(binary);
	s->attach_timeout_s = KTSTR_ATTACH_TIMEOUT_S;
	return s->name && s->binary ? 0 : -ENOMEM;
}

static int find_schedulers(struct making *m, struct suite *from, size_t count, struct err **err)
{
	const struct cells_request *q = m->request;
	int r = 0;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = take_declared(m, &from[i], err);
	for (size_t i = 0; r == 0 && q->names && q->names[i]; i++)
		if (!known_scheduler(m, q->names[i]))
			r = add_program(m, q->names[i], err);
	for (size_t i = 0; r == 0 && q->programs && q->programs[i]; i++)
		r = add_program(m, q->programs[i], err);
	if (r == 0 && !m->suite.schedulers)
		return FAIL(err, ERR_USAGE, -ENOENT,
			    "no scheduler is declared there; name a program, as in 'ktstr verifier ./scx_mine'");
	return r;
}

/* --- tests -------------------------------------------------------------------------------------------------------- */

/* A cell is judged by progress alone, whatever the declaration of its scheduler says. */
static struct ktstr_checks cell_checks(void)
{
	struct ktstr_checks c = { .not_stuck = KTSTR_ON,
				  .isolation = KTSTR_OFF,
				  .fail_on_stall = KTSTR_OFF,
				  .enforce = KTSTR_OFF,
				  .gate_on_tcg = KTSTR_OFF };
#define X(name) c.name = KTSTR_OFF;
	KTSTR_LIMIT_CHECKS(X)
	KTSTR_MONITOR_LIMIT_CHECKS(X)
#undef X
	return c;
}

static struct cell_decl *new_cell(const struct sched_decl *s, const char *origin, const char *profile)
{
	struct cell_decl *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->profile = profile ? strdup(profile) : NULL;
	c->origin = origin ? strdup(origin) : NULL;
	if (asprintf(&c->label, "%s%s%s", s->name, profile ? "+" : "", profile ?: "") < 0)
		c->label = NULL;
	return c;
}

static int add_test(struct making *m, size_t scheduler, struct cell_profile *profile)
{
	const struct sched_decl *s = &m->suite.scheduler[scheduler];
	struct test_decl *more = realloc(m->suite.test, (m->suite.tests + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	m->suite.test = more;
	struct test_decl *t = &more[m->suite.tests++];
	*t = (struct test_decl){
		.name = strdup(CELL_TEST),
		.file = strdup(m->origin[scheduler] ?: s->binary),
		.problem = s->problem ? strdup(s->problem) : NULL,
		.scheduler = s,
		.topology = { 1, 1, 1, 1 },
		.duration = CELL_DURATION,
		.no_perf_mode = true,
		.workers_per_cgroup = 2,
		.sched_args = profile ? TAKE_PTR(profile->args) : NULL,
		.checks = cell_checks(),
		.binary = m->request->program,
		.cell = new_cell(s, m->origin[scheduler], profile ? profile->name : NULL),
	};
	return t->name && t->file && t->cell && t->cell->label ? 0 : -ENOMEM;
}

static int add_tests(struct making *m, size_t scheduler, struct err **err)
{
	const struct cells_request *q = m->request;
	struct cell_profiles profiles = { 0 };
	int r = q->profiles ? q->profiles(q->arg, &m->suite.scheduler[scheduler], m->origin[scheduler], &profiles, err)
			    : 0;
	if (r == 0 && !profiles.count)
		r = add_test(m, scheduler, NULL);
	for (size_t i = 0; r == 0 && i < profiles.count; i++)
		r = add_test(m, scheduler, &profiles.item[i]);
	cell_profiles_done(&profiles);
	return r;
}

static size_t count_schedulers(const struct suite *from, size_t count, const struct cells_request *q)
{
	size_t sum = 0;
	for (size_t i = 0; i < count; i++)
		sum += from[i].schedulers;
	for (size_t i = 0; q->names && q->names[i]; i++)
		sum++;
	for (size_t i = 0; q->programs && q->programs[i]; i++)
		sum++;
	return sum;
}

int cells_suite(struct suite *from, size_t count, const struct cells_request *q, struct suite *ret, struct err **err)
{
	struct making m = { .request = q, .room = count_schedulers(from, count, q) + 1 };
	m.suite.path = strdup(CELLS_SUITE);
	m.suite.scheduler = calloc(m.room, sizeof(*m.suite.scheduler));
	m.origin = calloc(m.room, sizeof(*m.origin));
	int r = m.suite.path && m.suite.scheduler && m.origin ? 0 : -ENOMEM;
	if (r == 0)
		r = find_schedulers(&m, from, count, err);
	for (size_t i = 0; r == 0 && i < m.suite.schedulers; i++)
		r = add_tests(&m, i, err);
	free(m.origin);
	if (r == -ENOMEM)
		FAIL_SYS(err, r, "plan the verifier sweep");
	if (r < 0)
		suite_done(&m.suite);
	*ret = m.suite;
	return r;
}

/* --- which cells there are ---------------------------------------------------------------------------------------- */

bool cell_admits_kernel(const struct test_decl *t, const struct kernel *k)
{
	char **kernels = t->scheduler->kernels;
	for (size_t i = 0; kernels && kernels[i]; i++)
		if (kernels_name(kernels[i], k, /* literal_end= */ true))
			return true;
	return !kernels || !*kernels;
}

/* Of a constraint that is not set, only the upper bound matters: there is none. */
bool cell_admits_preset(const struct test_decl *t, const struct preset *p)
{
	struct ktstr_constraints c = t->scheduler->constraints;
	char **excluded = t->scheduler->verifier_exclude_topologies, why[120];
	for (size_t i = 0; excluded && excluded[i]; i++)
		if (preset_find(excluded[i]) == p)
			return false;
	c.max_llcs = c.max_llcs ?: UINT_MAX;
	c.max_cpus = c.max_cpus ?: UINT_MAX;
	c.max_numa_nodes = c.max_numa_nodes ?: UINT_MAX;
	return !preset_refused(p, &c, why, sizeof(why));
}
