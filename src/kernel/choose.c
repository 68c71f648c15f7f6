/* SPDX-License-Identifier: GPL-2.0-only */
/* choose.c -- see choose.h. */
#include <string.h>

#include "kernel/choose.h"

#define RANGE_VERSIONS_MAX 64
#define STABLE_PATCH_LEAST 8 /* a series with fewer patch releases is too young to count as stable */

/* --- the lists ---------------------------------------------------------------------------------------------------- */

void sums_each(const struct buf *text, void (*each)(void *data, const struct kversion *v), void *data)
{
	static const char begin[] = "linux-", end[] = ".tar.xz";
	const char *p = text->len ? buf_str((struct buf *)text) : "";
	while ((p = strstr(p, begin))) {
		char version[KVERSION_TEXT_MAX];
		struct kversion v;
		p += strlen(begin);
		const char *stop = strstr(p, end);
		size_t len = stop ? (size_t)(stop - p) : sizeof(version);
		if (len >= sizeof(version))
			continue;
		snprintf(version, sizeof(version), "%.*s", (int)len, p);
		if (kversion_parse(version, &v) == 0)
			each(data, &v);
	}
}

static const struct buf *sums_of(const struct resolver *v, unsigned major)
{
	for (size_t i = 0; i < v->majors; i++)
		if (v->sums[i].major == major && v->sums[i].text.len)
			return &v->sums[i].text;
	return NULL;
}

/* Used while the newest version of a series is searched. */
struct newest {
	const struct kversion *series;
	struct kversion best;
	bool found;
};

static void consider(void *data, const struct kversion *v)
{
	struct newest *n = data;
	if (!kversion_in_series(v, n->series) || (n->found && kversion_compare(v, &n->best) <= 0))
		return;
	n->best = *v;
	n->found = true;
}

static bool newest_released(const struct resolver *v, const struct kversion *series, struct kversion *ret)
{
	struct newest n = { .series = series };
	for (size_t i = 0; v->has_releases && i < v->releases.count; i++) {
		consider(&n, &v->releases.list[i].version);
	}
	*ret = n.best;
	return n.found;
}

static bool newest_listed(const struct resolver *v, const struct kversion *series, struct kversion *ret)
{
	struct newest n = { .series = series };
	const struct buf *text = sums_of(v, series->major);
	if (text)
		sums_each(text, consider, &n);
	*ret = n.best;
	return n.found;
}

/* --- sets of versions --------------------------------------------------------------------------------------------- */

struct versions {
	struct kversion item[RANGE_VERSIONS_MAX];
	size_t count;
	const struct kernel_ref *range;
};

/* Keeps one version per series: the newest. */
static void add_version(struct versions *s, const struct kversion *v)
{
	for (size_t i = 0; i < s->count; i++) {
		struct kversion *have = &s->item[i];
		if (have->major != v->major || have->minor != v->minor)
			continue;
		if (kversion_compare(v, have) > 0)
			*have = *v;
		return;
	}
	if (s->count < RANGE_VERSIONS_MAX)
		s->item[s->count++] = *v;
}

static bool in_range(const struct kernel_ref *range, const struct kversion *v)
{
	bool above = kversion_compare(v, &range->from) >= 0 || kversion_in_series(v, &range->from);
	bool below = kversion_compare(v, &range->to) <= 0 || kversion_in_series(v, &range->to);
	return above && below && v->rc == KVERSION_FINAL;
}

static void add_in_range(void *data, const struct kversion *v)
{
	struct versions *s = data;
	if (in_range(s->range, v))
		add_version(s, v);
}

static int by_version(const void *a, const void *b)
{
	return kversion_compare(a, b);
}

static bool is_maintained(const struct release *r, bool include_eol)
{
	return r->moniker != MONIKER_MAINLINE && (include_eol || !r->eol);
}

