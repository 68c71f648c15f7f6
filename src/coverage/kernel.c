/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel.c -- see kernel.h. */
#include <string.h>

#include "base/text.h"
#include "coverage/kernel.h"

/* Linux: kernel/Makefile links sched/ before locking/. Both define tracepoints, whose functions come first. */
#define TEXT_FIRST   "__traceiter_sched_kthread_stop"
#define TEXT_BEHIND  "__traceiter_contention_begin"
#define SCHED_FIRST  "__sched_text_start"
#define SCHED_BEHIND "__mutex_" /* a prefix: of which function is the first depends on the compiler */

/* --- the functions of kernel/sched -------------------------------------------------------------------------------- */

struct search {
	struct kernel_coverage *to;
	uint64_t text_first, text_behind, sched_first;
	bool sched_over;
};

/* Functions that the macros of tracepoints make. */
static bool is_generated(const char *name)
{
	static const char *const prefixes[] = { "__traceiter_", "__probestub_",	     "trace_event_raw_event_",
						"perf_trace_",	"trace_raw_output_", "__bpf_trace_" };
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static void add_name(struct kernel_coverage *k, const char *name)
{
	if (k->functions == k->room) {
		size_t room = k->room ? 2 * k->room : 1024;
		struct kernel_function *function = reallocarray(k->function, room, sizeof(*function));
		k->failed |= !function;
		if (!function)
			return;
		k->function = function;
		k->room = room;
	}
	char *copy = strdup(name);
	k->failed |= !copy;
	if (copy)
		k->function[k->functions++] = (struct kernel_function){ .name = copy };
}

/* By address. */
static void look_at(void *data, uint64_t address, const char *name)
{
	struct search *s = data;
	bool in_text = address >= s->text_first && address < s->text_behind;
	if (address >= s->sched_first && !strncmp(name, SCHED_BEHIND, strlen(SCHED_BEHIND)))
		s->sched_over = true;
	if ((in_text || (address >= s->sched_first && !s->sched_over)) && !is_generated(name))
		add_name(s->to, name);
}

static int by_name(const void *x, const void *y)
{
	const struct kernel_function *a = x, *b = y;
	return strcmp(a->name, b->name);
}

/* Sorted by name. None, if the kernel is laid out in another way than is known here. */
static int find_functions(struct kernel_coverage *k, struct symbols *symbols)
{
	struct search s = { .to = k,
			    .text_first = symbols_find(symbols, TEXT_FIRST),
			    .text_behind = symbols_find(symbols, TEXT_BEHIND),
			    .sched_first = symbols_find(symbols, SCHED_FIRST) };
	if (!s.text_first || s.text_behind <= s.text_first || s.sched_first <= s.text_behind)
		return 0;
	symbols_functions(symbols, look_at, &s);
	if (k->functions)
		qsort(k->function, k->functions, sizeof(*k->function), by_name);
	return k->failed ? -ENOMEM : 0;
}

/* --- what ran ----------------------------------------------------------------------------------------------------- */

static void kernel_coverage_done(struct kernel_coverage *k)
{
	for (size_t i = 0; i < k->functions; i++)
		free(k->function[i].name);
	free(k->function);
	free(k->version);
	*k = (struct kernel_coverage){ 0 };
}

/* NULL: out of memory, or there are too many. */
static struct kernel_coverage *find_kernel(struct kernel_coverages *c, const char *version, struct symbols *symbols)
{
	for (size_t i = 0; i < c->count; i++)
		if (!strcmp(c->item[i].version, version))
			return &c->item[i];
	if (c->count == KERNEL_COVERAGES_MAX) {
		c->left_out++;
		return NULL;
	}
	struct kernel_coverage *k = &c->item[c->count];
	*k = (struct kernel_coverage){ .version = strdup(version) };
	if (!k->version || find_functions(k, symbols) < 0) {
		kernel_coverage_done(k);
		return NULL;
	}
	c->count++;
	return k;
}

/* Functions of one name, which are static in several files, count as one. */
static void note_run(struct kernel_coverage *k, const char *name)
{
	const struct kernel_function wanted = { .name = (char *)(uintptr_t)name };
	struct kernel_function *f =
		k->functions ? bsearch(&wanted, k->function, k->functions, sizeof(wanted), by_name) : NULL;
	if (f)
		f->ran = true;
}

int kernel_coverage_add(struct kernel_coverages *c, const char *version, struct symbols *symbols,
			const struct insns *profile)
{
	pthread_mutex_lock(&c->lock);
	struct kernel_coverage *k = find_kernel(c, version, symbols);
	for (uint32_t i = 0; k && i < profile->paths; i++) {
		const struct insns_path *p = &profile->path[i];
		if (p->in[INSNS_ALL].instructions)
			note_run(k, profile->function[p->function]);
	}
	int r = k || c->left_out ? 0 : -ENOMEM;
	pthread_mutex_unlock(&c->lock);
	return r;
}

void kernel_coverages_done(struct kernel_coverages *c)
{
	for (size_t i = 0; i < c->count; i++)
		kernel_coverage_done(&c->item[i]);
	pthread_mutex_destroy(&c->lock);
	c->count = 0;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static size_t count_run(const struct kernel_coverage *k)
{
	size_t n = 0;
	for (size_t i = 0; i < k->functions; i++)
		n += k->function[i].ran;
	return n;
}

static void put_kernel(const struct kernel_coverage *k, struct buf *out)
{
	if (!k->functions) {
		buf_appendf(out, "\nkernel/sched of %s: its functions are not known\n", k->version);
		return;
	}
	buf_appendf(out, "\nkernel/sched of %s: %zu of %zu functions ran; these did not:\n", k->version, count_run(k),
		    k->functions);
	for (size_t i = 0; i < k->functions; i++)
		if (!k->function[i].ran) {
			buf_puts(out, "  ");
			text_append_line(out, k->function[i].name, strlen(k->function[i].name));
			buf_puts(out, "\n");
		}
}

void kernel_coverage_put_text(const struct kernel_coverages *c, struct buf *out)
{
	for (size_t i = 0; i < c->count; i++)
		put_kernel(&c->item[i], out);
	if (c->left_out)
		buf_appendf(out, "\nmore than %d kernels: the others are left out\n", KERNEL_COVERAGES_MAX);
}

static json_t *kernel_json(const struct kernel_coverage *k)
{
	json_t *o = json_object(), *not_run = json_array();
	for (size_t i = 0; i < k->functions; i++)
		if (!k->function[i].ran)
			json_add(&not_run, json_text(k->function[i].name));
	json_put_text(&o, "version", k->version);
	json_put_u64(&o, "functions", k->functions);
	json_put_u64(&o, "functions_run", count_run(k));
	json_put(&o, "not_run", not_run);
	return o;
}

json_t *kernel_coverage_json(const struct kernel_coverages *c)
{
	json_t *list = json_array();
	for (size_t i = 0; i < c->count; i++)
		json_add(&list, kernel_json(&c->item[i]));
	return list;
}
