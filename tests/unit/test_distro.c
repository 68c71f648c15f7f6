/* SPDX-License-Identifier: GPL-2.0-only */
/* Debian's source packages, users' configurations, and the environment variables that reach a build. */
#include <stdlib.h>
#include <string.h>

#include "kernel/config.h"
#include "kernel/distro.h"
#include "kernel/tool_env.h"
#include "t.h"

static bool has_line(const struct buf *b, const char *line)
{
	return strstr(buf_str((struct buf *)b), line) != NULL;
}

#define KEY "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "

START_TEST(sources_of_the_one_line_format)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	distro_convert_sources("# deb http://a/debian trixie main\n"
			       "deb-src http://b/debian trixie main\n"
			       "deb [arch=amd64 signed-by=/x.gpg]\thttps://mirror.example/debian/ bookworm main # x\n"
			       "deb http://security.example/debian-security bookworm-security main\n"
			       "deb https://download.example/linux/debian bookworm stable\n"
			       "deb http://apt.example/llvm-toolchain bookworm main\n"
			       "deb http://apt.example/debian bookworm-pgdg main\n"
			       "deb http://ubuntu.example/ubuntu noble main\n"
			       "deb\n",
			       false, &out);
	ck_assert(has_line(&out, KEY "https://mirror.example/debian/ bookworm main\n"));
	ck_assert(has_line(&out, KEY "https://mirror.example/debian/ stable-backports main\n"));
	ck_assert(has_line(&out, KEY "https://mirror.example/debian/ unstable main\n"));
	ck_assert(has_line(&out, KEY "http://security.example/debian-security bookworm-security main\n"));
	ck_assert(has_line(&out, KEY "http://security.example/debian-security stable-security main\n"));
	ck_assert(!has_line(&out, "security.example/debian-security unstable"));
	static const char *const foreign[] = { "http://a/", "http://b/", "download.example", "apt.example", "ubuntu" };
	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		ck_assert_msg(!has_line(&out, foreign[i]), "%s", foreign[i]);
}
END_TEST

START_TEST(sources_of_the_deb822_format)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	distro_convert_sources("Types: deb deb-src\n"
			       "# a comment\n"
			       "URIs: http://one.example/debian\n"
			       "  http://two.example/debian\n"
			       "suites: trixie\n"
			       " trixie-updates\n"
			       "Components: main\n"
			       "Signed-By:\n"
			       " -----BEGIN PGP PUBLIC KEY BLOCK-----\n"
			       " .\n"
			       "\n"
			       "Types: deb\nURIs: http://off.example/debian\nSuites: trixie\nComponents: main\n"
			       "Enabled: no\n"
			       "\n"
			       "Types: deb-src\nURIs: http://source.example/debian\nSuites: trixie\nComponents: main\n"
			       "   \n"
			       "Types: deb\nURIs: http://last.example/debian-security\nSuites: trixie-security\n"
			       "Components: main contrib",
			       true, &out);
	ck_assert(has_line(&out, KEY "http://one.example/debian trixie main\n"));
	ck_assert(has_line(&out, KEY "http://two.example/debian trixie-updates main\n"));
	ck_assert(has_line(&out, KEY "http://last.example/debian-security trixie-security main\n"));
	ck_assert(!has_line(&out, "off.example") && !has_line(&out, "source.example"));
	size_t lines = 0;
	for (const char *p = buf_str(&out); (p = strstr(p, "http://one.example/debian stable main")); p++)
		lines++;
	ck_assert_uint_eq(lines, 1); /* each once, however many suites name the mirror */
}
END_TEST

static struct distro_offers offers;

static void offer(const char *line)
{
	distro_take_offer(&offers, line);
}

static const char *chosen(const char *text)
{
	struct kernel_ref ref;
	t_ok(kernel_ref_parse(text, &ref, NULL));
	const struct distro_offer *o = distro_choose(&offers, &ref);
	kernel_ref_done(&ref);
	return o ? o->version : "none";
}

START_TEST(offers_are_chosen_by_version)
{
	_cleanup_buf_ struct buf list = BUF_NULL;
	offers.count = 0;
	offer(" linux-source-7.3 | 7.3.4-1~bpo13+1 | http://x/debian trixie-backports/main amd64 Packages");
	offer("linux-source-7.4 | 7.4~rc2-1~exp1 | http://x/debian experimental/main amd64 Packages");
	offer("linux-source-6.12 |  6.12.95-1 | http://x/debian trixie/main amd64 Packages");
	offer("linux-source-6.12 | 6.12.117-1~deb12u1 | http://x/debian bookworm/main amd64 Packages");
	offer("linux-source-6.12 | 6.12.95-1 | http://y/debian trixie/main amd64 Packages");
	offer("linux-source-6.12-rt | 6.12.200-1 | http://x/debian sid/main amd64 Packages");
	offer("linux-source | 9.9-1 | http://x/debian sid/main amd64 Packages");
	offer("linux-source-6.1 | not a version | http://x");
	offer("N: Unable to locate package x");
	ck_assert_uint_eq(offers.count, 5);
	ck_assert_str_eq(chosen("distro:newest"), "7.3.4-1~bpo13+1");
	ck_assert_str_eq(chosen("distro:6.12"), "6.12.117-1~deb12u1");
	ck_assert_str_eq(chosen("distro:6.12.95"), "6.12.95-1");
	ck_assert_str_eq(chosen("distro:7.4-rc2"), "7.4~rc2-1~exp1");
	ck_assert_str_eq(chosen("distro:6.1"), "none");
	distro_list(&offers, &list);
	ck_assert_str_eq(buf_str(&list), "7.3.4, 7.4-rc2, 6.12.95, 6.12.117");
}
END_TEST

