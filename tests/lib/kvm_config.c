/* SPDX-License-Identifier: GPL-2.0-only */
/* kvm_config.c -- see kvm_config.h. */
#include "base/cleanup.h"
#include "base/file.h"
#include "kvm_config.h"
#include "t.h"
#include "tiny_kernel.h"

void make_config(struct kvm_guest_config *c, struct ktstr_topology topology, const void *code, size_t len)
{
	*c = (struct kvm_guest_config){ .topology = topology,
					.nodes = topology.numa_nodes,
					.initrd_fd = -1,
					.device = "/dev/kvm",
					.cmdline = "none" };
	for (unsigned i = 0; i < c->nodes; i++) {
		c->node[i].size = (uint64_t)192 << 20;
		c->node[i].fd = memfd_new("ram", c->node[i].size);
		ck_assert_int_ge(c->node[i].fd, 0);
	}
	c->kernel_fd = kernel_with(code, len);
	c->console_fd = memfd_new("console", 0);
}

void drop_config(struct kvm_guest_config *c)
{
	for (unsigned i = 0; i < c->nodes; i++)
		fd_close(c->node[i].fd);
	fd_close(c->kernel_fd);
	fd_close(c->initrd_fd);
	fd_close(c->console_fd);
}

int start_guest(struct kvm_guest *g, const struct kvm_sys *sys, struct kvm_guest_config *c)
{
	int r = kvm_guest_init(g, sys, c, NULL);
	return r < 0 ? r : kvm_guest_start(g, NULL);
}

void drop_guest(struct kvm_guest *g, struct kvm_guest_config *c)
{
	kvm_guest_done(g);
	drop_config(c);
}
