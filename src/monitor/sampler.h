/* SPDX-License-Identifier: GPL-2.0-only */
/* sampler.h -- the inside of struct sampler (sample.h), for the files that read samples. */
#ifndef KTSTR_MONITOR_SAMPLER_H
#define KTSTR_MONITOR_SAMPLER_H

#include "monitor/program_code.h"
#include "monitor/sample.h"

struct sampler_event {
	char name[48];
	struct field field; /* in struct scx_event_stats */
};

/* Of control groups, from one object to the next. */
struct cgroup_fields {
	struct field psi, subsystem, cset_links, link_node, link_cset, nr_tasks, rstat, usage, shares;
};

struct program_fields {
	struct field type, aux, stats, verified_insns, id, name, cnt, nsecs, misses, idr_array;
	struct program_code_fields code;
	int64_t struct_ops; /* number of this program type; -1: unknown */
};

struct sampler {
	const struct kernel_image *image;
	struct field cpu[CPU_VALUE_COUNT], domain[DOMAIN_VALUE_COUNT], scx[SCX_VALUE_COUNT];
	const char *scx_variable[SCX_VALUE_COUNT]; /* NULL: none */
	struct field sd, parent, curr, pid, comm, scx_name;
	struct field psi_total, psi_average;
	int64_t psi_place[PSI_VALUE_COUNT]; /* -1: absent */
	uint32_t domain_bytes, event_bytes;
	unsigned events;
	struct sampler_event event[SAMPLE_EVENTS_MAX];
	struct field event_pointer; /* per-CPU pointer in struct scx_sched */
	uint32_t event_offset;	    /* of struct scx_event_stats from there */
	struct cgroup_fields cgroup;
	struct program_fields program;
};

/* The member @f in a copy of its object of @size bytes; false: absent, or outside. */
bool sampler_extract(const uint8_t *copy, size_t size, struct field f, uint64_t *ret);
/* sample_psi.c */
void sampler_find_psi(struct sampler *s);
/* Pressure of the group at @group into @ret; absent values stay absent. */
void sampler_read_psi(const struct sampler *s, struct view *v, uint64_t group, struct psi_sample *ret);

/*
 * sample_running.c: whether what @a found through pointers is what a later reading @b found there. Of what may differ,
 * @a loses what it cannot be sure of.
 */
bool sample_is_steady(struct sample *a, const struct sample *b, unsigned parts);

/* sample_cgroups.c, sample_programs.c: fill their parts of a sample. */
void sampler_find_cgroups(struct sampler *s);
int sampler_read_cgroups(const struct sampler *s, struct view *v, const char *path, struct sample *ret);
void sampler_find_programs(struct sampler *s);
int sampler_read_programs(const struct sampler *s, struct view *v, struct sample *ret);

#endif
