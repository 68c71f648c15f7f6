/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel identifiers, the cache, configurations. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "kernel/choose.h"
#include "kernel/config.h"
#include "kernel/jobserver.h"
#include "kernel/kernel.h"
#include "kernel/orphans.h"
#include "t.h"

static char *dir;
static struct cache cache;

static void begin(void)
{
	dir = t_tmpdir();
	cache.root = path_join(dir, "kernels");
	t_ok(mkdir_parents(cache.root, 0755, NULL));
}

static void end(void)
{
	cache_done(&cache);
	t_rmdir(dir);
}

static void put(const char *rel, const char *text)
{
	char *path = path_join(dir, rel), *parent = path_dirname(path);
	t_ok(mkdir_parents(parent, 0755, NULL));
	t_ok(file_write_atomic(path, text, strlen(text), 0644, NULL));
	free(parent);
	free(path);
}

static void entry_of(uint32_t kconfig_hash, const char *key, const char *version, const char *built_at, bool image)
{
	char rel[200], text[600];
	snprintf(rel, sizeof(rel), "kernels/%s/metadata.json", key);
	snprintf(text, sizeof(text),
		 "{\"version\":\"%s\",\"source\":{\"type\":\"tarball\"},\"arch\":\"x86_64\",\"image_name\":\"bzImage\","
		 "\"built_at\":\"%s\",\"ktstr_kconfig_hash\":\"%08x\"}",
		 version, built_at, kconfig_hash);
	put(rel, text);
	snprintf(rel, sizeof(rel), "kernels/%s/bzImage", key);
	if (image)
		put(rel, "image");
}

static void entry(const char *key, const char *version, const char *built_at, bool image)
{
	entry_of(kconfig_lean_hash(), key, version, built_at, image);
}

START_TEST(cache_lists_newest_first_and_names_what_is_corrupt)
{
	struct cache_entry *list;
	size_t count;
	begin();
	entry("old", "6.12.1", "2026-01-01T00:00:00Z", true);
	entry("new", "6.12.2", "2026-02-01T00:00:00Z", true);
	entry("broken", "6.12.3", "2026-03-01T00:00:00Z", false);
	put("kernels/bad/metadata.json", "{ nonsense");
	put("kernels/empty/other", "");
	put("kernels/.tmp-x-1/metadata.json", "{}");
	t_ok(cache_list(&cache, &list, &count, NULL));
	ck_assert_uint_eq(count, 5);
	ck_assert_str_eq(list[0].key, "new");
	ck_assert_str_eq(list[1].key, "old");
	for (size_t i = 2; i < count; i++) {
		const char *kind = !strcmp(list[i].key, "broken") ? "image_missing"
				   : !strcmp(list[i].key, "bad")  ? "malformed"
								  : "missing";
		ck_assert_str_eq(list[i].error_kind, kind);
	}
	entries_free(list, count);
	end();
}
END_TEST

START_TEST(publish_replaces_an_older_entry)
{
	begin();
	entry("key", "6.12.1", "2026-01-01T00:00:00Z", true);
	put("work/metadata.json", "{}");
	char *work = path_join(dir, "work");
	t_ok(cache_publish(&cache, "key", work, NULL));
	ck_assert(!path_exists(work));
	struct buf b = BUF_NULL;
	char *meta = path_join(cache.root, "key/metadata.json");
	t_ok(file_read(meta, 100, &b, NULL));
	ck_assert_str_eq(buf_str(&b), "{}");
	buf_done(&b);
	free(meta);
	free(work);
	end();
}
END_TEST

START_TEST(sweep_removes_work_of_the_dead_only)
{
	char mine[80];
	begin();
	snprintf(mine, sizeof(mine), "kernels/.tmp-key-%d/x", getpid());
	put(mine, "");
	put("kernels/.tmp-key-999999999/x", "");
	cache_sweep(&cache, true);
	char *own = path_join(dir, mine), *dead = path_join(cache.root, ".tmp-key-999999999");
	ck_assert(path_exists(own));
	ck_assert(!path_exists(dead));
	free(own);
	free(dead);
	end();
}
END_TEST

START_TEST(lock_is_exclusive)
{
	int one = -1, two = -1;
	begin();
	t_ok(cache_lock(&cache, "k", &one, NULL, 0, NULL));
	t_errno(cache_lock(&cache, "k", &two, NULL, 0, NULL), EBUSY);
	fd_close(one);
	t_ok(cache_lock(&cache, "k", &two, NULL, 0, NULL));
	fd_close(two);
	end();
}
END_TEST

