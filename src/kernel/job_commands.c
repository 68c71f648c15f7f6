/* SPDX-License-Identifier: GPL-2.0-only */
/* job_commands.c -- see job_commands.h. */
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/bug.h"
#include "base/file.h"
#include "base/tool.h"
#include "kernel/distro.h"
#include "kernel/job_commands.h"
#include "kernel/target.h"

#define MAKE_WORDS_MAX 24

static struct kernel_job *job_of(struct machine *m)
{
	return container_of(m, struct kernel_job, machine);
}

void job_count_line(void *data, const char *line)
{
	struct kernel_job *job = data;
	line += strspn(line, " ");
	job->objects += !strncmp(line, "CC ", 3) || !strncmp(line, "AS ", 3);
	job->warnings += strstr(line, ": warning: ") != NULL;
}

/* Moves the log of a failed build to {root}/.locks, because the work directory is removed. */
static const char *keep_log(struct kernel_job *job, char *out, size_t size)
{
	snprintf(out, size, "%s/.locks/%s.log", job->config.cache->root, job->key[0] ? job->key : "source-tree");
	return rename_durable(-1, AT_FDCWD, job->log_path, out, 0) == 0 ? out : job->log_path;
}

static int command_failed(struct kernel_job *job, const char *what)
{
	char line[300], how[64], log[512];
	if (job->err)
		return job->err->code;
	command_error_line(&job->run, line, sizeof(line));
	return FAIL(&job->err, ERR_DATA, -EIO, "%s of kernel %s failed (%s): %s; the whole log is in %s", what,
		    kernel_job_title(job), child_describe(job->run.child.status, how, sizeof(how)), line,
		    keep_log(job, log, sizeof(log)));
}

static int drive(struct machine *m, int result, const struct command_spec *c)
{
	struct kernel_job *job = job_of(m);
	/* If no command has started, @result is the failure of an earlier operation. */
	if (result < 0 && command_is_idle(&job->run))
		return result;
	int r = command_drive(m, result, &job->run, c, &job->err);
	return r < 0 ? command_failed(job, c->what) : r;
}

int job_git(struct machine *m, int result, const char *const *argv)
{
	/* git must not prompt for credentials. */
	const char *env[] = { "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true", "LC_ALL=C", job_of(m)->token, NULL };
	struct command_spec c = { .what = "git fetch", .argv = argv, .base_env = TOOL_ENV_GIT, .env = env };
	return drive(m, result, &c);
}

int job_apt_download(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	const char *words[] = { "-q", "download", job->config.id->package, NULL };
	struct distro_command apt;
	int r = distro_command(&apt, job->config.cache->root, "apt-get", words);
	struct command_spec c = {
		.what = "apt-get download", .argv = apt.argv, .base_env = TOOL_ENV_DOWNLOAD, .cwd = job->work
	};
	r = r < 0 ? r : drive(m, result, &c);
	distro_command_done(&apt);
	return r;
}

/* apt chooses the package's file name. There is only one such file. */
int job_apt_unpack(struct machine *m, int result)
{
	static const char *const argv[] = { "sh", "-c", "dpkg-deb -x ./*.deb deb && rm -f ./*.deb", NULL };
	struct command_spec c = {
		.what = "dpkg-deb", .argv = argv, .base_env = TOOL_ENV_BUILD, .cwd = job_of(m)->work
	};
	return drive(m, result, &c);
}

int job_objcopy(struct machine *m, int result, const char *out)
{
	/* Removes debug information. Symbols and BTF stay, because the monitor reads them. */
	char objcopy[64];
	snprintf(objcopy, sizeof(objcopy), "%sobjcopy", kernel_tool_prefix(job_of(m)->config.cache->arch));
	const char *argv[] = { objcopy, "--strip-debug", "vmlinux", out, NULL };
	struct command_spec c = {
		.what = "stripping", .argv = argv, .base_env = TOOL_ENV_BUILD, .cwd = job_of(m)->tree
	};
	return drive(m, result, &c);
}

/* --- make --------------------------------------------------------------------------------------------------------- */

struct make_line {
	const char *argv[MAKE_WORDS_MAX];
	size_t words;
	char text[4][PATH_MAX + 64]; /* storage for words that are formatted */
	size_t texts;
};

static void add_word(struct make_line *l, const char *word)
{
	REQUIRE(l->words + 1 < MAKE_WORDS_MAX);
	l->argv[l->words++] = word;
}

