/* SPDX-License-Identifier: GPL-2.0-only */
/* test_kernel.c -- what people write for a kernel, which kernels are meant, configurations. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "kernel/choose.h"
#include "kernel/config.h"
#include "kernel/jobserver.h"
#include "kernel/kernel.h"
#include "kernel_cache_dir.h"
#include "t.h"

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
	t_errno(kconfig_validate(ARCH_X86_64, "CONFIG_FTRACE=y\n", true, &err), EINVAL);
	t_err_contains(&err, "CONFIG_SCHED_CLASS_EXT not set");
	t_errno(kconfig_validate(ARCH_X86_64, "CONFIG_FTRACE=y\n", false, &err), EINVAL);
	t_err_contains(&err, "CONFIG_DEBUG_INFO_BTF not set (install pahole");
}
END_TEST

START_TEST(the_lean_fragment_has_what_is_critical)
{
	for (unsigned arch = 0; arch < ARCH_COUNT; arch++) {
		size_t len;
		const char *text = kconfig_lean((enum arch)arch, &len);
		char *copy = strndup(text, len);
		t_ok(kconfig_validate((enum arch)arch, copy, true, NULL));
		ck_assert_ptr_null(strchr(copy, '['));
		ck_assert(kconfig_has(copy, "CONFIG_ARM_GIC_V3") == (arch == ARCH_AARCH64));
		free(copy);
	}
	ck_assert_uint_ne(kconfig_lean_hash(ARCH_X86_64), kconfig_lean_hash(ARCH_AARCH64));
}
END_TEST

static void fill(TCase *tc)
{
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