static void versions_of_range(const struct resolver *v, const struct kernel_ref *ref, struct versions *s)
{
	*s = (struct versions){ .range = ref };
	for (size_t i = 0; v->has_releases && i < v->releases.count; i++) {
		const struct release *r = &v->releases.list[i];
		if (is_maintained(r, v->config.include_eol))
			add_in_range(s, &r->version);
	}
	for (size_t i = 0; v->config.include_eol && i < v->majors; i++)
		sums_each(&v->sums[i].text, add_in_range, s);
	qsort(s->item, s->count, sizeof(*s->item), by_version);
}

static bool default_version(const struct resolver *v, struct kversion *ret)
{
	const struct release *r = v->has_releases ? releases_newest(&v->releases, STABLE_PATCH_LEAST) : NULL;
	if (r)
		*ret = r->version;
	return r != NULL;
}

/* --- what has to be fetched --------------------------------------------------------------------------------------- */

bool choose_needs_releases(const struct resolver *v)
{
	for (size_t i = 0; i < v->config.count; i++) {
		enum kernel_ref_kind kind = v->config.refs[i].kind;
		if (kind == REF_SERIES || kind == REF_RANGE || (kind == REF_DEFAULT && v->config.build))
			return true;
	}
	return false;
}

static bool cached_version(const struct resolver *v, const struct kversion *version)
{
	struct kernel_ref ref = { .kind = REF_VERSION, .from = *version };
	struct kernel_id id;
	bool has = !v->config.ask && kernel_id_from_cache(v->config.cache, &ref, &id, NULL) == 0;
	if (has)
		kernel_id_done(&id);
	return has;
}

static bool cached_package(const struct resolver *v, const struct kernel_ref *ref)
{
	return !ref->newest && kversion_exact(&ref->from) && cached_version(v, &ref->from);
}

bool choose_needs_packages(const struct resolver *v)
{
	for (size_t i = 0; i < v->config.count; i++)
		if (v->config.refs[i].kind == REF_PACKAGE && !cached_package(v, &v->config.refs[i]))
			return true;
	return false;
}

bool choose_cached(const struct resolver *v, const struct kernel_ref *ref)
{
	return cached_version(v, &ref->from);
}

static void need_major(struct resolver *v, unsigned major)
{
	for (size_t i = 0; i < v->majors; i++)
		if (v->sums[i].major == major)
			return;
	if (v->majors < RESOLVE_MAJORS_MAX)
		v->sums[v->majors++].major = major;
}

static void need_version(struct resolver *v, const struct kversion *version)
{
	if (version->rc == KVERSION_FINAL && !v->config.skip_sha256 && !cached_version(v, version))
		need_major(v, version->major);
}

static void need_range(struct resolver *v, const struct kernel_ref *ref)
{
	struct versions *s = calloc(1, sizeof(*s));
	if (!s)
		return;
	versions_of_range(v, ref, s);
	for (size_t i = 0; i < s->count; i++)
		need_version(v, &s->item[i]);
	for (unsigned major = ref->from.major; v->config.include_eol && major <= ref->to.major; major++)
		need_major(v, major);
	free(s);
}

void choose_majors(struct resolver *v)
{
	struct kversion version;
	for (size_t i = 0; i < v->config.count; i++) {
		const struct kernel_ref *ref = &v->config.refs[i];
		if (ref->kind == REF_VERSION)
			need_version(v, &ref->from);
		else if (ref->kind == REF_RANGE)
			need_range(v, ref);
		else if (ref->kind == REF_SERIES && newest_released(v, &ref->from, &version))
			need_version(v, &version);
		else if (ref->kind == REF_SERIES && v->has_releases)
			need_major(v, ref->from.major);
		else if (ref->kind == REF_DEFAULT && v->config.build && default_version(v, &version))
			need_version(v, &version);
	}
}

/* --- the choice --------------------------------------------------------------------------------------------------- */

static bool same_kernel(const struct kernel_id *a, const struct kernel_id *b)
{
	const char *x[] = { a->path, a->key, a->version, a->url, a->package },
		   *y[] = { b->path, b->key, b->version, b->url, b->package };
	if (a->kind != b->kind || strcmp(a->hash, b->hash))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(x); i++)
		if (!x[i] != !y[i] || (x[i] && strcmp(x[i], y[i])))
			return false;
	return true;
}

