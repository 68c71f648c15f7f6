/* SPDX-License-Identifier: GPL-2.0-only */
/* packed_run.c -- see packed_run.h. */
#include "run/packed_run.h"

#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "run/list_json.h"
#include "run/perturb.h"
#include "topo/topology.h"

#define MEMORY_MIB_MAX (UINT64_C(1) << 22)
#define ICOUNT_MAX     10u
#define LAG_NS_MAX     1000000u
#define WATCHDOG_MAX   86400u
#define KARG_BYTES_MAX 1024
#define FAILURES_MAX   16u

const char *const packed_file_names[PACKED_FILES] = {
	[PACKED_KERNEL] = "kernel",
	[PACKED_VMLINUX] = "vmlinux",
	[PACKED_INITRD] = "initramfs",
	[PACKED_SNAPSHOT] = "snapshot",
};

void packed_run_init(struct packed_run *p)
{
	*p = (struct packed_run){ 0 };
	for (unsigned i = 0; i < PACKED_FILES; i++)
		p->file[i].fd = -1;
}

void packed_run_done(struct packed_run *p)
{
	for (unsigned i = 0; i < PACKED_FILES; i++)
		fd_close(p->file[i].fd);
	strings_free(p->kargs);
	free(p->points);
	packed_run_init(p);
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

static void put_hex(json_t **o, const char *key, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof(text), "0x%lx", value);
	json_put_text(o, key, text);
}

static json_t *topology_json(const struct ktstr_topology *t)
{
	char text[TOPOLOGY_TEXT_MAX];
	json_t *o = json_object(), *nodes = json_array(), *distances = json_array();
	unsigned count = ktstr_described_nodes(t->nodes);
	for (unsigned i = 0; i < count; i++) {
		json_t *node = json_object();
		json_put_u64(&node, "llcs", t->nodes[i].llcs);
		json_put_u64(&node, "memory_mib", t->nodes[i].memory_mib);
		json_add(&nodes, node);
	}
	for (unsigned i = 0; i < ARRAY_SIZE(t->distances); i++)
		json_add(&distances, json_integer(t->distances[i]));
	json_put_text(&o, "shape", topology_format(t, text));
	json_put(&o, "nodes", nodes);
	json_put(&o, "distances", distances);
	return o;
}

static json_t *points_json(const struct observe_perturb *p)
{
	json_t *list = json_array();
	for (unsigned i = 0; p->points && i < p->point_count; i++) {
		json_t *point = json_array();
		json_add(&point, json_u64(p->points[i].hit));
		json_add(&point, json_u64(p->points[i].hook));
		json_add(&point, json_u64(p->points[i].hold_ns));
		json_add(&list, point);
	}
	return list;
}

static json_t *branches_json(const struct observe_perturb *p)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < p->branches; i++) {
		json_t *branch = json_object();
		put_hex(&branch, "hit", p->branch[i].hit);
		put_hex(&branch, "seed", p->branch[i].seed);
		json_add(&list, branch);
	}
	return list;
}

static json_t *perturb_json(const struct observe_perturb *p)
{
	json_t *o = json_object();
	put_hex(&o, "seed", p->seed);
	json_put_u64(&o, "one_in", p->one_in);
	json_put_u64(&o, "hold_ns", p->hold_ns);
	json_put_u64(&o, "depth", p->depth);
	json_put_u64(&o, "span_ns", p->span_ns);
	json_put_u64(&o, "at", p->at);
	json_put_u64(&o, "window_ns", p->window_ns);
	json_put(&o, "branches", branches_json(p));
	json_put(&o, "points", p->points ? points_json(p) : json_null());
	return o;
}

