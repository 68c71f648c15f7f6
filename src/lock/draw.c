/* SPDX-License-Identifier: GPL-2.0-only */
/* draw.c -- the host of `ktstr topo`; see render.h. */
#include <string.h>

#include "base/text.h"
#include "lock/render.h"

static void put_list(const struct cpuset_bits *set, struct buf *out)
{
	const char *separator = "";
	buf_puts(out, "[");
	set_for_each(cpu, set) {
		buf_appendf(out, "%s%u", separator, cpu);
		separator = ", ";
	}
	buf_puts(out, "]");
}

static unsigned count_digits(unsigned n)
{
	return n < 10 ? 1 : 1 + count_digits(n / 10);
}

/* One core: its CPUs, in parentheses when not allowed; a small core ends with a quote. */
static void put_core(const struct host *h, const struct cpuset_bits *allowed, unsigned cpu, struct cpuset_bits *left,
		     unsigned wide, struct buf *out)
{
	const char *separator = "";
	for (unsigned c = cpu; c < SET_END; c = set_next(left, c + 1)) {
		if (h->cpu[c].core != h->cpu[cpu].core)
			continue;
		bool usable = cpuset_has(allowed, c);
		buf_appendf(out, usable ? "%s%*u" : "%s(%*u)", separator, (int)wide, c);
		separator = " ";
		set_remove(left, c);
	}
	if (h->cpu[cpu].capacity < 1024)
		buf_puts(out, "'");
}

static void put_cores(const struct host *h, const struct cpuset_bits *allowed, const struct host_cell *cell,
		      const struct term *t, struct buf *out)
{
	struct cpuset_bits left = cell->cpus;
	unsigned at = 6, wide = 1;
	set_for_each(cpu, &h->online)
		wide = count_digits(cpu);
	buf_puts(out, "      ");
	for (unsigned cpu = set_next(&left, 0); cpu < SET_END; cpu = set_next(&left, cpu)) {
		_cleanup_buf_ struct buf core = BUF_NULL;
		put_core(h, allowed, cpu, &left, wide, &core);
		if (at > 6 && at + core.len + 2 > t->columns) {
			buf_puts(out, "\n      ");
			at = 6;
		}
		buf_appendf(out, "[%s]", buf_str(&core));
		at += (unsigned)core.len + 2;
	}
	buf_puts(out, "\n");
}

static void put_node(const struct host *h, const struct cpuset_bits *allowed, unsigned node, const struct term *t,
		     struct buf *out)
{
	const struct host_node *n = &h->node[node];
	buf_appendf(out, "%snode %u%s", term_style(t, TERM_NAME), n->id, term_plain(t));
	if (n->memory_kib > 1)
		buf_appendf(out, "  %lu MiB", n->memory_kib / 1024);
	else if (!n->memory_kib)
		buf_puts(out, "  no memory");
	if (set_empty(&n->cpus))
		buf_puts(out, "  no CPU");
	if (h->nodes > 1) {
		buf_puts(out, "  distances");
		for (unsigned other = 0; other < h->nodes; other++)
			buf_appendf(out, " %u", n->distance[other]);
	}
	buf_puts(out, "\n");
	for (unsigned i = 0; i < h->cells; i++) {
		const struct host_cell *c = &h->cell[i];
		if (c->node != node)
			continue;
		const struct host_llc *llc = &h->llc[c->llc];
		bool part = !set_equal(&llc->cpus, &c->cpus);
		char level[8];
		snprintf(level, sizeof(level), llc->level ? "L%u" : "?", llc->level);
		buf_appendf(out, "    LLC %u  %s%s  package %u\n", c->llc, level, part ? "  part of it" : "",
			    h->cpu[set_next(&c->cpus, 0)].package);
		put_cores(h, allowed, c, t, out);
	}
}

static unsigned usable_cpus(const struct host *h, const struct cpuset_bits *allowed)
{
	struct cpuset_bits usable = set_and(&h->online, allowed);
	return cpuset_count(&usable);
}