/* Takes ownership of @id. A kernel that was named twice is added once. */
static int add_id(struct resolver *v, struct kernel_id *id)
{
	for (size_t i = 0; i < v->id_count; i++) {
		if (same_kernel(&v->ids[i], id)) {
			kernel_id_done(id);
			return 0;
		}
	}
	struct kernel_id *more = realloc(v->ids, (v->id_count + 1) * sizeof(*more));
	if (!more) {
		kernel_id_done(id);
		return -ENOMEM;
	}
	v->ids = more;
	v->ids[v->id_count++] = *id;
	*id = (struct kernel_id){ 0 };
	return 0;
}

static int unknown_version(struct resolver *v, const struct kversion *version)
{
	char text[KVERSION_TEXT_MAX], best[KVERSION_TEXT_MAX];
	struct kversion series = {
		.major = version->major, .minor = version->minor, .rc = KVERSION_FINAL, .numbers = 2
	};
	struct kversion nearest;
	kversion_format(version, text);
	if (newest_listed(v, &series, &nearest))
		return FAIL(&v->err, ERR_MISSING, -ENOENT, "version %s not found. latest %u.%u.x: %s", text,
			    series.major, series.minor, kversion_format(&nearest, best));
	series.numbers = 1;
	if (newest_listed(v, &series, &nearest))
		return FAIL(&v->err, ERR_MISSING, -ENOENT, "version %s not found. latest %u.x: %s", text, series.major,
			    kversion_format(&nearest, best));
	return FAIL(&v->err, ERR_MISSING, -ENOENT, "version %s not found", text);
}

static int no_checksum(struct resolver *v, const struct kversion *version)
{
	char text[KVERSION_TEXT_MAX];
	const char *why = "no list of checksums";
	for (size_t i = 0; i < v->majors; i++)
		if (v->sums[i].major == version->major && v->sums[i].why.len)
			why = buf_str(&v->sums[i].why);
	FAIL(&v->err, ERR_MISSING, -ENOKEY, "kernel %s cannot be verified: %s", kversion_format(version, text), why);
	err_hint(v->err, "--skip-sha256 downloads it unverified");
	return -ENOKEY;
}

static int take_checksum(struct resolver *v, const struct kversion *version, struct kernel_id *id)
{
	char file[KVERSION_TEXT_MAX + 20], text[KVERSION_TEXT_MAX];
	const struct buf *sums = sums_of(v, version->major);
	if (version->rc != KVERSION_FINAL || v->config.skip_sha256) {
		if (v->config.skip_sha256)
			buf_appendf(&v->notes, "warning: kernel %s is not verified (--skip-sha256)\n", id->version);
		else
			buf_appendf(&v->notes,
				    "warning: kernel %s is not verified: release candidates have no list of "
				    "checksums; git+URL#tag=v%s takes the commit from git\n",
				    id->version, id->version);
		return 0;
	}
	if (!sums)
		return no_checksum(v, version);
	snprintf(file, sizeof(file), "linux-%s.tar.xz", kversion_format(version, text));
	int r = sha256sums_find(sums->data, sums->len, file, id->sha256, &v->err);
	if (r != -ENOENT)
		return r;
	v->err = err_free(v->err);
	return unknown_version(v, version);
}

/* Warns about a corrupt entry that would answer @ref if it were intact. */
static void note_corrupt(struct resolver *v, const struct kernel_ref *ref)
{
	_cleanup_free_ char *what = kernel_corrupt_entry(v->config.cache, ref);
	if (what && !v->config.ask)
		buf_appendf(&v->notes, "warning: %s; 'ktstr kernel clean --corrupt-only' removes it\n", what);
}

static int add_release(struct resolver *v, const struct kversion *version)
{
	char text[KVERSION_TEXT_MAX];
	struct kernel_ref ref = { .kind = REF_VERSION, .from = *version };
	struct kernel_id id;
	if (!v->config.ask && kernel_id_from_cache(v->config.cache, &ref, &id, NULL) == 0)
		return add_id(v, &id);
	note_corrupt(v, &ref);
	id = (struct kernel_id){ .kind = KERNEL_ID_RELEASE, .version = strdup(kversion_format(version, text)) };
	id.urls = mirror_tarball(version);
	int r = id.version && id.urls ? take_checksum(v, version, &id) : -ENOMEM;
	if (r == 0)
		return add_id(v, &id);
	kernel_id_done(&id);
	return r;
}