static int nfs(int fd, uint64_t *ret)
{
	(void)fd;
	*ret = 0x6969;
	return 0;
}

START_TEST(remote_cache_is_refused_by_name)
{
	struct err *err = NULL;
	int fd = -1;
	begin();
	cache.magic = nfs;
	t_errno(cache_lock(&cache, "k", &fd, NULL, 0, &err), EOPNOTSUPP);
	t_err_contains(&err, "filesystem NFS is not supported");
	cache.magic = NULL;
	end();
}
END_TEST

/* --- remains of dead processes ------------------------------------------------------------------------------------ */

START_TEST(work_of_the_dead_goes_on_where_it_was)
{
	char *work = NULL;
	enum work_stage stage;
	begin();
	put("kernels/.tmp-key-999999999/stage", "unpacked");
	put("kernels/.tmp-key-999999999/src/Makefile", "");
	t_ok(cache_workdir(&cache, "key", &work, &stage, NULL));
	ck_assert_int_eq(stage, WORK_UNPACKED);
	char *kept = path_join(work, "src/Makefile");
	ck_assert(path_exists(kept));
	free(kept);
	free(work);
	end();
}
END_TEST

START_TEST(work_that_was_not_whole_is_done_again)
{
	char *work = NULL;
	enum work_stage stage;
	begin();
	put("kernels/.tmp-key-999999999/src/Makefile", "");
	put("kernels/.tmp-key-2-999999998/stage", "built");
	t_ok(cache_workdir(&cache, "key", &work, &stage, NULL));
	ck_assert_int_eq(stage, WORK_EMPTY);
	char *half = path_join(work, "src");
	ck_assert(!path_exists(half));
	free(half);
	t_ok(cache_work_mark(work, WORK_BUILT, NULL));
	free(work);
	end();
}
END_TEST

START_TEST(sweep_leaves_recent_work_to_who_goes_on_with_it)
{
	begin();
	put("kernels/.tmp-key-999999999/x", "");
	cache_sweep(&cache, false);
	char *dead = path_join(cache.root, ".tmp-key-999999999");
	ck_assert(path_exists(dead));
	free(dead);
	end();
}
END_TEST

static pid_t start_sleeper(const char *variable)
{
	char *const argv[] = { (char[]){ "sleep" }, (char[]){ "60" }, NULL };
	char *const env[] = { (char *)variable, NULL };
	pid_t pid = -1;
	ck_assert_int_eq(posix_spawn(&pid, "/bin/sleep", NULL, NULL, argv, env), 0);
	return pid;
}

/* SIGKILL if it was killed before, SIGTERM if it was still alive. */
static int end_sleeper(pid_t pid)
{
	int status = 0;
	kill(pid, SIGTERM);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WTERMSIG(status);
}

/* The child must have executed its program: until then it has the parent's environment. */
static void wait_for_exec(pid_t pid)
{
	char path[64], name[16] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	for (unsigned i = 0; i < 1000 && strcmp(name, "sleep\n"); i++) {
		_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = read(fd, name, sizeof(name) - 1);
		name[n < 0 ? 0 : n] = '\0';
		usleep(1000);
	}
}

START_TEST(only_what_the_build_started_is_killed)
{
	char own[ORPHANS_VARIABLE_MAX], other[] = "KTSTR_BUILD_TOKEN=00000000000000000000000000000000";
	char *work = NULL;
	enum work_stage stage;
	struct err *err = NULL;
	begin();
	t_ok(cache_workdir(&cache, "key", &work, &stage, NULL));
	t_ok(orphans_variable(work, own, NULL));
	pid_t ours = start_sleeper(own), theirs = start_sleeper(other);
	wait_for_exec(ours);
	wait_for_exec(theirs);
	/* Not through a link beside it. */
	_cleanup_free_ char *link = path_join(cache.root, ".tmp-key-999999999"), *token = path_join(work, "token");
	t_ok(symlink(work, link));
	t_errno(orphans_kill(link, &err), ENOTDIR);
	t_err_contains(&err, "open work directory");
	cache_sweep(&cache, true);
	ck_assert(path_exists(token) && path_exists(link));
	ck_assert_int_eq(kill(ours, 0), 0);
	t_ok(orphans_kill(work, NULL));
	ck_assert_int_eq(end_sleeper(ours), SIGKILL);
	ck_assert_int_eq(end_sleeper(theirs), SIGTERM);
	t_ok(orphans_kill(work, NULL));
	free(work);
	end();
}
END_TEST

