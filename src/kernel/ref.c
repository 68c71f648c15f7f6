/* SPDX-License-Identifier: GPL-2.0-only */
/* ref.c -- see ref.h. */
#include <ctype.h>
#include <string.h>

#include "base/parse.h"
#include "kernel/ref.h"

/* --- the grammar -------------------------------------------------------------------------------------------------- */

bool is_tarball_name(const char *text)
{
	static const char *const endings[] = { ".tar.xz", ".tar.gz", ".tar.zst", ".tgz" };
	size_t len = strlen(text);
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (len > strlen(endings[i]) && !strcmp(text + len - strlen(endings[i]), endings[i]))
			return true;
	return false;
}

static bool is_sha(const char *text)
{
	return strlen(text) == 40 && strspn(text, "0123456789abcdef") == 40;
}

static int take_git_ref(struct kernel_ref *ref, const char *fragment, struct err **err)
{
	static const struct {
		const char *prefix;
		enum git_ref_kind kind;
	} kinds[] = { { "tag=", GIT_REF_TAG }, { "branch=", GIT_REF_BRANCH }, { "sha=", GIT_REF_SHA } };
	ref->git = is_sha(fragment) ? GIT_REF_SHA : GIT_REF_ANY;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strncmp(fragment, kinds[i].prefix, strlen(kinds[i].prefix))) {
			ref->git = kinds[i].kind;
			fragment += strlen(kinds[i].prefix);
		}
	}
	if (ref->git == GIT_REF_SHA && !is_sha(fragment))
		return FAIL(err, ERR_USAGE, -EINVAL, "kernel '%s': #sha= takes 40 hexadecimal digits", ref->text);
	/* Reject names that git would read as an option or a range. */
	if (!*fragment || *fragment == '-' || strpbrk(fragment, " ~^:?*[\\") || strstr(fragment, ".."))
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "kernel '%s': '%s' is not a valid name of a git "
			    "ref",
			    ref->text, fragment);
	ref->name = strdup(fragment);
	return ref->name ? 0 : -ENOMEM;
}

static int parse_git(struct kernel_ref *ref, struct err **err)
{
	const char *url = ref->text + strlen("git+"), *hash = strrchr(url, '#');
	ref->kind = REF_GIT;
	if (!hash || hash == url || !hash[1] || *url == '-')
		return FAIL(err, ERR_USAGE, -EINVAL, "kernel '%s': git sources are written git+URL#REF", ref->text);
	ref->url = strndup(url, (size_t)(hash - url));
	return ref->url ? take_git_ref(ref, hash + 1, err) : -ENOMEM;
}

/* Parses a version. Also accepts the form of git tags: v6.12. */
static int parse_version(const char *text, struct kversion *ret)
{
	return kversion_parse(text[0] == 'v' && isdigit((unsigned char)text[1]) ? text + 1 : text, ret);
}

/* 1 when @text is a range, 0 when it is something else. */
static int parse_range(struct kernel_ref *ref, struct err **err)
{
	const char *dots = strstr(ref->text, "..");
	char from[KVERSION_TEXT_MAX];
	if (!dots || (size_t)(dots - ref->text) >= sizeof(from))
		return 0;
	snprintf(from, sizeof(from), "%.*s", (int)(dots - ref->text), ref->text);
	const char *to = dots + 2 + (dots[2] == '=');
	if (parse_version(from, &ref->from) < 0 || parse_version(to, &ref->to) < 0)
		return 0;
	ref->kind = REF_RANGE;
	/* 6.12..6.12.3 and 6.12.3..6.12 are both valid: "6.12" stands for the whole series. */
	if (kversion_compare(&ref->from, &ref->to) > 0 && !kversion_in_series(&ref->from, &ref->to))
		return FAIL(err, ERR_USAGE, -ERANGE,
			    "inverted kernel range `%s`: start version is greater than end version. Swap the endpoints "
			    "(`%s..%s`) or omit the range to pass a single version",
			    ref->text, to, from);
	return 1;
}

static int parse_package(struct kernel_ref *ref, struct err **err)
{
	const char *version = ref->text + strlen("distro:");
	ref->kind = REF_PACKAGE;
	ref->newest = !strcmp(version, "newest");
	if (ref->newest || kversion_parse(version, &ref->from) == 0)
		return 0;
	return FAIL(err, ERR_USAGE, -EINVAL,
		    "kernel '%s': write distro:VERSION (distro:6.12, distro:6.12.95), distro:newest, or distro",
		    ref->text);
}

static int parse_key(struct kernel_ref *ref, struct err **err)
{
	ref->kind = REF_KEY;
	for (const char *p = ref->text; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("._+-", *p))
			return FAIL(err, ERR_USAGE, -EINVAL,
				    "kernel '%s': it is not a version, a path or a cache key ('ktstr kernel list' has "
				    "the keys)",
				    ref->text);
	return 0;
}

static bool is_path(const char *text)
{
	return strchr(text, '/') || *text == '.' || *text == '~' || is_tarball_name(text);
}

static int classify(struct kernel_ref *ref, struct err **err)
{
	const char *text = ref->text;
	if (!strncmp(text, "git+", 4))
		return parse_git(ref, err);
	if (!strncmp(text, "distro:", 7))
		return parse_package(ref, err);
	int r = parse_range(ref, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (!strcmp(text, "distro"))
		ref->kind = REF_DISTRO;
	else if (is_path(text))
		ref->kind = REF_PATH;
	else if (parse_version(text, &ref->from) == 0)
		ref->kind = kversion_exact(&ref->from) ? REF_VERSION : REF_SERIES;
	else
		return parse_key(ref, err);
	return 0;
}

int kernel_ref_parse(const char *text, struct kernel_ref *ret, struct err **err)
{
	*ret = (struct kernel_ref){ .kind = REF_DEFAULT };
	if (!text || !*text)
		return 0;
	ret->text = strdup(text);
	int r = ret->text ? classify(ret, err) : -ENOMEM;
	if (r < 0)
		kernel_ref_done(ret);
	return r;
}

void kernel_ref_done(struct kernel_ref *ref)
{
	free(ref->text);
	free(ref->url);
	free(ref->name);
	*ref = (struct kernel_ref){ 0 };
}
