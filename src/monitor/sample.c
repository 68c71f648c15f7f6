/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sample.c -- see sample.h: CPUs, their domains, and the state of sched_ext. Objects of which most members
 * are read are copied as a whole, which is both faster and more consistent.
 */
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "monitor/sampler.h"

#define OBJECT_BYTES_MAX 1024

/* --- looking up --------------------------------------------------------------------------------------------------- */

static const struct {
	const char *symbol, *type;
} bases[] = {
#define X(name, symbol, type) { symbol, type },
	CPU_SAMPLE_BASES(X)
#undef X
};

static const struct {
	enum cpu_base base;
	const char *path;
} cpu_rows[] = {
#define X(name, base, path, does) { CPU_BASE_##base, path },
	CPU_SAMPLE_VALUES(X)
#undef X
};

static const char *const domain_rows[] = {
#define X(name, path) path,
	DOMAIN_VALUES(X)
#undef X
};

static const struct {
	const char *variable, *other, *path;
} scx_rows[] = {
#define X(name, variable, other, path) { variable, other, path },
	SCX_VALUES(X)
#undef X
};

static const char *variable_of(const struct sampler *s, unsigned row)
{
	const char *const names[] = { scx_rows[row].variable, scx_rows[row].other };
	for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
		if (*names[i] && symbols_find(s->image->symbols, names[i]))
			return names[i];
	return NULL;
}

static void find_tables(struct sampler *s, const struct types *t)
{
	for (unsigned i = 0; i < CPU_VALUE_COUNT; i++)
		s->cpu[i] = types_field(t, bases[cpu_rows[i].base].type, cpu_rows[i].path);
	for (unsigned i = 0; i < DOMAIN_VALUE_COUNT; i++)
		s->domain[i] = types_field(t, "sched_domain", domain_rows[i]);
	for (unsigned i = 0; i < SCX_VALUE_COUNT; i++) {
		s->scx[i] = types_field(t, "scx_sched", scx_rows[i].path);
		s->scx_variable[i] = variable_of(s, i);
	}
}

