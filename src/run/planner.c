/* SPDX-License-Identifier: GPL-2.0-only */
/* planner.c -- see planner.h. */
#include <dirent.h>
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/parse.h"
#include "run/planner.h"
#include "run/rundir.h"
#include "vmm/qemu/qemu.h"

#define SIDECARS_READ_MAX 10000

/* --- partitions --------------------------------------------------------------------------------------------------- */

int partition_parse(const char *text, struct partition *ret, struct err **err)
{
	static const char *const kinds[] = { [PARTITION_COUNT] = "count:", [PARTITION_HASH] = "hash:" };
	static const char slice[] = "slice:"; /* the name of "count" in other tools */
	struct partition p = { 0 };
	char index[16];
	for (unsigned i = PARTITION_COUNT; i <= PARTITION_HASH; i++)
		if (!strncmp(text, kinds[i], strlen(kinds[i])))
			p.kind = (enum partition_kind)i;
	if (!strncmp(text, slice, strlen(slice)))
		p.kind = PARTITION_COUNT;
	const char *numbers = p.kind ? strchr(text, ':') + 1 : "";
	const char *slash = strchr(numbers, '/');
	snprintf(index, sizeof(index), "%.*s", slash ? (int)(slash - numbers) : 0, numbers);
	if (!slash || parse_u32_range(slash + 1, 1, UINT32_MAX, &p.of) < 0 ||
	    parse_u32_range(index, 1, p.of, &p.index) < 0)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "--partition: '%s' is not a valid partition; write slice:1/3, count:1/3 or hash:1/3", text);
	*ret = p;
	return 0;
}

static void case_done(struct plan_case *c)
{
	free(c->name);
	free(c->short_name);
	free(c->scheduler_path);
	free(c->skip);
	free(c->problem);
}

void plan_keep(struct plan *p, const bool *keep)
{
	size_t kept = 0;
	for (size_t i = 0; i < p->count; i++) {
		if (keep[i])
			p->item[kept++] = p->item[i];
		else
			case_done(&p->item[i]);
	}
	p->count = kept;
}

size_t plan_keep_ignored(struct plan *p, bool ignored)
{
	size_t count = p->count, kept = 0;
	for (size_t i = 0; i < count; i++) {
		if (p->item[i].ignored == ignored)
			p->item[kept++] = p->item[i];
		else
			case_done(&p->item[i]);
	}
	p->count = kept;
	return count - kept;
}

static bool in_partition(const struct partition *part, size_t i, const char *name)
{
	struct siphash h;
	if (part->kind == PARTITION_COUNT)
		return i % part->of == part->index - 1;
	siphash_init(&h);
	siphash_string(&h, name);
	return siphash_final(&h) % part->of == part->index - 1;
}

void plan_partition(struct plan *p, const struct partition *part)
{
	size_t kept = 0;
	if (part->kind == PARTITION_NONE)
		return;
	for (size_t i = 0; i < p->count; i++) {
		if (in_partition(part, i, p->item[i].name))
			p->item[kept++] = p->item[i];
		else
			case_done(&p->item[i]);
	}
	p->count = kept;
}

/* --- times -------------------------------------------------------------------------------------------------------- */

/* @parallel: with parallel time on tcg, where each busy CPU costs host time. */
static char *duration_key(const char *backend, bool parallel, const char *name)
{
	char *key = NULL;
	return asprintf(&key, "%s%s %s", backend, parallel ? "-parallel" : "", name) < 0 ? NULL : key;
}

/* An entry is [host ns, time stamp]. Time stamps are RFC 3339 in UTC, so a later one is a greater string. */
void durations_add(json_t *durations, const json_t *sidecar)
{
	const char *name = json_string_value(json_object_get(sidecar, "name"));
	const char *backend = json_string_value(json_object_get(sidecar, "accel"));
	const char *when = json_string_value(json_object_get(sidecar, "timestamp"));
	const char *verdict = json_string_value(json_object_get(sidecar, "verdict"));
	json_int_t wall = json_integer_value(json_object_get(sidecar, "wall_ns"));
	bool parallel = json_integer_value(json_object_get(sidecar, "tcg_lag_ns")) > 0;
	/* Ignore results with dilated time, without a machine, or of interrupted tests. */
	bool dilated = json_integer_value(json_object_get(sidecar, "time_dilation")) > 1;
	bool whole = !dilated && verdict && (!strcmp(verdict, "pass") || !strcmp(verdict, "fail"));
	if (!name || !backend || !when || !whole || wall <= 0)
		return;
	_cleanup_free_ char *key = duration_key(backend, parallel, name);
	const char *known = key ? json_string_value(json_array_get(json_object_get(durations, key), 1)) : NULL;
	json_t *entry = json_array();
	json_add(&entry, json_integer(wall));
	json_add(&entry, json_text(when));
	/* Ignore failures: a missing duration only makes the estimate worse. */
	if (key && entry && (!known || strcmp(known, when) < 0))
		json_object_set(durations, key, entry);
	json_decref(entry);
}

static unsigned read_sidecars(const char *dir, json_t *durations, unsigned left)
{
	DIR *d = opendir(dir);
	for (struct dirent *e; d && left && (e = readdir(d));) {
		if (!is_sidecar_name(e->d_name))
			continue;
		_cleanup_free_ char *path = path_join(dir, e->d_name);
		json_auto_t *sidecar = NULL;
		if (path && json_read_file(path, &sidecar, NULL) == 0)
			durations_add(durations, sidecar);
		left--;
	}
	if (d)
		closedir(d);
	return left;
}

