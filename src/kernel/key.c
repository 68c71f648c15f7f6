/* SPDX-License-Identifier: GPL-2.0-only */
/* key.c -- see key.h. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/config.h"
#include "kernel/key.h"
#include "kernel/unpack.h"

void kernel_key_format(const struct kernel_id *id, const char *version, enum arch arch, const char *variant,
		       char ret[KERNEL_KEY_MAX])
{
	const char *name = arch_names[arch].name;
	uint32_t kc = kconfig_lean_hash(arch);
	char ref[64];
	if (id->kind != KERNEL_ID_GIT) {
		snprintf(ret, KERNEL_KEY_MAX, "%s-tarball-%s-kc%08x%s", version, name, kc, variant);
		return;
	}
	snprintf(ref, sizeof(ref), "%s", id->ref);
	for (char *p = ref; *p; p++)
		*p = isalnum((unsigned char)*p) || strchr("._-", *p) ? *p : '_';
	snprintf(ret, KERNEL_KEY_MAX, "%s-git-%.7s-%s-kc%08x%s", ref, id->hash, name, kc, variant);
}

static int find_version(struct kernel_id *id, struct err **err)
{
	char version[VERSION_TEXT_MAX];
	if (id->kind != KERNEL_ID_TARBALL || id->version)
		return 0;
	int r = unpack_peek_version(id->path, /* cancel= */ NULL, version, err);
	if (r < 0)
		return r;
	id->version = strdup(version);
	return id->version ? 0 : -ENOMEM;
}

static bool cache_has(const struct cache *c, const char *key, bool schedulers)
{
	_cleanup_(entry_done) struct cache_entry e = { 0 };
	if (cache_get(c, key, &e) < 0 || e.error_kind || e.status != KCONFIG_MATCHES || cache_check_entry(&e, NULL) < 0)
		return false;
	return !schedulers || e.has_schedulers || kernel_lacks(e.path, "config", "CONFIG_SCHED_CLASS_EXT");
}

int kernel_id_look_up(const struct cache *c, struct kernel_id *id, bool schedulers, struct err **err)
{
	char key[KERNEL_KEY_MAX];
	if (kernel_id_is_ready(id) || id->kind == KERNEL_ID_TREE)
		return 0;
	int r = find_version(id, err);
	if (r < 0)
		return r;
	kernel_key_format(id, id->version ?: "", c->arch, "", key);
	if (!cache_has(c, key, schedulers))
		return 0;
	free(id->key);
	id->key = strdup(key);
	id->kind = KERNEL_ID_CACHED;
	return id->key ? 0 : -ENOMEM;
}