static void damage_image(const char *key)
{
	_cleanup_free_ char *entry = path_join(cache.root, key), *path = path_join(entry, "bzImage");
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	t_ok(fd_pwrite_full(fd, "X", 1, 2));
}

START_TEST(damaged_kernels_are_not_booted)
{
	struct kernel_ref ref;
	struct kernel_id id;
	struct kernel kernel;
	struct err *err = NULL;
	begin();
	entry("work", "6.12.1", "2026-01-01T00:00:00Z", true);
	_cleanup_free_ char *made = path_join(cache.root, "work");
	t_ok(cache_publish(&cache, "6.12.1-tarball-x86_64-kc0", made, NULL));
	t_ok(kernel_ref_parse("6.12.1", &ref, NULL));
	t_ok(kernel_id_from_cache(&cache, &ref, &id, NULL));
	t_ok(kernel_from_cache(&cache, id.key, &kernel, NULL));
	kernel_done(&kernel);
	damage_image(id.key);
	t_errno(kernel_from_cache(&cache, id.key, &kernel, &err), EBADMSG);
	t_err_contains(&err, "bzImage does not match its checksum; 'ktstr kernel build --force'");
	kernel_id_done(&id);
	/* A request by version treats it as missing, and builds it again. */
	t_errno(kernel_id_from_cache(&cache, &ref, &id, &err), ENOENT);
	err_free(err);
	kernel_ref_done(&ref);
	end();
}
END_TEST

START_TEST(a_version_is_that_with_our_configuration)
{
	struct kernel_ref ref;
	struct kernel_id id;
	begin();
	entry_of(~kconfig_lean_hash(), "stale", "6.12.1", "2026-01-02T00:00:00Z", true);
	_cleanup_free_ char *made = path_join(cache.root, "work"), *stale = path_join(cache.root, "stale");
	t_ok(cache_publish(&cache, "6.12.1-tarball-x86_64-kc1", stale, NULL));
	t_ok(kernel_ref_parse("6.12.1", &ref, NULL));
	t_ok(kernel_id_from_cache(&cache, &ref, &id, NULL));
	ck_assert_str_eq(id.key, "6.12.1-tarball-x86_64-kc1");
	kernel_id_done(&id);
	entry("work", "6.12.1", "2026-01-01T00:00:00Z", true); /* older, but ours */
	t_ok(cache_publish(&cache, "6.12.1-tarball-x86_64-kc0", made, NULL));
	t_ok(kernel_id_from_cache(&cache, &ref, &id, NULL));
	ck_assert_str_eq(id.key, "6.12.1-tarball-x86_64-kc0");
	kernel_id_done(&id);
	kernel_ref_done(&ref);
	end();
}
END_TEST

/* --- the grammar -------------------------------------------------------------------------------------------------- */

static const struct {
	const char *text;
	enum kernel_ref_kind kind;
} grammar[] = {
	{ "", REF_DEFAULT },
	{ "distro", REF_DISTRO },
	{ "6.12.3", REF_VERSION },
	{ "6.15-rc2", REF_VERSION },
	{ "6.12", REF_SERIES },
	{ "6", REF_SERIES },
	{ "6.11..6.14", REF_RANGE },
	{ "6.11..=6.14", REF_RANGE },
	{ "6.12..6.12.3", REF_RANGE },
	{ "6.12.3..6.12", REF_RANGE },
	{ "./linux", REF_PATH },
	{ "~/linux", REF_PATH },
	{ "a/b..c", REF_PATH },
	{ "linux-6.12.tar.xz", REF_PATH },
	{ "6.12.3-tarball-x86_64-kc1", REF_KEY },
	{ "linux", REF_KEY },
	{ "6.12.3.4", REF_KEY },
	{ "a..b", REF_KEY },
	{ "git+https://x/y#v6.12", REF_GIT },
	{ "distro", REF_DISTRO },
	{ "distro:newest", REF_PACKAGE },
	{ "distro:6.12", REF_PACKAGE },
	{ "distro:6.12.95", REF_PACKAGE },
	{ "distro:7.4-rc1", REF_PACKAGE },
};