/* Without the list of releases the cache's newest entry is used, and a note says so. */
static int series_offline(struct resolver *v, const struct kernel_ref *ref)
{
	struct kernel_id id;
	int r = kernel_id_from_cache(v->config.cache, ref, &id, &v->err);
	_cleanup_free_ char *corrupt = r < 0 ? kernel_corrupt_entry(v->config.cache, ref) : NULL;
	if (r < 0)
		return FAIL(&v->err, ERR_MISSING, -ENOENT,
			    "unknown kernel '%s': %s, and the list of releases could not be fetched (%s)", ref->text,
			    corrupt ?: "not in the cache", v->releases_error ?: "unknown");
	buf_appendf(&v->notes, "kernel %s: the list of releases could not be fetched; using what the cache has: %s\n",
		    ref->text, id.key);
	return add_id(v, &id);
}

static int choose_series(struct resolver *v, const struct kernel_ref *ref)
{
	struct kversion version;
	char text[KVERSION_TEXT_MAX];
	if (!v->has_releases)
		return series_offline(v, ref);
	if (newest_released(v, &ref->from, &version))
		return add_release(v, &version);
	if (!newest_listed(v, &ref->from, &version))
		return FAIL(&v->err, ERR_MISSING, -ENOENT, "unknown kernel '%s': there is no release of %s.x",
			    ref->text, ref->text);
	buf_appendf(&v->notes, "kernel %s: no longer maintained; its last release is %s\n", ref->text,
		    kversion_format(&version, text));
	return add_release(v, &version);
}

static int choose_range(struct resolver *v, const struct kernel_ref *ref)
{
	struct versions *s = calloc(1, sizeof(*s));
	char text[KVERSION_TEXT_MAX];
	if (!s)
		return -ENOMEM;
	int r = v->has_releases ? 0
				: FAIL(&v->err, ERR_MISSING, -ENOENT, "kernel range %s: %s", ref->text,
				       v->releases_error ?: "no list of releases");
	if (r == 0)
		versions_of_range(v, ref, s);
	if (r == 0 && !s->count)
		r = FAIL(&v->err, ERR_MISSING, -ENOENT,
			 "kernel range %s expanded to 0 stable releases. --include-eol includes series that are no "
			 "longer maintained",
			 ref->text);
	if (r == 0)
		buf_appendf(&v->notes, "range %s expanded to %zu kernel(s):", ref->text, s->count);
	for (size_t i = 0; r == 0 && i < s->count; i++) {
		buf_appendf(&v->notes, "%s %s", i ? "," : "", kversion_format(&s->item[i], text));
		r = add_release(v, &s->item[i]);
	}
	if (r == 0)
		buf_puts(&v->notes, "\n");
	free(s);
	return r;
}

static int choose_default(struct resolver *v)
{
	struct kversion version;
	struct kernel_id id;
	if (!v->config.build) {
		int r = kernel_id_default(v->config.cache, &id, &v->err);
		return r < 0 ? r : add_id(v, &id);
	}
	if (!v->has_releases)
		return FAIL(&v->err, ERR_MISSING, -ENOENT,
			    "no kernel was named, and the list of releases could not be fetched (%s); 'ktstr kernel "
			    "build distro' builds the distribution's",
			    v->releases_error ?: "unknown");
	if (!default_version(v, &version))
		return FAIL(&v->err, ERR_MISSING, -ENOENT, "no stable kernel with patch >= %d found in releases.json",
			    STABLE_PATCH_LEAST);
	return add_release(v, &version);
}

