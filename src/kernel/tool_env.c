/* SPDX-License-Identifier: GPL-2.0-only */
/* tool_env.c -- see tool_env.h. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/environment.h"
#include "kernel/tool_env.h"

/* Variables that select a repository and its parts: git-rev-parse(1), --local-env-vars. */
static const char *const git_local[] = {
	"GIT_ALTERNATE_OBJECT_DIRECTORIES",
	"GIT_COMMON_DIR",
	"GIT_CONFIG",
	"GIT_CONFIG_COUNT",
	"GIT_CONFIG_PARAMETERS",
	"GIT_DIR",
	"GIT_GRAFT_FILE",
	"GIT_IMPLICIT_WORK_TREE",
	"GIT_INDEX_FILE",
	"GIT_NAMESPACE",
	"GIT_NO_REPLACE_OBJECTS",
	"GIT_OBJECT_DIRECTORY",
	"GIT_PREFIX",
	"GIT_REPLACE_REF_BASE",
	"GIT_SHALLOW_FILE",
	"GIT_WORK_TREE",
	NULL,
};

static const char *const proxies[] = {
	"http_proxy",  "https_proxy", "ftp_proxy", "all_proxy", "no_proxy", "HTTP_PROXY",
	"HTTPS_PROXY", "FTP_PROXY",   "ALL_PROXY", "NO_PROXY",	NULL,
};

/* Variables that make a kernel's makefiles build something else, or in another place. */
static const char *const steering[] = {
	"ARCH",
	"CC",
	"CROSS_COMPILE",
	"HOSTCC",
	"KBUILD_OUTPUT",
	"KCFLAGS",
	"KCONFIG_ALLCONFIG",
	"KCONFIG_CONFIG",
	"LD",
	"LLVM",
	"LLVM_IAS",
	"M",
	"O",
	"SUBARCH",
	NULL,
};

/* squeue(1), sinfo(1), scancel(1): filters and formats of the user. sbatch(1): what ktstr itself says of its arrays. */
static const char *const slurm_options[] = {
	"SQUEUE_*",	   "SINFO_*",	  "SCANCEL_*",	      "SBATCH_ARRAY_INX",
	"SBATCH_JOB_NAME", "SBATCH_WAIT", "SBATCH_OPEN_MODE", NULL,
};

/* A name that ends with "*" stands for all that begin so. */
static bool is_name(const char *name, const char *setting, size_t len)
{
	size_t own = strlen(name);
	bool begin = own && name[own - 1] == '*';
	return begin ? len >= own - 1 && !strncmp(name, setting, own - 1) : own == len && !strncmp(name, setting, len);
}

static bool names(const char *const *list, const char *setting)
{
	size_t len = strcspn(setting, "=");
	for (; *list; list++)
		if (is_name(*list, setting, len))
			return true;
	return false;
}

static size_t count(const char *const *list)
{
	size_t n = 0;
	while (list && list[n])
		n++;
	return n;
}

/*
 * Appends variables of our environment to @list: those in @wanted, or without @listed those not in @wanted. The caller
 * provides the room.
 */
static void append_own(const char **list, const char *const *wanted, bool listed)
{
	size_t n = count(list);
	for (char **e = environ; e && *e; e++)
		if (names(wanted, *e) == listed)
			list[n++] = *e;
}

static void append(const char **list, const char *const *more)
{
	size_t n = count(list);
	for (size_t i = 0; more && more[i]; i++)
		list[n++] = more[i];
}

const char **tool_environment(enum tool_env kind, const char *const *add)
{
	_cleanup_free_ const char **base = environment_for_make();
	const char **list = calloc(count((const char *const *)environ) + count(base) + count(add) + 1, sizeof(*list));
	if (!base || !list) {
		free(list);
		return NULL;
	}
	switch (kind) {
	case TOOL_ENV_OURS:
		append(list, (const char *const *)environ);
		break;
	case TOOL_ENV_GIT:
		append_own(list, git_local, false);
		break;
	case TOOL_ENV_SLURM:
		append_own(list, slurm_options, false);
		break;
	case TOOL_ENV_DOWNLOAD:
		append(list, base);
		append_own(list, proxies, true);
		break;
	case TOOL_ENV_BUILD:
		append(list, base);
		break;
	}
	append(list, add);
	return list;
}

void tool_environment_ignored(struct buf *out)
{
	for (char **e = environ; e && *e; e++) {
		size_t len = strcspn(*e, "=");
		if (names(steering, *e) && (*e)[len] && (*e)[len + 1])
			buf_appendf(out, "%s%.*s", out->len ? ", " : "", (int)len, *e);
	}
}