void host_render_text(const struct host *h, const struct cpuset_bits *allowed, const struct term *t, struct buf *out)
{
	unsigned usable = usable_cpus(h, allowed);
	buf_appendf(out, "CPUs:       %u\n", h->cpus);
	buf_appendf(out, "LLCs:       %u\nNUMA nodes: %u\n", h->llcs, h->nodes);
	for (unsigned l = 0; l < h->llcs; l++) {
		buf_appendf(out, "  LLC %u (node %u): ", l, h->node[h->llc[l].node].id);
		put_list(&h->llc[l].cpus, out);
		buf_puts(out, "\n");
	}
	buf_appendf(out, "Cores:      %u\nPackages:   %u\n", h->cores, h->packages);
	if (h->offline)
		buf_appendf(out, "Offline:    %u\n", h->offline);
	if (usable != h->cpus)
		buf_appendf(out, "Allowed:    %u; the others are in parentheses\n", usable);
	buf_puts(out, "\n");
	for (unsigned n = 0; n < h->nodes; n++)
		put_node(h, allowed, n, t, out);
	for (unsigned i = 0; i < h->notes; i++)
		buf_appendf(out, "%snote:%s %s\n", term_style(t, TERM_WARN), term_plain(t), h->note[i]);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void put_set(const struct cpuset_bits *set, struct buf *out)
{
	const char *separator = "";
	buf_puts(out, "[");
	set_for_each(n, set) {
		buf_appendf(out, "%s%u", separator, n);
		separator = ",";
	}
	buf_puts(out, "]");
}

static void put_json_nodes(const struct host *h, struct buf *out)
{
	for (unsigned n = 0; n < h->nodes; n++) {
		buf_appendf(out, "%s{\"node\":%u,\"memory_kib\":%lu,\"cpus\":", n ? "," : "", h->node[n].id,
			    h->node[n].memory_kib);
		put_set(&h->node[n].cpus, out);
		buf_puts(out, ",\"distances\":[");
		for (unsigned m = 0; m < h->nodes; m++)
			buf_appendf(out, "%s%u", m ? "," : "", h->node[n].distance[m]);
		buf_puts(out, "]}");
	}
}

static void put_json_cores(const struct host *h, struct buf *out)
{
	const char *separator = "";
	struct cpuset_bits left = h->online;
	for (unsigned cpu = set_next(&left, 0); cpu < SET_END; cpu = set_next(&left, cpu)) {
		struct cpuset_bits core = { 0 };
		for (unsigned c = cpu; c < SET_END; c = set_next(&left, c + 1))
			if (h->cpu[c].core == h->cpu[cpu].core)
				cpuset_add(&core, c);
		left = set_without(&left, &core);
		buf_appendf(out, "%s{\"core\":%u,\"llc\":%u,\"package\":%u,\"capacity\":%u,\"cpus\":", separator,
			    h->cpu[cpu].core, h->cpu[cpu].llc, h->cpu[cpu].package, h->cpu[cpu].capacity);
		put_set(&core, out);
		buf_puts(out, "}");
		separator = ",";
	}
}

void host_render_json(const struct host *h, const struct cpuset_bits *allowed, struct buf *out)
{
	struct cpuset_bits usable = set_and(&h->online, allowed);
	buf_appendf(out, "{\"cpus\":%u,\"offline\":%u,\"packages\":%u,\"allowed\":", h->cpus, h->offline, h->packages);
	put_set(&usable, out);
	buf_puts(out, ",\"numa_nodes\":[");
	put_json_nodes(h, out);
	buf_puts(out, "],\"llcs\":[");
	for (unsigned l = 0; l < h->llcs; l++) {
		buf_appendf(out, "%s{\"llc_idx\":%u,\"numa_node\":%u,\"level\":%u,\"cpus\":", l ? "," : "", l,
			    h->node[h->llc[l].node].id, h->llc[l].level);
		put_set(&h->llc[l].cpus, out);
		buf_puts(out, "}");
	}
	buf_puts(out, "],\"cores\":[");
	put_json_cores(h, out);
	buf_puts(out, "],\"notes\":[");
	for (unsigned i = 0; i < h->notes; i++) {
		buf_appendf(out, "%s\"", i ? "," : "");
		text_append_json(out, h->note[i], strlen(h->note[i]));
		buf_puts(out, "\"");
	}
	buf_puts(out, "]}\n");
}