/* No suite offers the package: an error, or with skip_absent a kernel whose tests are skipped. */
static int absent_package(struct resolver *v, const struct kernel_ref *ref)
{
	_cleanup_buf_ struct buf why = BUF_NULL, offered = BUF_NULL;
	if (v->offers)
		distro_list(v->offers, &offered);
	if (offered.len)
		buf_appendf(&why, "no suite of Debian offers it; there are: %s", buf_str(&offered));
	else
		buf_appendf(&why, "apt found no kernel source package (%s)", v->apt_error ?: "the mirror has none");
	if (!v->config.skip_absent)
		return FAIL(&v->err, ERR_MISSING, -ENOENT, "kernel '%s': %s", ref->text, buf_str(&why));
	struct kernel_id id = { .kind = KERNEL_ID_ABSENT, .path = strdup(ref->text), .why = buf_steal(&why) };
	if (id.path && id.why)
		return add_id(v, &id);
	kernel_id_done(&id);
	return -ENOMEM;
}

static int choose_package(struct resolver *v, const struct kernel_ref *ref)
{
	char text[KVERSION_TEXT_MAX];
	const struct distro_offer *o = v->offers ? distro_choose(v->offers, ref) : NULL;
	struct kernel_ref version = { .kind = REF_VERSION, .from = o ? o->upstream : ref->from };
	struct kernel_id id;
	if (!v->config.ask && (o || cached_package(v, ref)) &&
	    kernel_id_from_cache(v->config.cache, &version, &id, NULL) == 0)
		return add_id(v, &id);
	if (!o)
		return absent_package(v, ref);
	id = (struct kernel_id){ .kind = KERNEL_ID_PACKAGE, .version = strdup(kversion_format(&o->upstream, text)) };
	if (asprintf(&id.package, "%s=%s", o->package, o->version) < 0)
		id.package = NULL;
	if (!id.version || !id.package) {
		kernel_id_done(&id);
		return -ENOMEM;
	}
	buf_appendf(&v->notes, "kernel %s: source package %s\n", ref->text, id.package);
	return add_id(v, &id);
}

static int choose_git(struct resolver *v, size_t i)
{
	const struct kernel_ref *ref = &v->config.refs[i];
	struct kernel_id id = { .kind = KERNEL_ID_GIT, .url = strdup(ref->url), .ref = strdup(ref->name) };
	snprintf(id.hash, sizeof(id.hash), "%s", v->hash[i]);
	if (id.url && id.ref)
		return add_id(v, &id);
	kernel_id_done(&id);
	return -ENOMEM;
}

static int choose_path(struct resolver *v, const struct kernel_ref *ref)
{
	struct kernel_id id = { .kind = KERNEL_ID_TARBALL };
	int r = ref->kind == REF_DISTRO ? kernel_distro_tarball(NULL, &id.path, &v->err)
					: kernel_id_from_path(ref->text, &id, &v->err);
	return r < 0 ? r : add_id(v, &id);
}

static int choose_key(struct resolver *v, const struct kernel_ref *ref)
{
	struct kernel_id id;
	int r = kernel_id_from_cache(v->config.cache, ref, &id, &v->err);
	if (r < 0 && !v->err)
		return FAIL(&v->err, ERR_MISSING, -ENOENT,
			    "unknown kernel '%s': cache key %s not found. Run 'ktstr kernel list' to see available "
			    "entries",
			    ref->text, ref->text);
	return r < 0 ? r : add_id(v, &id);
}

int choose_all(void *arg)
{
	struct resolver *v = arg;
	int r = 0;
	for (size_t i = 0; r == 0 && i < v->config.count; i++) {
		const struct kernel_ref *ref = &v->config.refs[i];
		switch (ref->kind) {
		case REF_DEFAULT:
			r = choose_default(v);
			break;
		case REF_GIT:
			r = choose_git(v, i);
			break;
		case REF_PACKAGE:
			r = choose_package(v, ref);
			break;
		case REF_RANGE:
			r = choose_range(v, ref);
			break;
		case REF_DISTRO:
		case REF_PATH:
			r = choose_path(v, ref);
			break;
		case REF_VERSION:
			r = add_release(v, &ref->from);
			break;
		case REF_SERIES:
			r = choose_series(v, ref);
			break;
		case REF_KEY:
			r = choose_key(v, ref);
			break;
		}
	}
	return r;
}