static int config_check(const char *text)
{
	return kconfig_check("--base-config", "file", text, strlen(text), NULL);
}

START_TEST(a_configuration_is_told_from_other_files)
{
	struct err *err = NULL;
	t_ok(config_check("# comment\n\nCONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=\"x y\"\n"));
	t_ok(config_check("# CONFIG_B is not set"));
	t_errno(config_check(""), EINVAL);
	t_errno(config_check("# only words\n"), EINVAL);
	t_errno(config_check("CONFIG_=y\n"), EINVAL);
	t_errno(config_check("CONFIG_A\n"), EINVAL);
	t_errno(kconfig_check("--base-config", "f", "CONFIG_A=y\n\0x", 13, &err), EINVAL);
	t_err_contains(&err, "binary file");
	err = NULL;
	t_errno(kconfig_check("--base-config", "f", "CONFIG_A=y\nroot:x:0:0\n", 22, &err), EINVAL);
	t_err_contains(&err, "line 2");
}
END_TEST

START_TEST(what_makes_the_lean_kernel_small_stays_out_of_others)
{
	static const char lean[] = "# words\nCONFIG_A=y\nCONFIG_MODULES=n\nCONFIG_STRICT_DEVMEM=n\nCONFIG_N=512";
	_cleanup_buf_ struct buf out = BUF_NULL;
	char compiler[40];
	kconfig_fragment_for_others(lean, strlen(lean), &out);
	ck_assert_str_eq(buf_str(&out), "# words\nCONFIG_A=y\nCONFIG_STRICT_DEVMEM=n\nCONFIG_N=512\n");
	kconfig_compiler("CONFIG_X=y\nCONFIG_CC_VERSION_TEXT=\"gcc (Debian 12) 12.2.0\"\n", compiler, sizeof(compiler));
	ck_assert_str_eq(compiler, "gcc (Debian 12) 12.2.0");
	kconfig_compiler("", compiler, sizeof(compiler));
	ck_assert_str_eq(compiler, "");
}
END_TEST

static bool sees(enum tool_env kind, const char *setting)
{
	static const char *const add[] = { "ADDED=1", NULL };
	_cleanup_free_ const char **list = tool_environment(kind, add);
	for (size_t i = 0; list[i]; i++)
		if (!strcmp(list[i], setting))
			return true;
	return false;
}

START_TEST(tools_see_what_is_meant_for_them)
{
	_cleanup_buf_ struct buf ignored = BUF_NULL;
	setenv("KBUILD_OUTPUT", "/mine", 1);
	setenv("LLVM", "1", 1);
	setenv("ARCH", "", 1);
	setenv("GIT_DIR", "/other/.git", 1);
	setenv("GIT_SSH_COMMAND", "ssh -i key", 1);
	setenv("http_proxy", "http://proxy", 1);
	static const struct {
		enum tool_env kind;
		const char *setting;
		bool seen;
	} cases[] = {
		{ TOOL_ENV_BUILD, "ADDED=1", true },
		{ TOOL_ENV_BUILD, "LLVM=1", false },
		{ TOOL_ENV_BUILD, "KBUILD_OUTPUT=/mine", false },
		{ TOOL_ENV_BUILD, "http_proxy=http://proxy", false },
		{ TOOL_ENV_DOWNLOAD, "http_proxy=http://proxy", true },
		{ TOOL_ENV_DOWNLOAD, "LLVM=1", false },
		{ TOOL_ENV_GIT, "GIT_DIR=/other/.git", false },
		{ TOOL_ENV_GIT, "GIT_SSH_COMMAND=ssh -i key", true },
		{ TOOL_ENV_GIT, "http_proxy=http://proxy", true },
		{ TOOL_ENV_OURS, "LLVM=1", true },
		{ TOOL_ENV_OURS, "GIT_DIR=/other/.git", true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(sees(cases[i].kind, cases[i].setting) == cases[i].seen, "%d %s", cases[i].kind,
			      cases[i].setting);
	tool_environment_ignored(&ignored);
	ck_assert(strstr(buf_str(&ignored), "KBUILD_OUTPUT") && strstr(buf_str(&ignored), "LLVM"));
	ck_assert(!strstr(buf_str(&ignored), "ARCH")); /* empty counts as unset */
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, sources_of_the_one_line_format);
	tcase_add_test(tc, sources_of_the_deb822_format);
	tcase_add_test(tc, offers_are_chosen_by_version);
	tcase_add_test(tc, a_configuration_is_told_from_other_files);
	tcase_add_test(tc, what_makes_the_lean_kernel_small_stays_out_of_others);
	tcase_add_test(tc, tools_see_what_is_meant_for_them);
}

int main(void)
{
	return t_main("distro", fill);
}