static json_t *machine_json(const struct packed_run *p)
{
	json_t *o = json_object();
	json_put(&o, "topology", topology_json(&p->topology));
	json_put_u64(&o, "memory_mib", p->memory_mib);
	put_hex(&o, "seed", p->seed);
	json_put_u64(&o, "initramfs_known", p->initrd_known);
	json_put_u64(&o, "icount_shift", p->icount_shift);
	json_put_u64(&o, "lag_ns", p->lag_ns);
	json_put_u64(&o, "watchdog_s", p->watchdog_s);
	json_put_bool(&o, "late_cpus", p->late_cpus);
	json_put_bool(&o, "verbose", p->verbose);
	json_put_bool(&o, "cloned", p->cloned);
	json_put_bool(&o, "kaslr", p->kaslr);
	json_put_u64(&o, "patience_ns", (uint64_t)p->patience);
	json_put_u64(&o, "boot_deadline_ns", (uint64_t)p->boot_deadline);
	json_put_u64(&o, "setup_deadline_ns", (uint64_t)p->setup_deadline);
	json_put_u64(&o, "run_deadline_ns", (uint64_t)p->run_deadline);
	json_put_texts(&o, "kernel_arguments", (const char *const *)p->kargs);
	json_put(&o, "perturb", perturb_json(&p->perturb));
	return o;
}

static json_t *outcome_json(const struct packed_outcome *p)
{
	json_t *o = json_object();
	json_put_u64(&o, "event_digest", p->digest);
	json_put_u64(&o, "events", p->records);
	json_put_u64(&o, "last_ns", p->last_ns);
	json_put_u64(&o, "failure", p->failure);
	json_put_u64(&o, "failed_ns", p->failed_ns);
	json_put_text(&o, "verdict", p->verdict);
	json_put_text(&o, "cause", p->cause);
	return o;
}

static json_t *origin_json(const struct packed_origin *p)
{
	json_t *o = json_object();
	json_put_text(&o, "qemu", p->qemu);
	json_put_text(&o, "cpu", p->cpu);
	json_put_text(&o, "ktstr", p->ktstr);
	json_put_text(&o, "kernel_version", p->kernel);
	return o;
}

static json_t *files_json(const struct packed_run *p)
{
	json_t *files = json_object();
	for (unsigned i = 0; i < PACKED_FILES; i++) {
		json_t *o = json_object();
		if (p->file[i].fd < 0 && !p->file[i].size) {
			json_decref(o);
			continue;
		}
		json_put_u64(&o, "size", p->file[i].size);
		put_hex(&o, "hash", p->file[i].hash);
		json_put(&files, packed_file_names[i], o);
	}
	return files;
}

json_t *packed_run_json(const struct packed_run *p)
{
	json_t *o = json_object();
	json_put_text(&o, "schema", PACKED_RUN_SCHEMA);
	json_put_u64(&o, "version", PACKED_RUN_VERSION);
	json_put_text(&o, "test", p->test);
	json_put(&o, "machine", machine_json(p));
	json_put(&o, "outcome", outcome_json(&p->outcome));
	json_put(&o, "origin", origin_json(&p->origin));
	json_put(&o, "files", files_json(p));
	return o;
}

/* --- reading: every value is checked, because a pack comes from elsewhere ----------------------------------------- */

/* A number of a member that must be there, at most @most. Remembers the first error. */
struct reader {
	const json_t *object;
	struct err **err;
	int r;
};

static uint64_t get_number(struct reader *d, const char *key, uint64_t most)
{
	uint64_t value = 0;
	if (d->r < 0)
		return 0;
	d->r = json_get_u64(d->object, key, &value, d->err);
	if (d->r == 0 && value > most)
		d->r = FAIL(d->err, ERR_DATA, -EBADMSG, "'%s' is %lu, and may be at most %lu", key, value, most);
	return d->r == 0 ? value : 0;
}

/* A member that packs of earlier versions do not have: 0 there. */
static uint64_t get_later_number(struct reader *d, const char *key, uint64_t most)
{
	return json_object_get(d->object, key) ? get_number(d, key, most) : 0;
}

static uint64_t get_hex(struct reader *d, const char *key)
{
	const char *text = NULL;
	uint64_t value = 0;
	if (d->r == 0)
		d->r = json_get_string(d->object, key, &text, d->err);
	if (d->r == 0 && parse_u64(text, &value) < 0)
		d->r = FAIL(d->err, ERR_DATA, -EBADMSG, "'%s' is not a number", key);
	return d->r == 0 ? value : 0;
}

