/* SPDX-License-Identifier: GPL-2.0-only */
/* devices.c -- see devices.h. */
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "guest/devices.h"
#include "guest/init/devices.h"

#define DISK "/dev/vda"

/* Tells the programs of the test. Negative errno. */
static int link_to(const char *at, const char *target)
{
	if (mkdir(DEVICES_DIR, 0755) < 0 && errno != EEXIST)
		return -errno;
	return symlink(target, at) < 0 ? -errno : 0;
}

/* --- the disk ----------------------------------------------------------------------------------------------------- */

static int mount_disk(struct init *i, const struct device_conf *d)
{
	int r = mkdir_parents(d->mount, 0755, NULL);
	if (r == 0 && mount(DISK, d->mount, d->disk, MS_NOSUID | (d->read_only ? MS_RDONLY : 0), NULL) < 0)
		r = -errno;
	if (r == 0 && !d->read_only)
		r = link_to(DEVICES_MOUNT, d->mount);
	if (r < 0)
		log_error(&i->log, "mount the disk at %s: %s", d->mount,
			  r == -ENODEV ? "this kernel has no such file system" : strerror(-r));
	return r;
}

static int setup_disk(struct init *i, const struct device_conf *d)
{
	if (!path_exists(DISK)) {
		log_error(&i->log, "this kernel has no driver for the disk (CONFIG_VIRTIO_BLK)");
		return -ENODEV;
	}
	if (!strcmp(d->disk, "raw"))
		return link_to(d->read_only ? DEVICES_DISK_RO : DEVICES_DISK, DISK);
	return d->mount ? mount_disk(i, d) : 0;
}

/* --- networks ----------------------------------------------------------------------------------------------------- */

/* The kernel names interfaces in the order of their devices: eth0, eth1, ... */
static int name_interface(int fd, unsigned number, const char *name)
{
	struct ifreq q = { 0 };
	snprintf(q.ifr_name, sizeof(q.ifr_name), "eth%u", number);
	snprintf(q.ifr_newname, sizeof(q.ifr_newname), "%s", name);
	return ioctl(fd, SIOCSIFNAME, &q) < 0 && errno != EEXIST ? -errno : 0;
}

static int switch_on(int fd, const char *name)
{
	struct ifreq q = { .ifr_flags = IFF_UP };
	snprintf(q.ifr_name, sizeof(q.ifr_name), "%s", name);
	return ioctl(fd, SIOCSIFFLAGS, &q) < 0 ? -errno : 0;
}

static int setup_networks(struct init *i, const struct device_conf *d)
{
	_cleanup_buf_ struct buf names = BUF_NULL;
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = fd < 0 ? -errno : 0;
	for (unsigned k = 0; k < d->networks && r == 0; k++) {
		r = name_interface(fd, k, d->network[k]);
		if (r == 0)
			r = switch_on(fd, d->network[k]);
		if (r < 0)
			log_error(&i->log, "switch network '%s' on: %s", d->network[k],
				  r == -ENODEV ? "this kernel has no driver for it (CONFIG_VIRTIO_NET)" : strerror(-r));
		buf_appendf(&names, "%s%s", k ? "," : "", d->network[k]);
	}
	if (r == 0 && mkdir(DEVICES_DIR, 0755) < 0 && errno != EEXIST)
		r = -errno;
	return r == 0 ? file_write_atomic(DEVICES_NETWORKS, names.data, names.len, 0644, NULL) : r;
}

int setup_devices(struct init *i)
{
	const struct device_conf *d = &i->conf.device;
	int r = d->disk ? setup_disk(i, d) : 0;
	return r == 0 && d->networks ? setup_networks(i, d) : r;
}