START_TEST(every_form_of_the_grammar)
{
	struct kernel_ref ref;
	struct err *err = NULL;
	t_ok(kernel_ref_parse(grammar[_i].text, &ref, &err));
	ck_assert_msg(ref.kind == grammar[_i].kind, "'%s' is %d", grammar[_i].text, ref.kind);
	kernel_ref_done(&ref);
}
END_TEST

static const struct {
	const char *text, *why;
} misuse[] = {
	{ "6.12..6.10", "inverted kernel range `6.12..6.10`" },
	{ "6.12.3..6.12.2", "Swap the endpoints (`6.12.2..6.12.3`)" },
	{ "git+https://x/y", "written git+URL#REF" },
	{ "git+#v6.12", "written git+URL#REF" },
	{ "git+https://x/y#", "written git+URL#REF" },
	{ "git+--upload-pack=x#y", "written git+URL#REF" },
	{ "git+https://x/y#sha=123", "#sha= takes 40 hexadecimal digits" },
	{ "git+https://x/y#--help", "'--help' is not a valid name of a git ref" },
	{ "git+https://x/y#a..b", "is not a valid name of a git ref" },
	{ "distro:", "write distro:VERSION" },
	{ "distro:trixie", "write distro:VERSION" },
	{ "distro:6.12..6.13", "write distro:VERSION" },
};

START_TEST(misuse_of_the_grammar_says_how_to_write_it)
{
	struct kernel_ref ref;
	struct err *err = NULL;
	t_errno(kernel_ref_parse(misuse[_i].text, &ref, &err), err ? -err->code : 0);
	t_err_contains(&err, misuse[_i].why);
}
END_TEST

START_TEST(git_refs_by_kind)
{
	static const struct {
		const char *text, *url, *name;
		enum git_ref_kind kind;
	} refs[] = {
		{ "git+https://x/a#b/y#tag=v1", "https://x/a#b/y", "v1", GIT_REF_TAG },
		{ "git+/srv/x#branch=for-next", "/srv/x", "for-next", GIT_REF_BRANCH },
		{ "git+u#main", "u", "main", GIT_REF_ANY },
		{ "git+u#0123456789012345678901234567890123456789", "u", "0123456789012345678901234567890123456789",
		  GIT_REF_SHA },
	};
	for (size_t i = 0; i < ARRAY_SIZE(refs); i++) {
		struct kernel_ref ref;
		t_ok(kernel_ref_parse(refs[i].text, &ref, NULL));
		ck_assert_str_eq(ref.url, refs[i].url);
		ck_assert_str_eq(ref.name, refs[i].name);
		ck_assert_int_eq(ref.git, refs[i].kind);
		kernel_ref_done(&ref);
	}
}
END_TEST

/* --- selection ---------------------------------------------------------------------------------------------------- */

static const char releases_text[] =
	"{\"releases\":[{\"moniker\":\"mainline\",\"version\":\"6.15-rc2\",\"iseol\":false},"
	"{\"moniker\":\"stable\",\"version\":\"6.14.11\",\"iseol\":false},"
	"{\"moniker\":\"stable\",\"version\":\"6.13.12\",\"iseol\":true},"
	"{\"moniker\":\"longterm\",\"version\":\"6.12.95\",\"iseol\":false},"
	"{\"moniker\":\"longterm\",\"version\":\"6.1.150\",\"iseol\":false}]}";

/* A list as `sha256sum` would print it. */
static void list_tarballs(struct buf *out, const char *const *versions)
{
	for (; *versions; versions++)
		buf_appendf(out, "%064d  linux-%s.tar.xz\n", 7, *versions);
}

/* The result of @text: "6.12.95 key ...", or the error. */
static char *chosen(const char *text, bool build, bool include_eol)
{
	static const char *const all[] = { "6.10.14", "6.11.11", "6.12.3",  "6.12.95",
					   "6.13.12", "6.14.11", "6.1.150", NULL };
	struct kernel_ref ref;
	struct resolver v = {
		.config = { .cache = &cache, .refs = &ref, .count = 1, .build = build, .include_eol = include_eol }
	};
	_cleanup_buf_ struct buf out = BUF_NULL;
	t_ok(kernel_ref_parse(text, &ref, NULL));
	t_ok(releases_parse(releases_text, strlen(releases_text), "releases.json", &v.releases, NULL));
	v.has_releases = true;
	command_init(&v.run);
	choose_majors(&v);
	for (size_t i = 0; i < v.majors; i++)
		list_tarballs(&v.sums[i].text, all);
	if (choose_all(&v) < 0)
		err_format(v.err, &out);
	for (size_t i = 0; i < v.id_count && !v.err; i++)
		buf_appendf(&out, "%s%s", i ? " " : "", v.ids[i].version ?: v.ids[i].key ?: v.ids[i].path);
	resolver_done(&v);
	kernel_ref_done(&ref);
	return buf_steal(&out);
}

