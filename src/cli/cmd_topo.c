/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_topo.c -- ktstr topo: the host's nodes, last-level caches and cores. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "lock/render.h"

struct topo_args {
	bool json;
	const char *root;
};

static const struct option_row topo_options[] = {
	ROW_JSON(struct topo_args, "print as JSON"),
	OPT_STRING(struct topo_args, root, "root", 0, "DIR", "read a copy of another host's sysfs below DIR"),
	OPT_END,
};

static int run_topo(void *args, struct err **err)
{
	const struct topo_args *a = args;
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
