/* SPDX-License-Identifier: GPL-2.0-only */
/* distro.c -- see distro.h. */
#include <ctype.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "kernel/distro.h"

#define SOURCES_BYTES_MAX (1 << 20)
#define KEYRING		  "/usr/share/keyrings/debian-archive-keyring.gpg"
#define PACKAGE_PREFIX	  "linux-source-"
#define URI_MAX		  300
#define SUITE_MAX	  60

/* --- the system's package sources --------------------------------------------------------------------------------- */

/* Debian's suites by code name and by role. A suffix such as "-updates" may follow. */
static const char *const suites[] = {
	"bullseye",  "bookworm", "trixie",  "forky",	"duke",		"sid", "oldoldstable",
	"oldstable", "stable",	 "testing", "unstable", "experimental", NULL,
};
static const char *const suite_endings[] = { "", "-updates", "-security", "-backports", "-proposed-updates", NULL };
/* Suites that are added for each mirror of the main archive. */
static const char *const more_suites[] = {
	"oldstable", "oldstable-backports", "stable", "stable-updates", "stable-backports", "testing",
	"unstable",  "experimental",	    NULL,
};
static const char *const more_security[] = { "oldstable-security", "stable-security", NULL };

static bool is_debian_suite(const char *suite)
{
	for (size_t i = 0; suites[i]; i++) {
		size_t n = strlen(suites[i]);
		if (strncmp(suite, suites[i], n))
			continue;
		for (size_t k = 0; suite_endings[k]; k++)
			if (!strcmp(suite + n, suite_endings[k]))
				return true;
	}
	return false;
}

/* The last component of the URI's path names the archive: ".../debian", ".../debian-security". */
static bool is_debian_uri(const char *uri, bool *ret_security)
{
	static const char *const schemes[] = { "http:", "https:", "file:", "copy:", "mirror+", NULL };
	size_t len = strlen(uri);
	while (len && uri[len - 1] == '/')
		len--;
	size_t at = len;
	while (at && uri[at - 1] != '/')
		at--;
	*ret_security = len - at == strlen("debian-security") && !strncmp(uri + at, "debian-security", len - at);
	if (!*ret_security && (len - at != strlen("debian") || strncmp(uri + at, "debian", len - at)))
		return false;
	for (size_t i = 0; schemes[i]; i++)
		if (!strncmp(uri, schemes[i], strlen(schemes[i])))
			return true;
	return false;
}

static void add_line(const char *uri, const char *suite, struct buf *out)
{
	char line[URI_MAX + SUITE_MAX + 200];
	snprintf(line, sizeof(line), "deb [signed-by=" KEYRING "] %.*s %.*s main\n", URI_MAX, uri, SUITE_MAX, suite);
	if (!out->len || !strstr(buf_str(out), line))
		buf_puts(out, line);
}

static void add_source(const char *uri, const char *suite, struct buf *out)
{
	bool security;
	if (strlen(uri) > URI_MAX || !is_debian_suite(suite) || !is_debian_uri(uri, &security))
		return;
	add_line(uri, suite, out);
	const char *const *more = security ? more_security : more_suites;
	for (size_t i = 0; more[i]; i++)
		add_line(uri, more[i], out);
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);
	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || isspace((unsigned char)p[-1])) && (!p[n] || isspace((unsigned char)p[n])))
			return true;
	return false;
}

/* Format: deb [OPTION...] URI SUITE COMPONENT... */
static void convert_line(char *line, struct buf *out)
{
	char *rest = line + strspn(line, " \t");
	if (strncmp(rest, "deb", 3) || !isspace((unsigned char)rest[3]))
		return;
	rest += 3 + strspn(rest + 3, " \t");
	if (*rest == '[')
		rest += strcspn(rest, "]") + (strchr(rest, ']') != NULL);
	char *uri = strtok_r(rest, " \t", &rest), *suite = uri ? strtok_r(NULL, " \t", &rest) : NULL;
	if (suite && rest && has_word(rest, "main"))
		add_source(uri, suite, out);
}

static void convert_lines(char *text, struct buf *out)
{
	char *rest = NULL;
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		line[strcspn(line, "#")] = '\0';
		convert_line(line, out);
	}
}

/* The fields of one stanza of the deb822 format. */
struct stanza {
	char types[60], uris[1200], suites[400], components[200], enabled[12];
};

