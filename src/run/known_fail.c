/* SPDX-License-Identifier: GPL-2.0-only */
/* known_fail.c -- see known_fail.h. */
#include <string.h>

#include "kernel/ref.h"
#include "run/known_fail.h"

#define REF_TEXT_MAX 128

/* Copies the next entry of a comma-separated list and advances *@at past it. False: it is empty or too long. */
static bool next_part(const char **at, char part[REF_TEXT_MAX])
{
	size_t len = strcspn(*at, ",");
	if (!len || len >= REF_TEXT_MAX)
		return false;
	snprintf(part, REF_TEXT_MAX, "%.*s", (int)len, *at);
	*at += len + ((*at)[len] == ',' && (*at)[len + 1]);
	return true;
}

static int check_part(const char *part, struct err **err)
{
	struct kernel_ref ref;
	int r = kernel_ref_parse(part, &ref, err);
	if (r < 0)
		return r;
	bool comparable =
		ref.kind == REF_VERSION || ref.kind == REF_SERIES || ref.kind == REF_RANGE || ref.kind == REF_KEY;
	kernel_ref_done(&ref);
	return comparable ? 0
			  : FAIL(err, ERR_DATA, -EINVAL,
				 "kernel '%s': write a version (6.12.3), a series (6.12), a range "
				 "(6.1..6.11) or a cache key",
				 part);
}

int kernels_check(const char *text, struct err **err)
{
	char part[REF_TEXT_MAX];
	const char *at = text;
	do {
		int r = next_part(&at, part)
				? check_part(part, err)
				: FAIL(err, ERR_DATA, -EINVAL,
				       "kernels '%s': an entry between the commas is empty or too long", text);
		if (r < 0)
			return r;
	} while (*at);
	return 0;
}

/* The version without a local suffix: "6.13.0-rc2" of "6.13.0-rc2+". */
static bool version_of(const struct kernel *k, struct kversion *ret)
{
	char text[KVERSION_TEXT_MAX];
	if (!k || !k->version)
		return false;
	size_t len = strspn(k->version, "0123456789.");
	if (!strncmp(k->version + len, "-rc", 3))
		len += 3 + strspn(k->version + len + 3, "0123456789");
	if (len >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)len, k->version);
	return kversion_parse(text, ret) == 0;
}

static bool same_text(const char *a, const char *b)
{
	return a && !strcmp(a, b);
}

static bool ref_names(const struct kernel_ref *ref, const struct kernel *k, bool literal_end)
{
	struct kversion v;
	if (ref->kind == REF_KEY)
		return k && (same_text(k->key, ref->text) || same_text(k->label, ref->text));
	if (!version_of(k, &v))
		return false;
	if (ref->kind == REF_SERIES)
		return kversion_in_series(&v, &ref->from);
	if (ref->kind == REF_VERSION)
		return kversion_compare(&v, &ref->from) == 0;
	return kversion_compare(&ref->from, &v) <= 0 &&
	       (kversion_compare(&v, &ref->to) <= 0 || (!literal_end && kversion_in_series(&v, &ref->to)));
}

bool kernels_name(const char *text, const struct kernel *k, bool literal_end)
{
	char part[REF_TEXT_MAX];
	bool found = false;
	for (const char *at = text; !found && *at && next_part(&at, part);) {
		struct kernel_ref ref;
		if (kernel_ref_parse(part, &ref, NULL) < 0)
			continue;
		found = ref_names(&ref, k, literal_end);
		kernel_ref_done(&ref);
	}
	return found;
}

const struct known_fail_decl *known_fail_find(const struct test_decl *t, const struct kernel *k)
{
	const char *scheduler = t->scheduler ? t->scheduler->name : "eevdf";
	for (size_t i = 0; i < t->known_fails; i++) {
		const struct known_fail_decl *f = &t->known_fail[i];
		if ((!f->kernel || kernels_name(f->kernel, k, /* literal_end= */ false)) &&
		    (!f->scheduler || !strcmp(f->scheduler, scheduler)))
			return f;
	}
	return NULL;
}