/* "SCX_EV_SELECT_CPU_FALLBACK" -> "select_cpu_fallback" */
static void add_event(struct sampler *s, const char *member)
{
	struct sampler_event *e = &s->event[s->events];
	const char *name = strncmp(member, "SCX_EV_", 7) ? member : member + 7;
	text_copy_line(e->name, sizeof(e->name), name, strlen(name));
	for (char *c = e->name; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	e->field = types_field(s->image->types, "scx_event_stats", member);
	if (field_present(e->field))
		s->events++;
}

/* Counters differ from kernel to kernel, so their names come from the kernel, too. */
static void find_events(struct sampler *s, const struct types *t)
{
	struct btf *btf = types_btf(t);
	uint32_t id = types_id(t, "scx_event_stats", BTF_KIND_STRUCT);
	const struct btf_type *type = id ? btf__type_by_id(btf, id) : NULL;
	for (unsigned i = 0; type && i < btf_vlen(type) && s->events < SAMPLE_EVENTS_MAX; i++) {
		const char *name = btf__name_by_offset(btf, btf_members(type)[i].name_off);
		if (name && *name)
			add_event(s, name);
	}
	s->event_bytes = MIN_OF(types_size(t, "scx_event_stats"), (uint32_t)OBJECT_BYTES_MAX);
	/* Linux 6.16 and 6.17 had a pointer to the counters; later ones have one to all that a CPU has. */
	struct field inside = types_field(t, "scx_sched_pcpu", "event_stats");
	s->event_pointer = types_field(t, "scx_sched", field_present(inside) ? "pcpu" : "event_stats_cpu");
	s->event_offset = inside.offset;
	if (!field_present(s->event_pointer))
		s->events = 0;
}

struct sampler *sampler_new(const struct kernel_image *image)
{
	const struct types *t = image->types;
	struct sampler *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->image = image;
	find_tables(s, t);
	find_events(s, t);
	s->sd = types_field(t, "rq", "sd");
	s->parent = types_field(t, "sched_domain", "parent");
	s->domain_bytes = MIN_OF(types_size(t, "sched_domain"), (uint32_t)OBJECT_BYTES_MAX);
	s->curr = types_field(t, "rq", "curr");
	s->pid = types_field(t, "task_struct", "pid");
	s->comm = types_field(t, "task_struct", "comm");
	s->scx_name = types_field(t, "sched_ext_ops", "name");
	sampler_find_psi(s);
	sampler_find_cgroups(s);
	sampler_find_programs(s);
	return s;
}

void sampler_free(struct sampler *s)
{
	free(s);
}

unsigned sampler_events(const struct sampler *s)
{
	return s->events;
}

const char *sampler_event_name(const struct sampler *s, unsigned event)
{
	return s->event[event].name;
}

/* --- CPUs --------------------------------------------------------------------------------------------------------- */

bool sampler_extract(const uint8_t *copy, size_t size, struct field f, uint64_t *ret)
{
	uint64_t value = 0;
	if (!field_present(f) || f.size > sizeof(value) || !f.size || f.offset > size || f.size > size - f.offset)
		return false;
	memcpy(&value, copy + f.offset, f.size);
	*ret = field_value(f, value);
	return true;
}

/* From the smallest domain to the largest; a chain that loops ends with the limit. */
static void read_domains(const struct sampler *s, struct view *v, uint64_t rq, struct cpu_sample *c)
{
	uint8_t copy[OBJECT_BYTES_MAX];
	uint64_t at;
	c->domains = 0;
	if (!view_read_field(v, rq, s->sd, &at))
		return;
	while (at && c->domains < SAMPLE_DOMAINS_MAX && view_read(v, at, copy, s->domain_bytes)) {
		struct domain_sample *d = &c->domain[c->domains++];
		d->has = 0;
		for (unsigned i = 0; i < DOMAIN_VALUE_COUNT; i++)
			if (sampler_extract(copy, s->domain_bytes, s->domain[i], &d->value[i]))
				d->has |= 1ull << i;
		if (!sampler_extract(copy, s->domain_bytes, s->parent, &at))
			return;
	}
}

static void read_current(const struct sampler *s, struct view *v, uint64_t rq, struct cpu_sample *c)
{
	uint64_t task, pid;
	c->current = -1;
	memset(c->comm, 0, sizeof(c->comm));
	if (!view_read_field(v, rq, s->curr, &task) || !task || !view_read_field(v, task, s->pid, &pid))
		return;
	c->current = (int32_t)pid;
	if (field_present(s->comm))
		view_read(v, task + s->comm.offset, c->comm, MIN_OF((size_t)s->comm.size, sizeof(c->comm)));
}

static void read_cpu(const struct sampler *s, struct view *v, const uint64_t *base, struct cpu_sample *c)
{
	c->has = 0;
	for (unsigned i = 0; i < CPU_VALUE_COUNT; i++) {
		uint64_t at = base[cpu_rows[i].base];
		if (at && view_read_field(v, at, s->cpu[i], &c->value[i]))
			c->has |= 1ull << i;
	}
	c->domains = 0;
	c->current = -1;
	if (!base[CPU_BASE_RQ])
		return;
	read_current(s, v, base[CPU_BASE_RQ], c);
	read_domains(s, v, base[CPU_BASE_RQ], c);
}

static int read_cpus(const struct sampler *s, struct view *v, struct sample *ret)
{
	if (ret->cpus != v->cpus) {
		struct cpu_sample *fresh = calloc(v->cpus, sizeof(*fresh));
		if (!fresh)
			return -ENOMEM;
		free(ret->cpu);
		ret->cpu = fresh;
		ret->cpus = v->cpus;
	}
	uint64_t first[CPU_BASE_COUNT], base[CPU_BASE_COUNT];
	bool has[CPU_BASE_COUNT];
	for (unsigned b = 0; b < CPU_BASE_COUNT; b++)
		has[b] = view_per_cpu_template(v, bases[b].symbol, &first[b]);
	for (unsigned cpu = 0; cpu < ret->cpus; cpu++) {
		for (unsigned b = 0; b < CPU_BASE_COUNT; b++)
			base[b] = has[b] ? view_per_cpu_pointer(v, first[b], cpu) : 0;
		read_cpu(s, v, base, &ret->cpu[cpu]);
	}
	return 0;
}

/* --- sched_ext ---------------------------------------------------------------------------------------------------- */

static void read_events(const struct sampler *s, struct view *v, uint64_t root, struct scx_sample *x)
{
	uint8_t copy[OBJECT_BYTES_MAX];
	uint64_t pointer, value;
	memset(x->event, 0, sizeof(x->event));
	x->has_events = s->events && view_read_field(v, root, s->event_pointer, &pointer) && pointer;
	for (unsigned cpu = 0; x->has_events && cpu < v->cpus; cpu++) {
		uint64_t at = view_per_cpu_pointer(v, pointer, cpu);
		if (!at)
			continue;
		if (!view_read(v, at + s->event_offset, copy, s->event_bytes)) {
			x->has_events = false;
			return;
		}
		for (unsigned i = 0; i < s->events; i++)
			if (sampler_extract(copy, s->event_bytes, s->event[i].field, &value))
				x->event[i] = (int64_t)((uint64_t)x->event[i] + value);
	}
}

static void read_scx_name(const struct sampler *s, struct view *v, uint64_t ops, struct scx_sample *x)
{
	if (ops && field_present(s->scx_name))
		view_read(v, ops + s->scx_name.offset, x->name, MIN_OF((size_t)s->scx_name.size, sizeof(x->name)));
	x->name[sizeof(x->name) - 1] = '\0';
}

static void read_scx(const struct sampler *s, struct view *v, struct scx_sample *x)
{
	uint64_t root = 0, variable = view_symbol(v, "scx_root"), ops = view_symbol(v, "scx_ops");
	*x = (struct scx_sample){ 0 };
	if (variable && view_read_u64(v, variable, sizeof(root), &root))
		ops = root; /* struct sched_ext_ops is at its start */
	for (unsigned i = 0; i < SCX_VALUE_COUNT; i++) {
		const char *name = s->scx_variable[i];
		uint64_t size = name ? symbols_size(s->image->symbols, name) : 0;
		/* A static key begins with its number. */
		bool read = name ? view_read_u64(v, view_symbol(v, name), size > 8 ? 4 : (unsigned)size, &x->value[i])
				 : root && view_read_field(v, root, s->scx[i], &x->value[i]);
		if (read)
			x->has |= 1ull << i;
	}
	read_scx_name(s, v, ops, x);
	if (root)
		read_events(s, v, root, x);
}

/* --- a sample ----------------------------------------------------------------------------------------------------- */

int sample_take(const struct sampler *s, struct view *v, unsigned parts, uint64_t at_ns, const char *cgroups,
		struct sample *ret)
{
	uint64_t bad = v->bad_reads, jiffies = view_symbol(v, "jiffies_64");
	int r = v->cpus ? 0 : -EAGAIN;
	if (r == 0 && (parts & SAMPLE_CPUS)) {
		r = read_cpus(s, v, ret);
		sampler_read_psi(s, v, view_symbol(v, "psi_system"), &ret->psi);
		/* The kernel does not define it for the whole system, and shows zeros. */
		ret->psi.has &= ~(1ull << PSI_VALUE_cpu_full);
		read_scx(s, v, &ret->scx);
	}
	if (r == 0 && (parts & SAMPLE_CGROUPS))
		r = sampler_read_cgroups(s, v, cgroups, ret);
	if (r == 0 && (parts & SAMPLE_PROGRAMS))
		r = sampler_read_programs(s, v, ret);
	ret->at_ns = at_ns;
	ret->has_jiffies = jiffies && view_read_u64(v, jiffies, sizeof(ret->jiffies), &ret->jiffies);
	ret->bad_reads = v->bad_reads - bad;
	return r;
}

void sample_done(struct sample *s)
{
	free(s->cpu);
	free(s->cgroup);
	free(s->program);
	*s = (struct sample){ 0 };
}
