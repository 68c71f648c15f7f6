/* SPDX-License-Identifier: GPL-2.0-only */
/* What builds leave behind: ninja's log of dependencies, and rules as compilers and make write them. */
#include <string.h>

#include "affected/graph.h"
#include "fuzz.h"

static void take(void *data, const char *output, const char *input)
{
	struct graph *g = data;
	if (!*output || !*input)
		abort();
	graph_add(g, "/top/build", output, input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct graph g;
	json_auto_t *found = json_object();
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (graph_init(&g) < 0)
		abort();
	ninja_deps_parse(data, size, take, &g);
	buf_append(&text, data, size);
	rules_parse(buf_str(&text), take, &g);
	graph_closure(&g, "/top/build/a", &found);
	graph_done(&g);
	return 0;
}