json_t *durations_load(void)
{
	const char *said = environment_get(ENV_SIDECAR_DIR);
	json_t *durations = json_object();
	unsigned left = SIDECARS_READ_MAX;
	if (!durations)
		return NULL;
	if (said) {
		read_sidecars(said, durations, left);
		return durations;
	}
	_cleanup_free_ char *runs = rundir_root();
	DIR *root = runs ? opendir(runs) : NULL;
	for (struct dirent *e; root && left && (e = readdir(root));) {
		_cleanup_free_ char *path = *e->d_name != '.' ? path_join(runs, e->d_name) : NULL;
		if (path && path_is_dir(path))
			left = read_sidecars(path, durations, left);
	}
	if (root)
		closedir(root);
	return durations;
}

/*
 * Seconds to boot and to shut down on tcg, without the test itself, by the number of CPUs; others are interpolated and
 * extrapolated linearly. With a shared clock: measured with bench/presets.py. In parallel time: with bench/parallel.py;
 * with 128 and 240 CPUs, beside a second guest.
 */
struct boot_time {
	unsigned cpus;
	double seconds;
};
static const struct boot_time shared_boot[] = { { 1, 1.5 },  { 16, 1.5 }, { 32, 2 },   { 64, 5 },
						{ 128, 34 }, { 192, 69 }, { 240, 149 } };
static const struct boot_time parallel_boot[] = { { 1, 2 }, { 8, 2.4 }, { 64, 8 }, { 128, 30 }, { 240, 135 } };

static double interpolate(const struct boot_time *known, size_t count, unsigned cpus)
{
	size_t i = 1;
	while (i < count - 1 && cpus > known[i].cpus)
		i++;
	double share = ((double)cpus - known[i - 1].cpus) / (known[i].cpus - known[i - 1].cpus);
	return known[i - 1].seconds + share * (known[i].seconds - known[i - 1].seconds);
}

static double tcg_boot_seconds(unsigned cpus, bool parallel)
{
	return parallel ? interpolate(parallel_boot, ARRAY_SIZE(parallel_boot), cpus)
			: interpolate(shared_boot, ARRAY_SIZE(shared_boot), cpus);
}

/*
 * tcg: the time to boot, plus the test. A guest second is a fixed number of instructions (qemu_icount_shift()), which
 * all CPUs share; with parallel time, of each busy CPU. Most tests keep their CPUs busy.
 */
nsec_t estimate_model(const char *backend, bool parallel, const struct ktstr_topology *t, nsec_t duration,
		      unsigned dilation)
{
	unsigned cpus = topology_cpus(t);
	if (!strcmp(backend, "tcg")) {
		double slowness = parallel ? cpus : 8.0 / (1u << qemu_icount_shift(cpus, false));
		return (nsec_t)(tcg_boot_seconds(cpus, parallel) * 1e9 + (0.2 + 0.5 * slowness) * (double)duration);
	}
	return (12 + (cpus > 16 ? (cpus - 16) / 10 : 0)) * NSEC_PER_SEC + duration * dilation;
}

void plan_estimate(struct plan *p, const char *backend, const json_t *durations)
{
	for (size_t i = 0; i < p->count; i++) {
		struct plan_case *c = &p->item[i];
		_cleanup_free_ char *key = duration_key(backend, c->lag_ns > 0, c->name);
		json_int_t known = json_integer_value(json_array_get(key ? json_object_get(durations, key) : NULL, 0));
		known = c->time_dilation > 1 ? 0 : known;
		if (c->skip || c->problem)
			continue;
		c->estimate_known = known > 0;
		c->estimate = known > 0 ? known
					: estimate_model(backend, c->lag_ns > 0, &c->topology, c->test->duration,
							 c->time_dilation);
		/* Other second runs come with failures, which nobody foresees. */
		if (c->test->expect_auto_repro)
			c->estimate *= 2;
	}
}

/* --- order -------------------------------------------------------------------------------------------------------- */

struct place {
	struct plan_case item;
	size_t at;
	bool scout;
};

/* The shortest cell of a scheduler on a kernel: if its program is no scheduler, the others do not run. */
static bool is_scout(const struct plan *p, size_t at)
{
	const struct plan_case *c = &p->item[at];
	if (!c->test->cell || c->skip || c->problem)
		return false;
	for (size_t i = 0; i < p->count; i++) {
		const struct plan_case *o = &p->item[i];
		if (o->test != c->test || o->kernel != c->kernel || o->skip || o->problem)
			continue;
		if (o->estimate < c->estimate || (o->estimate == c->estimate && i < at))
			return false;
	}
	return true;
}

static int longer_first(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	if (x->scout != y->scout)
		return x->scout ? -1 : 1;
	if (x->item.estimate != y->item.estimate)
		return x->item.estimate < y->item.estimate ? 1 : -1;
	return (x->at > y->at) - (x->at < y->at);
}

void plan_order(struct plan *p)
{
	_cleanup_free_ struct place *sorted = calloc(p->count + 1, sizeof(*sorted));
	if (!sorted)
		return; /* the unsorted plan works as well, but takes longer */
	for (size_t i = 0; i < p->count; i++)
		sorted[i] = (struct place){ p->item[i], i, is_scout(p, i) };
	qsort(sorted, p->count, sizeof(*sorted), longer_first);
	for (size_t i = 0; i < p->count; i++)
		p->item[i] = sorted[i].item;
}

nsec_t plan_makespan(const struct plan *p, unsigned slots)
{
	_cleanup_free_ nsec_t *until = calloc(slots + 1, sizeof(*until));
	nsec_t last = 0;
	for (size_t i = 0; until && slots && i < p->count; i++) {
		unsigned first = 0;
		for (unsigned s = 1; s < slots; s++)
			first = until[s] < until[first] ? s : first;
		until[first] += p->item[i].estimate;
		last = MAX_OF(last, until[first]);
	}
	return last;
}
