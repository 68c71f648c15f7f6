/* SPDX-License-Identifier: GPL-2.0-only */
/* device_fds.c -- see device_fds.h. */
#include "vmm/kvm/device_fds.h"

#include "vmm/kvm/config.h"

static struct vm_devices devices_of(const struct vm_config *c)
{
	struct vm_devices d = c->devices ? *c->devices : (struct vm_devices){ .bulk_out = -1 };
	if (c->terminal) {
		d.console = true;
		d.console_in = d.console_out = *c->terminal;
		d.bulk_out = -1;
	}
	return d;
}

struct vm_devices device_fds_of(const struct vm_config *c, struct child_fd *fds, unsigned *count)
{
	const struct vm_devices here = devices_of(c);
	struct vm_devices there = here;
	struct {
		bool used;
		int *fd, number;
	} rows[DEVICE_FDS_MAX] = {
		{ here.console && here.console_in >= 0, &there.console_in, VMM_FD_HVC_IN },
		{ here.console && here.console_out >= 0, &there.console_out, VMM_FD_HVC_OUT },
		{ here.console && here.bulk_out >= 0, &there.bulk_out, VMM_FD_BULK_OUT },
		{ here.disk, &there.disk_fd, VMM_FD_DISK },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].used)
			fds[(*count)++] = (struct child_fd){ *rows[i].fd, rows[i].number };
		*rows[i].fd = rows[i].used ? rows[i].number : -1;
	}
	return there;
}