static bool get_bool(struct reader *d, const char *key)
{
	const json_t *value = json_object_get(d->object, key);
	if (d->r == 0 && !json_is_boolean(value))
		d->r = FAIL(d->err, ERR_DATA, -EBADMSG, "'%s' is not true or false", key);
	return json_is_true(value);
}

static void get_text(struct reader *d, const char *key, char *out, size_t size)
{
	const char *text = NULL;
	if (d->r == 0)
		d->r = json_get_string(d->object, key, &text, d->err);
	if (d->r == 0)
		text_copy_line(out, size, text, strlen(text));
}

/* The member @key, which must be an object. */
static struct reader enter(struct reader *d, const char *key)
{
	struct reader inner = { .object = json_object_get(d->object, key), .err = d->err, .r = d->r };
	if (inner.r == 0 && !json_is_object(inner.object))
		inner.r = FAIL(d->err, ERR_DATA, -EBADMSG, "'%s' is missing", key);
	return inner;
}

static const json_t *get_list(struct reader *d, const char *key, size_t most)
{
	const json_t *list = json_object_get(d->object, key);
	if (d->r == 0 && (!json_is_array(list) || json_array_size(list) > most))
		d->r = FAIL(d->err, ERR_DATA, -EBADMSG, "'%s' is not a list of at most %zu values", key, most);
	return d->r == 0 ? list : NULL;
}

static void read_nodes(struct reader *d, struct ktstr_topology *t)
{
	const json_t *nodes = get_list(d, "nodes", KTSTR_NODES_MAX);
	const json_t *distances = get_list(d, "distances", ARRAY_SIZE(t->distances));
	for (size_t i = 0; d->r == 0 && i < json_array_size(nodes); i++) {
		struct reader node = { .object = json_array_get(nodes, i), .err = d->err };
		t->nodes[i].llcs = (unsigned)get_number(&node, "llcs", UINT16_MAX);
		t->nodes[i].memory_mib = (unsigned)get_number(&node, "memory_mib", MEMORY_MIB_MAX);
		d->r = node.r;
	}
	for (size_t i = 0; d->r == 0 && i < json_array_size(distances); i++) {
		json_int_t value = json_integer_value(json_array_get(distances, i));
		if (value < 0 || value > UINT8_MAX)
			d->r = FAIL(d->err, ERR_DATA, -EBADMSG, "a distance is not from 0 to 255");
		t->distances[i] = (unsigned char)value;
	}
}

static int read_topology(struct reader *machine, struct ktstr_topology *t)
{
	struct reader d = enter(machine, "topology");
	const char *shape = NULL;
	if (d.r == 0)
		d.r = json_get_string(d.object, "shape", &shape, d.err);
	if (d.r == 0)
		d.r = topology_parse(shape, t, d.err);
	read_nodes(&d, t);
	return d.r == 0 ? topology_check(t, d.err) : d.r;
}

static bool read_point(const json_t *json, struct observe_point *p)
{
	json_int_t hit = json_integer_value(json_array_get(json, 0)),
		   hook = json_integer_value(json_array_get(json, 1)),
		   hold = json_integer_value(json_array_get(json, 2));
	*p = (struct observe_point){ (uint64_t)hit, (uint32_t)hook, (uint32_t)hold };
	return json_array_size(json) == 3 && hit >= 0 && hook >= 0 && hook <= UINT32_MAX && hold > 0 &&
	       hold <= OBSERVE_HOLD_NS_MAX;
}