static void end_stanza(struct stanza *s, struct buf *out)
{
	char *more_uris = NULL;
	bool wanted = has_word(s->types, "deb") && has_word(s->components, "main") && strcasecmp(s->enabled, "no");
	char *uri = wanted ? strtok_r(s->uris, " \t", &more_uris) : NULL;
	for (; uri; uri = strtok_r(NULL, " \t", &more_uris)) {
		char list[sizeof(s->suites)], *more = NULL;
		snprintf(list, sizeof(list), "%s", s->suites);
		for (char *suite = strtok_r(list, " \t", &more); suite; suite = strtok_r(NULL, " \t", &more))
			add_source(uri, suite, out);
	}
	*s = (struct stanza){ 0 };
}

static void append_value(char *field, size_t size, const char *value)
{
	size_t len = strlen(field);
	value += strspn(value, " \t");
	snprintf(field + len, size - len, "%s%s", len ? " " : "", value);
}

static void convert_stanzas(char *text, struct buf *out)
{
	struct stanza s = { 0 };
	const struct {
		const char *name;
		char *value;
		size_t size;
	} fields[] = {
		{ "Types:", s.types, sizeof(s.types) },	      { "URIs:", s.uris, sizeof(s.uris) },
		{ "Suites:", s.suites, sizeof(s.suites) },    { "Components:", s.components, sizeof(s.components) },
		{ "Enabled:", s.enabled, sizeof(s.enabled) },
	};
	size_t at = ARRAY_SIZE(fields);
	for (char *line = text; line;) {
		char *next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		bool more = isspace((unsigned char)*line) && line[strspn(line, " \t")];
		if (!line[strspn(line, " \t")])
			end_stanza(&s, out);
		for (size_t i = 0; !more && *line != '#' && i <= ARRAY_SIZE(fields); i++) {
			at = i;
			if (i < ARRAY_SIZE(fields) && !strncasecmp(line, fields[i].name, strlen(fields[i].name)))
				break;
		}
		if (at < ARRAY_SIZE(fields) && *line != '#' && line[strspn(line, " \t")])
			append_value(fields[at].value, fields[at].size, more ? line : line + strlen(fields[at].name));
		line = next;
	}
	end_stanza(&s, out);
}

void distro_convert_sources(const char *text, bool deb822, struct buf *out)
{
	_cleanup_free_ char *copy = strdup(text);
	if (!copy)
		out->failed = true;
	else if (deb822)
		convert_stanzas(copy, out);
	else
		convert_lines(copy, out);
}

/* --- apt's directories -------------------------------------------------------------------------------------------- */

static void convert_files(const char *pattern, bool deb822, struct buf *out)
{
	glob_t found = { 0 };
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			_cleanup_buf_ struct buf text = BUF_NULL;
			if (file_read(found.gl_pathv[i], SOURCES_BYTES_MAX, &text, NULL) == 0)
				distro_convert_sources(buf_str(&text), deb822, out);
		}
		globfree(&found);
	}
}

static int find_sources(struct buf *out, struct err **err)
{
	const char *said = environment_get(ENV_APT_SOURCES);
	if (said) {
		int r = file_read(said, SOURCES_BYTES_MAX, out, NULL);
		return r == 0 ? 0
			      : FAIL(err, ERR_MISSING, r, "KTSTR_APT_SOURCES: cannot read '%s': %s", said,
				     strerror(-r));
	}
	convert_files("/etc/apt/sources.list", false, out);
	convert_files("/etc/apt/sources.list.d/*.list", false, out);
	convert_files("/etc/apt/sources.list.d/*.sources", true, out);
	if (out->len)
		return 0;
	FAIL(err, ERR_MISSING, -ENOENT, "/etc/apt names no mirror of Debian for its kernel source packages");
	if (err)
		err_hint(*err, "write one into a file and name that by KTSTR_APT_SOURCES");
	return -ENOENT;
}

int distro_prepare(const char *root, struct err **err)
{
	static const char *const dirs[] = { ".apt/lists/partial", ".apt/cache/archives/partial" };
	_cleanup_buf_ struct buf sources = BUF_NULL;
	_cleanup_free_ char *path = path_join(root, ".apt/sources.list");
	int r = path ? find_sources(&sources, err) : -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(dirs) && r == 0; i++) {
		_cleanup_free_ char *dir = path_join(root, dirs[i]);
		r = dir ? mkdir_parents(dir, 0755, err) : -ENOMEM;
	}
	return r == 0 ? file_write_atomic(path, sources.data, sources.len, 0644, err) : r;
}