static void add_setting(struct make_line *l, const char *prefix, const char *value)
{
	REQUIRE(l->texts < ARRAY_SIZE(l->text));
	snprintf(l->text[l->texts], sizeof(l->text[0]), "%s%s", prefix, value);
	add_word(l, l->text[l->texts++]);
}

/* Nothing for this machine's own architecture, so that its builds are as if there were no other. */
static void add_architecture(struct make_line *l, enum arch arch)
{
	if (arch == arch_host())
		return;
	add_word(l, kernel_targets[arch].make_arch);
	add_word(l, kernel_targets[arch].make_cross);
}

/* Names the compiler only if --cc is given or ccache is used. Otherwise the makefiles choose it. */
static void add_compilers(struct make_line *l, const struct kernel_job_config *c)
{
	char cc[64], host[64];
	const char *suffix = c->llvm && c->llvm[0] == '-' ? c->llvm : "";
	bool in_dir = c->llvm && strchr(c->llvm, '/');
	const char *prefix = kernel_tool_prefix(c->cache->arch);
	snprintf(cc, sizeof(cc), "%s%s%s", c->llvm ? "" : prefix, c->llvm ? "clang" : "gcc", suffix);
	snprintf(host, sizeof(host), "%s%s", c->llvm ? "clang" : "gcc", suffix);
	add_architecture(l, c->cache->arch);
	if (c->llvm)
		add_setting(l, "LLVM=", c->llvm);
	if (c->ccache && !in_dir) {
		add_setting(l, "CC=ccache ", c->cc ?: cc);
		add_setting(l, "HOSTCC=ccache ", host);
	} else if (c->cc) {
		add_setting(l, "CC=", c->cc);
	}
}

/*
 * Runs make in the tree with a share of the budget. With ccache, paths are made relative, and the build's directory and
 * time are not hashed, so that builds of other kernels can reuse the objects.
 */
static int drive_make(struct machine *m, int result, const char *what, const struct make_line *l)
{
	struct kernel_job *job = job_of(m);
	const struct jobserver *js = job->config.jobserver;
	const struct child_fd fds[] = { { js->rd, JOBSERVER_FD_READ }, { js->wr, JOBSERVER_FD_WRITE } };
	char base[PATH_MAX + 16];
	snprintf(base, sizeof(base), "CCACHE_BASEDIR=%s", job->tree);
	/* MAKELEVEL is reset: we may run below a make, and some makefiles choose other directories in a sub-make. */
	const char *env[] = { js->makeflags,
			      "MAKELEVEL=0",
			      "LC_ALL=C",
			      job->token,
			      base,
			      "CCACHE_NOHASHDIR=1",
			      "CCACHE_SLOPPINESS=time_macros",
			      "KBUILD_BUILD_TIMESTAMP=@0",
			      NULL };
	if (!job->config.ccache)
		env[4] = NULL;
	struct command_spec c = { .what = what,
				  .argv = l->argv,
				  .base_env = TOOL_ENV_BUILD,
				  .env = env,
				  .guarded = true,
				  .cwd = job->tree,
				  .fds = fds,
				  .fd_count = ARRAY_SIZE(fds),
				  .affinity = job->config.affinity,
				  .cgroup = job->config.cgroup };
	return drive(m, result, &c);
}

int job_make(struct machine *m, int result, const char *what, const char *const *targets)
{
	struct kernel_job *job = job_of(m);
	struct make_line l = { 0 };
	add_word(&l, "make");
	add_word(&l, "KCFLAGS=-Wno-error");
	add_setting(&l, "KCONFIG_CONFIG=", kernel_job_dot_config(job));
	add_compilers(&l, &job->config);
	while (*targets)
		add_word(&l, *targets++);
	return drive_make(m, result, what, &l);
}

/* The tree's own libbpf and bpftool are used. Older ones of a distribution do not know current struct_ops. */
int job_make_tools(struct machine *m, int result, const char *what, const char *dir, const char *const *programs)
{
	_cleanup_free_ char *clang = tool_clang();
	struct make_line l = { 0 };
	add_word(&l, "make");
	add_word(&l, "-C");
	add_word(&l, dir);
	add_setting(&l, "CLANG=", clang ?: "clang");
	while (*programs)
		add_word(&l, *programs++);
	return drive_make(m, result, what, &l);
}
