/* SPDX-License-Identifier: GPL-2.0-only */
/* tool.c -- see tool.h. */
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/tool.h"

#define CLANG_OLDEST 14
#define CLANG_NEWEST 40 /* not released yet: whatever comes until then is found */

char *tool_find(const char *name)
{
	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? strdup(name) : NULL;
	const char *path = environment_get(ENV_PATH);
	for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
		size_t len = strcspn(p, ":");
		_cleanup_free_ char *dir = strndup(p, len);
		char *full = dir && len ? path_join(dir, name) : NULL;
		if (full && access(full, X_OK) == 0 && !path_is_dir(full))
			return full;
		free(full);
		p += len + (p[len] == ':');
	}
	return NULL;
}

/* BPF programs of newer kernels need newer compilers: type tags need clang 15, arenas of Linux 7.3 more than 16. */
char *tool_clang(void)
{
	for (unsigned version = CLANG_NEWEST; version >= CLANG_OLDEST; version--) {
		char name[16];
		snprintf(name, sizeof(name), "clang-%u", version);
		_cleanup_free_ char *path = tool_find(name);
		if (path)
			return strdup(name);
	}
	_cleanup_free_ char *plain = tool_find("clang");
	return plain ? strdup("clang") : NULL;
}

int tools_require(const struct tool *tools, const char *purpose, struct err **err)
{
	for (const struct tool *t = tools; t->name; t++) {
		_cleanup_free_ char *path = tool_find(t->name);
		if (path)
			continue;
		FAIL(err, ERR_MISSING, -ENOENT, "%s needs '%s', which is not installed", purpose, t->name);
		if (err)
			err_hint(*err, "install it (Debian: %s)", t->package);
		return -ENOENT;
	}
	return 0;
}