static int read_points(struct reader *d, struct packed_run *p)
{
	const json_t *list = get_list(d, "points", OBSERVE_POINTS_MAX);
	if (d->r < 0)
		return d->r;
	p->points = calloc(json_array_size(list) + 1, sizeof(*p->points));
	if (!p->points)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!read_point(json_array_get(list, i), &p->points[i]) ||
		    (i && p->points[i].hit <= p->points[i - 1].hit))
			return FAIL(d->err, ERR_DATA, -EBADMSG, "point %zu of 'points' is not valid", i);
	}
	p->perturb.points = p->points;
	p->perturb.point_count = (unsigned)json_array_size(list);
	return 0;
}

static int read_branches(struct reader *d, struct observe_perturb *p)
{
	const json_t *list = json_object_get(d->object, "branches");
	if (json_array_size(list) > OBSERVE_BRANCHES_MAX)
		return FAIL(d->err, ERR_DATA, -EBADMSG, "'branches' has more than %d", OBSERVE_BRANCHES_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct reader one = { .object = json_array_get(list, i), .err = d->err };
		p->branch[p->branches++] = (struct observe_branch){ get_hex(&one, "hit"), get_hex(&one, "seed") };
		if (one.r < 0)
			return one.r;
	}
	return d->r;
}

static int read_policy(struct reader *d, struct observe_perturb *p)
{
	p->depth = (uint32_t)get_later_number(d, "depth", OBSERVE_DEPTH_MAX);
	p->span_ns = get_later_number(d, "span_ns", PERTURB_SPAN_NS_MAX);
	p->at = (uint32_t)get_later_number(d, "at", UINT32_MAX);
	p->window_ns = (uint32_t)get_later_number(d, "window_ns", PERTURB_WINDOW_NS_MAX);
	return d->r == 0 ? read_branches(d, p) : d->r;
}

static int read_perturb(struct reader *machine, struct packed_run *p)
{
	struct reader d = enter(machine, "perturb");
	p->perturb.seed = get_hex(&d, "seed");
	p->perturb.one_in = (uint32_t)get_number(&d, "one_in", UINT32_MAX);
	p->perturb.hold_ns = (uint32_t)get_number(&d, "hold_ns", OBSERVE_HOLD_NS_MAX);
	if (d.r == 0)
		d.r = read_policy(&d, &p->perturb);
	if (d.r == 0 && (p->perturb.one_in || p->perturb.depth) && !p->perturb.hold_ns)
		d.r = FAIL(d.err, ERR_DATA, -EBADMSG, "'hold_ns' is 0");
	if (d.r == 0 && !json_is_null(json_object_get(d.object, "points")))
		d.r = read_points(&d, p);
	return d.r;
}

static int read_kargs(struct reader *d, struct packed_run *p)
{
	const json_t *list = get_list(d, "kernel_arguments", PACKED_KARGS_MAX);
	if (d->r < 0)
		return d->r;
	p->kargs = calloc(json_array_size(list) + 1, sizeof(*p->kargs));
	for (size_t i = 0; p->kargs && i < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));
		if (!word || !*word || strlen(word) > KARG_BYTES_MAX || strpbrk(word, " \t\n"))
			return FAIL(d->err, ERR_DATA, -EBADMSG, "argument %zu of the kernel is not one word", i);
		p->kargs[i] = strdup(word);
		if (!p->kargs[i])
			return -ENOMEM;
	}
	return p->kargs ? 0 : -ENOMEM;
}

static nsec_t get_time(struct reader *d, const char *key)
{
	return (nsec_t)get_number(d, key, (uint64_t)24 * 3600 * NSEC_PER_SEC);
}