int distro_command(struct distro_command *c, const char *root, const char *program, const char *const *words)
{
	static const struct {
		const char *option, *file;
	} paths[] = {
		{ "Dir::State::lists", "lists" },
		{ "Dir::Cache", "cache" },
		{ "Dir::Etc::sourcelist", "sources.list" },
	};
	/*
	 * When root runs apt, it downloads as user _apt, which cannot access a user's cache directory. So downloads run
	 * as root. Container images disable apt's own caches; without them apt parses all lists on every run.
	 */
	static const char *const fixed[] = {
		"Dir::Etc::sourceparts=/dev/null",   "APT::Sandbox::User=root",
		"Acquire::Languages=none",	     "Acquire::Retries=2",
		"Dir::Cache::pkgcache=pkgcache.bin", "Dir::Cache::srcpkgcache=srcpkgcache.bin",
	};
	size_t n = 0;
	*c = (struct distro_command){ 0 };
	c->argv[n++] = program;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (asprintf(&c->text[i], "%s=%s/.apt/%s", paths[i].option, root, paths[i].file) < 0) {
			c->text[i] = NULL;
			return -ENOMEM;
		}
		c->argv[n++] = "-o";
		c->argv[n++] = c->text[i];
	}
	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		c->argv[n++] = "-o";
		c->argv[n++] = fixed[i];
	}
	for (size_t i = 0; words[i] && n + 1 < DISTRO_WORDS_MAX; i++)
		c->argv[n++] = words[i];
	return 0;
}

void distro_command_done(struct distro_command *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(c->text); i++)
		free(c->text[i]);
	*c = (struct distro_command){ 0 };
}

/* --- offered packages --------------------------------------------------------------------------------------------- */

bool distro_is_source_package(const char *name)
{
	size_t n = strlen(PACKAGE_PREFIX);
	return !strncmp(name, PACKAGE_PREFIX, n) && name[n] && !name[n + strspn(name + n, "0123456789.")];
}

/* "7.3.4-1~bpo13+1" -> 7.3.4; "7.4~rc2-1~exp1" -> 7.4-rc2; "1:6.1.2-1" has an epoch. */
static int upstream_of(const char *version, struct kversion *ret)
{
	char text[64];
	const char *colon = strchr(version, ':');
	snprintf(text, sizeof(text), "%.63s", colon ? colon + 1 : version);
	text[strcspn(text, "-+")] = '\0';
	char *tilde = strchr(text, '~');
	if (tilde && !strncmp(tilde, "~rc", 3))
		*tilde = '-';
	else if (tilde)
		*tilde = '\0';
	return kversion_parse(text, ret);
}

static size_t copy_field(const char *from, char *to, size_t size)
{
	from += strspn(from, " \t");
	size_t n = strcspn(from, " \t|\n");
	snprintf(to, size, "%.*s", (int)n, from);
	return n;
}

/* Parses " linux-source-7.3 | 7.3.4-1~bpo13+1 | http://.../debian trixie-backports/main amd64 Packages". */
void distro_take_offer(struct distro_offers *offers, const char *line)
{
	const char *bar = strchr(line, '|');
	struct distro_offer o = { 0 };
	if (!bar || offers->count == DISTRO_OFFERS_MAX ||
	    copy_field(line, o.package, sizeof(o.package)) >= sizeof(o.package) ||
	    copy_field(bar + 1, o.version, sizeof(o.version)) >= sizeof(o.version))
		return;
	if (!distro_is_source_package(o.package) || upstream_of(o.version, &o.upstream) < 0)
		return;
	offers->item[offers->count++] = o;
}

static bool is_meant(const struct distro_offer *o, const struct kernel_ref *ref)
{
	if (ref->newest)
		return o->upstream.rc == KVERSION_FINAL;
	return kversion_exact(&ref->from) ? !kversion_compare(&o->upstream, &ref->from)
					  : kversion_in_series(&o->upstream, &ref->from);
}

const struct distro_offer *distro_choose(const struct distro_offers *offers, const struct kernel_ref *ref)
{
	const struct distro_offer *best = NULL;
	for (size_t i = 0; i < offers->count; i++) {
		const struct distro_offer *o = &offers->item[i];
		if (is_meant(o, ref) && (!best || kversion_compare(&o->upstream, &best->upstream) > 0))
			best = o;
	}
	return best;
}

void distro_list(const struct distro_offers *offers, struct buf *out)
{
	char text[KVERSION_TEXT_MAX];
	for (size_t i = 0; i < offers->count; i++) {
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again |= !kversion_compare(&offers->item[k].upstream, &offers->item[i].upstream);
		if (!again)
			buf_appendf(out, "%s%s", out->len ? ", " : "",
				    kversion_format(&offers->item[i].upstream, text));
	}
}
