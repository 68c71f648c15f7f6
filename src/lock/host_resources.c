/* SPDX-License-Identifier: GPL-2.0-only */
/* host_resources.c -- see host_resources.h. */
#include <stdio.h>
#include <stdlib.h>

#include "lock/host_resources.h"

/* Without sysfs: one node, one cache, and one core per CPU. */
static int guess_host(const struct cpuset_bits *allowed, struct host *ret, struct err **err)
{
	struct host_raw *raw = calloc(1, sizeof(*raw));
	if (!raw)
		return -ENOMEM;
	raw->present = raw->online = *allowed;
	int r = host_build(raw, ret, err);
	free(raw);
	return r;
}

static int read_host(struct host_resources *d, const char *root, struct cpuset_bits *allowed, struct err **err)
{
	_cleanup_err_ struct err *why = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = cpus_allowed(allowed, err);
	if (r < 0 || host_read(root ?: "", &d->host, &why) == 0)
		return r;
	err_format(why, &text);
	snprintf(d->note, sizeof(d->note), "%s; assuming that all CPUs share one cache", buf_str(&text));
	return guess_host(allowed, &d->host, err);
}

static int open_all(struct reactor *r, const struct host_resources_config *config, struct host_resources *d,
		    struct err **err)
{
	struct admit_config admit = { .host = &d->host,
				      .memory_mib = config->memory_mib,
				      .memory_note = config->memory_note,
				      .free_mib = config->free_mib,
				      .cpus = config->cpus,
				      .claims = config->claims,
				      .give_up = config->give_up };
	int result = read_host(d, config->root, &admit.allowed, err);
	if (result == 0 && !config->bypass)
		result = lock_dir_open(config->lock_dir ?: lock_dir_path(), NULL, &d->dir, err);
	if (result < 0)
		return result;
	struct cpuset_bits usable = set_and(&admit.allowed, &d->host.online);
	d->cpus = cpuset_count(&usable);
	admit.dir = config->bypass ? NULL : &d->dir;
	return admit_start(r, &d->admit, &admit, err);
}

int host_resources_open(struct reactor *r, const struct host_resources_config *config, struct host_resources *ret,
			struct err **err)
{
	*ret = (struct host_resources){ .dir = LOCK_DIR_NULL };
	int result = open_all(r, config, ret, err);
	if (result == 0) {
		ret->open = true;
		return 0;
	}
	host_done(&ret->host);
	lock_dir_done(&ret->dir);
	return result;
}

void host_resources_close(struct host_resources *d)
{
	if (!d->open)
		return;
	admit_stop(&d->admit);
	host_done(&d->host);
	lock_dir_done(&d->dir);
	d->open = false;
}
