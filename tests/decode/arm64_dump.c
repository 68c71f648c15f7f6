/* SPDX-License-Identifier: GPL-2.0-only */
/* arm64_dump TOPOLOGY -- writes the device tree of an arm64 machine to standard output, for dtc(1). */
#include <stdio.h>

#include "base/file.h"
#include "topo/topology.h"
#include "vmm/arm64/devicetree.h"

int main(int argc, char **argv)
{
	struct vm_config c = { .arch = ARCH_AARCH64 };
	_cleanup_buf_ struct buf tree = BUF_NULL;
	if (argc != 2 || topology_parse(argv[1], &c.topology, NULL) < 0)
		return 64;
	int r = devicetree_write(&c, &tree);
	if (r == 0)
		r = fd_write_full(STDOUT_FILENO, tree.data, tree.len);
	if (r < 0)
		fprintf(stderr, "arm64_dump: %d\n", r);
	return r < 0;
}