static const struct {
	const char *text, *what;
	bool build, include_eol;
} choices[] = {
	{ "6.14.11", "6.14.11", false, false },
	{ "6.12.3", "held", false, false },
	{ "6.14.22", "version 6.14.22 not found. latest 6.14.x: 6.14.11", false, false },
	{ "6.99.1", "version 6.99.1 not found. latest 6.x: 6.14.11", false, false },
	{ "6.12", "6.12.95", false, false },
	{ "6", "6.14.11", false, false },
	{ "6.11", "6.11.11", false, false },
	{ "6.99", "unknown kernel '6.99': there is no release of 6.99.x", false, false },
	{ "6.12..6.14", "6.12.95 6.14.11", false, false },
	{ "6.11..6.14", "6.11.11 6.12.95 6.13.12 6.14.11", false, true },
	{ "6.12.95..6.12.95", "6.12.95", false, false },
	{ "6.2..6.9", "kernel range 6.2..6.9 expanded to 0 stable releases", false, false },
	{ "", "6.14.11", true, false },
	{ "", "held", false, false },
	{ "held", "held", false, false },
	{ "nokey", "cache key nokey not found", false, false },
	{ "./nowhere", "kernel path not found: ./nowhere", false, false },
	{ "/etc/passwd", "raw image files are not supported", false, false },
};

START_TEST(what_is_written_becomes_kernels)
{
	begin();
	entry("held", "6.12.3", "2026-01-01T00:00:00Z", true);
	char *got = chosen(choices[_i].text, choices[_i].build, choices[_i].include_eol);
	ck_assert_msg(strstr(got, choices[_i].what), "'%s' came to: %s", choices[_i].text, got);
	free(got);
	end();
}
END_TEST

START_TEST(without_the_network_the_cache_answers_for_a_series)
{
	struct kernel_ref ref;
	struct resolver v = { .config = { .cache = &cache, .refs = &ref, .count = 1 } };
	begin();
	entry("a", "6.12.9", "2026-01-01T00:00:00Z", true);
	entry("b", "6.12.117", "2026-01-02T00:00:00Z", true);
	t_ok(kernel_ref_parse("6.12", &ref, NULL));
	command_init(&v.run);
	t_ok(choose_all(&v));
	ck_assert_uint_eq(v.id_count, 1);
	ck_assert_str_eq(v.ids[0].key, "b");
	ck_assert_ptr_nonnull(strstr(buf_str(&v.notes), "using what the cache has: b"));
	resolver_done(&v);
	kernel_ref_done(&ref);
	end();
}
END_TEST

/* --- the jobserver ------------------------------------------------------------------------------------------------ */

START_TEST(jobserver_holds_the_budget_and_gets_back_what_was_lost)
{
	struct jobserver js;
	char byte;
	t_ok(jobserver_init(&js, 3, NULL));
	t_ok(jobserver_take(&js));
	t_ok(jobserver_take(&js));
	ck_assert_int_eq(read(js.rd, &byte, 1), 1); /* a compiler of a make that is killed with it */
	t_errno(jobserver_take(&js), EAGAIN);
	jobserver_give(&js);
	jobserver_give(&js);
	for (int i = 0; i < 3; i++)
		t_ok(jobserver_take(&js));
	t_errno(jobserver_take(&js), EAGAIN);
	for (int i = 0; i < 3; i++)
		jobserver_give(&js);
	jobserver_done(&js);
}
END_TEST