static int read_machine(struct reader *top, struct packed_run *p)
{
	struct reader d = enter(top, "machine");
	if (d.r == 0)
		d.r = read_topology(&d, &p->topology);
	p->memory_mib = get_number(&d, "memory_mib", MEMORY_MIB_MAX);
	p->seed = get_hex(&d, "seed");
	p->initrd_known = get_number(&d, "initramfs_known", PACKED_FILE_MAX);
	p->icount_shift = (unsigned)get_number(&d, "icount_shift", ICOUNT_MAX);
	p->lag_ns = (unsigned)get_number(&d, "lag_ns", LAG_NS_MAX);
	p->watchdog_s = (unsigned)get_number(&d, "watchdog_s", WATCHDOG_MAX);
	p->late_cpus = get_bool(&d, "late_cpus");
	p->verbose = get_bool(&d, "verbose");
	p->cloned = get_bool(&d, "cloned");
	/* Older packs are of kernels whose place is known. */
	p->kaslr = json_object_get(d.object, "kaslr") && get_bool(&d, "kaslr");
	p->patience = get_time(&d, "patience_ns");
	p->boot_deadline = get_time(&d, "boot_deadline_ns");
	p->setup_deadline = get_time(&d, "setup_deadline_ns");
	p->run_deadline = get_time(&d, "run_deadline_ns");
	if (d.r == 0)
		d.r = read_kargs(&d, p);
	if (d.r == 0)
		d.r = read_perturb(&d, p);
	if (d.r == 0 && p->memory_mib < 64)
		d.r = FAIL(d.err, ERR_DATA, -EBADMSG, "'memory_mib' is less than 64");
	return d.r;
}

static int read_outcome(struct reader *top, struct packed_outcome *o)
{
	struct reader d = enter(top, "outcome");
	o->digest = (uint32_t)get_number(&d, "event_digest", UINT32_MAX);
	o->records = get_number(&d, "events", INT64_MAX);
	o->last_ns = get_number(&d, "last_ns", INT64_MAX);
	o->failure = (unsigned)get_number(&d, "failure", FAILURES_MAX);
	o->failed_ns = get_number(&d, "failed_ns", INT64_MAX);
	get_text(&d, "verdict", o->verdict, sizeof(o->verdict));
	get_text(&d, "cause", o->cause, sizeof(o->cause));
	return d.r;
}

static int read_origin(struct reader *top, struct packed_origin *o)
{
	struct reader d = enter(top, "origin");
	get_text(&d, "qemu", o->qemu, sizeof(o->qemu));
	get_text(&d, "cpu", o->cpu, sizeof(o->cpu));
	get_text(&d, "ktstr", o->ktstr, sizeof(o->ktstr));
	get_text(&d, "kernel_version", o->kernel, sizeof(o->kernel));
	return d.r;
}

static int read_files(struct reader *top, struct packed_run *p)
{
	struct reader files = enter(top, "files");
	for (unsigned i = 0; files.r == 0 && i < PACKED_FILES; i++) {
		bool optional = i == PACKED_VMLINUX || (i == PACKED_SNAPSHOT && !p->cloned);
		if (optional && !json_object_get(files.object, packed_file_names[i]))
			continue;
		struct reader d = enter(&files, packed_file_names[i]);
		p->file[i].size = get_number(&d, "size", PACKED_FILE_MAX);
		p->file[i].hash = get_hex(&d, "hash");
		if (d.r == 0 && !p->file[i].size)
			d.r = FAIL(d.err, ERR_DATA, -EBADMSG, "the file '%s' is empty", packed_file_names[i]);
		files.r = d.r;
	}
	return files.r;
}

int packed_run_parse(const json_t *json, struct packed_run *ret, struct err **err)
{
	struct reader d = { .object = json, .err = err };
	const char *schema = json_string_value(json_object_get(json, "schema"));
	json_int_t version = json_integer_value(json_object_get(json, "version"));
	if (!schema || strcmp(schema, PACKED_RUN_SCHEMA) != 0)
		return FAIL(err, ERR_DATA, -EBADMSG, "it is not a pack");
	if (version != PACKED_RUN_VERSION)
		return FAIL(err, ERR_DATA, -EBADMSG, "it is a pack of version %lld, and this ktstr reads version %d",
			    version, PACKED_RUN_VERSION);
	get_text(&d, "test", ret->test, sizeof(ret->test));
	int r = d.r;
	if (r == 0)
		r = read_machine(&d, ret);
	if (r == 0)
		r = read_outcome(&d, &ret->outcome);
	if (r == 0)
		r = read_origin(&d, &ret->origin);
	return r == 0 ? read_files(&d, ret) : r;
}
