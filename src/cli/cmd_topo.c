/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_topo.c -- ktstr topo: the host's nodes, last-level caches and cores; the preset topologies of guests. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "lock/render.h"
#include "topo/presets.h"

#define PRESET_COLUMNS 26

struct topo_args {
	bool json, presets;
	const char *root;
};

static const struct option_row topo_options[] = {
	ROW_JSON(struct topo_args, "print as JSON"),
	OPT_FLAG(struct topo_args, presets, "presets", 0,
		 "show the preset topologies that guests can have, instead of this machine's"),
	OPT_STRING(struct topo_args, root, "root", 0, "DIR", "read a copy of another host's sysfs below DIR"),
	OPT_END,
};

static void put_preset(const struct preset *p, struct buf *out)
{
	char topology[TOPOLOGY_TEXT_MAX];
	text_append_columns(out, p->name, PRESET_COLUMNS, /* pad= */ true);
	buf_appendf(out, "%4u CPUs  %s", preset_cpus(p), topology_format(&p->topology, topology));
	if (p->last_llc_cores)
		buf_appendf(out, ", but the last cache has %u cores", p->last_llc_cores);
	buf_puts(out, p->verifier_only ? "; only 'ktstr verifier' has it\n" : "\n");
}

static json_t *preset_json(const struct preset *p)
{
	char topology[TOPOLOGY_TEXT_MAX];
	json_t *o = json_object();
	json_put_text(&o, "name", p->name);
	json_put_text(&o, "former_name", p->old);
	json_put_text(&o, "topology", topology_format(&p->topology, topology));
	json_put_u64(&o, "cpus", preset_cpus(p));
	json_put_bool(&o, "verifier_only", p->verifier_only);
	return o;
}

static int show_presets(bool json)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	json_t *all = json_array();
	for (const struct preset *p = presets; p->name; p++) {
		json_add(&all, preset_json(p));
		if (!json)
			put_preset(p, &out);
	}
	if (json)
		json_print(all, true, &out);
	json_decref(all);
	if (out.failed)
		return -ENOMEM;
	out_buf(&out);
	return 0;
}

static int run_topo(void *args, struct err **err)
{
	const struct topo_args *a = args;
	if (a->presets)
		return show_presets(a->json);
	struct host h = HOST_NULL;
	struct cpuset_bits allowed = { 0 };
	struct term t = term_probe(STDOUT_FILENO);
	_cleanup_buf_ struct buf out = BUF_NULL;
	int r = host_read(a->root ? a->root : "", &h, err);
	if (r < 0)
		return r;
	allowed = h.online;
	if (!a->root)
		r = cpus_allowed(&allowed, err);
	if (r == 0) {
		if (a->json)
			host_render_json(&h, &allowed, &out);
		else
			host_render_text(&h, &allowed, &t, &out);
		out_buf(&out);
	}
	host_done(&h);
	return r;
}

const struct command cmd_topo = {
	.name = "topo",
	.group = GROUP_HOST,
	.summary = "Show this machine's nodes, last-level caches and cores",
	.text = "Machines and builds are placed by this topology. Cores are in brackets, CPUs that this process may "
		"not "
		"use are in parentheses, slow cores have a quote behind them. Contradictions in sysfs are listed at "
		"the end.",
	.option = topo_options,
	.size = sizeof(struct topo_args),
	.run = run_topo,
};
