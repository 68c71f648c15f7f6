/* SPDX-License-Identifier: GPL-2.0-only */
/* device_decl.c -- see device_decl.h. */
#include "run/device_decl.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/parse.h"

#define DISK_BYTES_MAX	 ((uint64_t)1 << 40)
#define DISK_BYTES_UNIT	 4096
#define INTERFACE_LETTER "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

static int parse_disk(const json_t *o, struct device_decl *d, struct err **err)
{
	const char *bytes = json_string_value(json_object_get(o, "bytes"));
	if (!bytes || parse_u64(bytes, &d->disk_bytes) < 0 || !d->disk_bytes || d->disk_bytes > DISK_BYTES_MAX ||
	    d->disk_bytes % DISK_BYTES_UNIT)
		return FAIL(err, ERR_DATA, -EBADMSG, "bytes: must be a multiple of %d up to 1 TiB, as text",
			    DISK_BYTES_UNIT);
	int r = list_get_optional(o, "fs", &d->fs);
	if (r == 0)
		r = list_get_optional(o, "mount", &d->mount);
	if (r == 0)
		r = list_get_bool(o, "ro", &d->disk_ro, err);
	if (r == 0 && d->fs && strcmp(d->fs, "ext4"))
		r = FAIL(err, ERR_DATA, -EBADMSG, "fs: '%s' is not known", d->fs);
	if (r == 0 && d->mount && (!d->fs || d->mount[0] != '/' || strchr(d->mount, '\n')))
		r = FAIL(err, ERR_DATA, -EBADMSG, "mount: must be an absolute path, of a disk with a file system");
	return r;
}

static int parse_networks(const json_t *list, struct device_decl *d, struct err **err)
{
	if (json_array_size(list) > KTSTR_NETWORKS_MAX)
		return FAIL(err, ERR_DATA, -E2BIG, "networks: more than %d", KTSTR_NETWORKS_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		char **name = &d->network[d->networks++];
		int r = list_get_name(json_array_get(list, i), "name", name, err);
		if (r == 0 && (!**name || strspn(*name, INTERFACE_LETTER) != strlen(*name)))
			r = FAIL(err, ERR_DATA, -EBADMSG, "name: '%s' is not the name of an interface", *name);
		if (r < 0)
			return err_wrap(err, r, "networks[%zu]", i);
	}
	return 0;
}

static json_t *disk_json(const struct device_decl *d)
{
	json_t *o = json_object();
	json_put_u64(&o, "bytes", d->disk_bytes);
	json_put_text(&o, "fs", d->fs);
	json_put_text(&o, "mount", d->mount);
	json_put_bool(&o, "ro", d->disk_ro);
	return o;
}

static int make_json(struct device_decl *d)
{
	json_t *networks = json_array();
	for (unsigned i = 0; i < d->networks; i++)
		json_add(&networks, json_string(d->network[i]));
	d->json = json_object();
	json_put(&d->json, "disk", d->disk_bytes ? disk_json(d) : json_null());
	json_put(&d->json, "networks", networks);
	json_put_bool(&d->json, "pci", d->pci);
	return d->json ? 0 : -ENOMEM;
}

int device_decl_parse(const json_t *o, struct device_decl *ret, struct err **err)
{
	const json_t *disk = json_object_get(o, "disk");
	int r = disk ? parse_disk(disk, ret, err) : 0;
	if (r < 0)
		return err_wrap(err, r, "disk");
	r = parse_networks(json_object_get(o, "networks"), ret, err);
	if (r == 0)
		r = list_get_bool(o, "pci", &ret->pci, err);
	return r == 0 && device_decl_any(ret) ? make_json(ret) : r;
}

void device_decl_done(struct device_decl *d)
{
	free(d->fs);
	free(d->mount);
	json_decref(d->json);
	for (unsigned i = 0; i < d->networks; i++)
		free(d->network[i]);
	*d = (struct device_decl){ 0 };
}

bool device_decl_any(const struct device_decl *d)
{
	return d->disk_bytes || d->networks || d->pci;
}

void device_decl_describe(const struct device_decl *d, struct buf *out)
{
	if (d->disk_bytes)
		buf_appendf(out, "disk %lu %s %s %s", d->disk_bytes, d->fs ?: "raw", d->mount ?: "-",
			    d->disk_ro ? "ro" : "rw");
	for (unsigned i = 0; i < d->networks; i++)
		buf_appendf(out, " network %s", d->network[i]);
	if (d->pci)
		buf_puts(out, " pci");
}