START_TEST(a_tree_that_is_no_kernel)
{
	struct kernel k;
	struct err *err = NULL;
	begin();
	t_errno(kernel_from_tree(dir, &k, &err), ENOENT);
	t_err_contains(&err, "no kernel source in");
	put("Makefile", "VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 0\nEXTRAVERSION = -rc3\n");
	put("Kconfig", "");
	t_errno(kernel_from_tree(dir, &k, &err), ENOENT);
	t_err_contains(&err, "no kernel image found");
	char version[VERSION_TEXT_MAX];
	t_ok(kernel_tree_version(dir, version, NULL));
	ck_assert_str_eq(version, "6.12-rc3");
	end();
}
END_TEST

START_TEST(home_is_needed_and_checked)
{
	struct err *err = NULL;
	struct cache c = { 0 };
	char *home = strdup(getenv("HOME") ?: "/root");
	unsetenv("KTSTR_CACHE_DIR");
	unsetenv("XDG_CACHE_HOME");
	unsetenv("HOME");
	t_errno(cache_open(&c, &err), EINVAL);
	t_err_contains(&err, "HOME is unset");
	setenv("HOME", "", 1);
	t_errno(cache_open(&c, &err), EINVAL);
	t_err_contains(&err, "HOME is set to the empty string");
	setenv("HOME", "relative", 1);
	t_errno(cache_open(&c, &err), EINVAL);
	t_err_contains(&err, "HOME is 'relative'");
	setenv("KTSTR_CACHE_DIR", "/somewhere", 1);
	t_ok(cache_open(&c, NULL));
	ck_assert_str_eq(c.root, "/somewhere");
	unsetenv("KTSTR_CACHE_DIR");
	setenv("HOME", home, 1);
	cache_done(&c);
	free(home);
}
END_TEST

/* --- configurations ----------------------------------------------------------------------------------------------- */

START_TEST(lost_options_are_all_named)
{
	struct err *err = NULL;
	ck_assert(kconfig_has("A=y\nCONFIG_BPF=y\n", "CONFIG_BPF"));
	ck_assert(!kconfig_has("# CONFIG_BPF=y\n", "CONFIG_BPF"));
	ck_assert(!kconfig_has("CONFIG_BPF_JIT=y\n", "CONFIG_BPF"));
	t_errno(kconfig_validate("CONFIG_FTRACE=y\n", true, &err), EINVAL);
	t_err_contains(&err, "CONFIG_SCHED_CLASS_EXT not set");
	t_errno(kconfig_validate("CONFIG_FTRACE=y\n", false, &err), EINVAL);
	t_err_contains(&err, "CONFIG_DEBUG_INFO_BTF not set (install pahole");
}
END_TEST

START_TEST(the_lean_fragment_has_what_is_critical)
{
	size_t len;
	const char *text = kconfig_lean(&len);
	char *copy = strndup(text, len);
	t_ok(kconfig_validate(copy, true, NULL));
	free(copy);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, cache_lists_newest_first_and_names_what_is_corrupt);
	tcase_add_test(tc, publish_replaces_an_older_entry);
	tcase_add_test(tc, sweep_removes_work_of_the_dead_only);
	tcase_add_test(tc, lock_is_exclusive);
	tcase_add_test(tc, remote_cache_is_refused_by_name);
	tcase_add_test(tc, only_what_the_build_started_is_killed);
	tcase_add_test(tc, damaged_kernels_are_not_booted);
	tcase_add_test(tc, a_version_is_that_with_our_configuration);
	tcase_add_test(tc, work_of_the_dead_goes_on_where_it_was);
	tcase_add_test(tc, work_that_was_not_whole_is_done_again);
	tcase_add_test(tc, sweep_leaves_recent_work_to_who_goes_on_with_it);
	tcase_add_loop_test(tc, every_form_of_the_grammar, 0, ARRAY_SIZE(grammar));
	tcase_add_loop_test(tc, misuse_of_the_grammar_says_how_to_write_it, 0, ARRAY_SIZE(misuse));
	tcase_add_test(tc, git_refs_by_kind);
	tcase_add_loop_test(tc, what_is_written_becomes_kernels, 0, ARRAY_SIZE(choices));
	tcase_add_test(tc, without_the_network_the_cache_answers_for_a_series);
	tcase_add_test(tc, jobserver_holds_the_budget_and_gets_back_what_was_lost);
	tcase_add_test(tc, a_tree_that_is_no_kernel);
	tcase_add_test(tc, home_is_needed_and_checked);
	tcase_add_test(tc, lost_options_are_all_named);
	tcase_add_test(tc, the_lean_fragment_has_what_is_critical);
}

int main(void)
{
	return t_main("kernel", fill);
}
