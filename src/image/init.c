/* SPDX-License-Identifier: GPL-2.0-only */
/* init.c -- see init.h. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/file.h"
#include "image/init.h"

#define INIT_NAME "ktstr-init"

/* The directory of the program that runs, without a slash at its end; "": unknown. */
static void own_dir(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
	out[MAX_OF(n, 0)] = '\0';
	char *slash = strrchr(out, '/');
	if (slash)
		*slash = '\0';
}

static int not_found(const char *name, const char *dir, struct err **err)
{
	FAIL(err, ERR_MISSING, -ENOENT, "there is no " INIT_NAME " for %s guests%s%s", name, dir ? " in " : "",
	     dir ?: "");
	if (err)
		err_hint(*err,
			 "make it with 'meson setup build-%s --cross-file cross/%s.ini' and ninja, or name its "
			 "directory "
			 "in KTSTR_GUEST_DIR",
			 name, name);
	return -ENOENT;
}

int init_find(enum arch arch, char **ret, struct err **err)
{
	const char *named = environment_get(ENV_GUEST_DIR), *name = arch_names[arch].name;
	char dir[PATH_MAX], path[PATH_MAX + 64];
	*ret = NULL;
	if (arch == arch_host())
		return 0;
	if (named) {
		*ret = path_join(named, INIT_NAME);
		return !*ret ? -ENOMEM : path_exists(*ret) ? 0 : not_found(name, named, err);
	}
	own_dir(dir);
	for (unsigned i = 0; i < 2 && !*ret; i++) {
		snprintf(path, sizeof(path), i ? "%s-%s/" INIT_NAME : "%s/../lib/ktstr/%s/" INIT_NAME, dir, name);
		if (path_exists(path) && !(*ret = strdup(path)))
			return -ENOMEM;
	}
	return *ret ? 0 : not_found(name, NULL, err);
}
