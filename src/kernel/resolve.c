/* SPDX-License-Identifier: GPL-2.0-only */
/* resolve.c -- see resolve.h. States are in the order in which they run. choose.c makes the decisions. */
#include <string.h>

#include "base/bug.h"
#include "base/file.h"
#include "base/tool.h"
#include "kernel/choose.h"

#define FETCH_DEADLINE	   (5 * NSEC_PER_MIN)
#define LS_REMOTE_DEADLINE NSEC_PER_MIN
#define APT_LOCK_RETRY	   (250 * NSEC_PER_MSEC)
#define APT_DEADLINE	   (10 * NSEC_PER_MIN)
#define REAP_DEADLINE	   (10 * NSEC_PER_SEC)

enum {
	RESOLVE_FETCH_RELEASES,
	RESOLVE_READ_RELEASES,
	RESOLVE_FETCH_CHECKSUMS,
	RESOLVE_READ_CHECKSUMS,
	RESOLVE_VERIFY_SIGNATURES,
	RESOLVE_FIND_COMMITS,
	RESOLVE_LOCK_APT,
	RESOLVE_UPDATE_APT,
	RESOLVE_LIST_PACKAGES,
	RESOLVE_LIST_VERSIONS,
	RESOLVE_PROBE_CANDIDATE,
	RESOLVE_JUDGE_CANDIDATE,
	RESOLVE_CHOOSE,
	RESOLVE_FINISH,
	RESOLVE_REAP,
	RESOLVE_COUNT
};

static struct resolver *resolver_of(struct machine *m)
{
	return container_of(m, struct resolver, machine);
}

/* --- fetching small files ----------------------------------------------------------------------------------------- */

/* Takes ownership of @urls. */
static int begin_fetch(struct machine *m, char **urls, bool head)
{
	struct resolver *v = resolver_of(m);
	struct fetch_request q = { .urls = (const char *const *)urls, .fd = -1, .head = head, .tuning = &MIRROR_LISTS };
	mirror_urls_free(v->urls);
	v->urls = urls;
	if (!urls)
		return -ENOMEM;
	fetch_done(&v->fetch);
	fetch_start(&v->fetch, v->config.http, m->reactor, &q, m, NULL);
	machine_await(m, &v->fetch.machine);
	return 0;
}

/* --- FETCH_RELEASES, READ_RELEASES -------------------------------------------------------------------------------- */

/* Without the list the cache may still answer. References that need the list fail later, when they are resolved. */
static void take_releases(struct resolver *v, int result)
{
	_cleanup_err_ struct err *err = NULL;
	_cleanup_buf_ struct buf why = BUF_NULL;
	if (result == 0)
		result = releases_parse(v->fetch.body.data, v->fetch.body.len, v->urls[0], &v->releases, &err);
	v->has_releases = result == 0;
	if (v->has_releases)
		return;
	err_format(err ? err : v->fetch.err, &why);
	v->releases_error = buf_steal(&why);
}

static int begin_checksums(struct resolver *v)
{
	choose_majors(v);
	v->at = 0;
	return RESOLVE_FETCH_CHECKSUMS;
}

static int fetch_releases(struct machine *m, int result)
{
	struct resolver *v = resolver_of(m);
	(void)result;
	if (!choose_needs_releases(v))
		return begin_checksums(v);
	int r = begin_fetch(m, mirror_releases_json(), false);
	return r < 0 ? r : RESOLVE_READ_RELEASES;
}

static int read_releases(struct machine *m, int result)
{
	struct resolver *v = resolver_of(m);
	take_releases(v, result);
	return begin_checksums(v);
}

/* --- FETCH_CHECKSUMS, READ_CHECKSUMS: one list per major version that has a release to download ------------------- */

static void take_body(struct buf *to, struct fetch *f)
{
	*to = f->body;
	f->body = BUF_NULL;
}

static int fetch_checksums(struct machine *m, int result)
{
	struct resolver *v = resolver_of(m);
	(void)result;
	if (v->at == v->majors) {
		v->at = 0;
		return RESOLVE_VERIFY_SIGNATURES;
	}
	int r = begin_fetch(m, mirror_sums(v->sums[v->at].major), false);
	return r < 0 ? r : RESOLVE_READ_CHECKSUMS;
}

static int read_checksums(struct machine *m, int result)
{
	struct resolver *v = resolver_of(m);
	if (result == 0)
		take_body(&v->sums[v->at].text, &v->fetch);
	else
		err_format(v->fetch.err, &v->sums[v->at].why);
	v->at++;
	return RESOLVE_FETCH_CHECKSUMS;
}

/* --- VERIFY_SIGNATURES: gpgv checks each list; afterwards the list is the text that its signature covers ---------- */

static void on_status_line(void *data, const char *line)
{
	struct resolver *v = data;
	v->signature_good |= signature_line_is_good(line, v->keyring.said);
}

/* Without keys nothing is verified, and a warning says so. If the user named a keyring, it is an error. */
static int find_keys(struct resolver *v)
{
	bool needed = false;
	for (size_t i = 0; i < v->majors; i++)
		needed |= v->sums[i].text.len > 0;
	if (!needed || v->config.no_verify_signature)
		return 0;
	int r = keyring_find(&v->keyring, &v->err);
	if (r == 0 && v->keyring.why)
		buf_appendf(&v->notes, "warning: the signature of the list of checksums is not verified: %s\n",
			    v->keyring.why);
	return r;
}

static void close_signed(struct resolver *v)
{
	if (!v->verifying)
		return;
	fd_close(v->signed_fd);
	fd_close(v->content_fd);
	v->verifying = false;
}

static int open_signed(struct resolver *v)
{
	const struct buf *text = &v->sums[v->at].text;
	v->verifying = true;
	v->signed_fd = memfd_new("ktstr-signed", 0);
	v->content_fd = memfd_new("ktstr-content", 0);
	v->signature_good = false;
	if (v->signed_fd < 0 || v->content_fd < 0)
		return v->signed_fd < 0 ? v->signed_fd : v->content_fd;
	return fd_write_full(v->signed_fd, text->data, text->len);
}

static int bad_signature(struct resolver *v)
{
	char line[300];
	command_error_line(&v->run, line, sizeof(line));
	FAIL(&v->err, ERR_DATA, -EBADMSG,
	     "the list of checksums of Linux %u.x is not signed by a trusted key "
	     "(keyring '%s'): %s",
	     v->sums[v->at].major, v->keyring.path, line);
	err_hint(v->err, "try again, or another mirror; --no-verify-signature accepts it without one");
	return -EBADMSG;
}

static int take_content(struct resolver *v)
{
	char path[40];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", v->content_fd);
	int r = file_read(path, v->sums[v->at].text.len, &v->sums[v->at].text, &v->err);
	close_signed(v);
	return r;
}

static int verify(struct machine *m, int result)
{
	struct resolver *v = resolver_of(m);
	const char *argv[] = { "gpgv",
			       "--status-fd",
			       "1",
			       "--keyring",
			       v->keyring.path,
			       "--output",
			       "/proc/self/fd/4",
			       "/proc/self/fd/3",
			       NULL };
	static const char *const env[] = { "LC_ALL=C", NULL };
	_Static_assert(SIGNATURE_FD_TEXT == 3 && SIGNATURE_FD_CONTENT == 4, "as in argv");
	int r = command_is_idle(&v->run) ? open_signed(v) : 0;
	const struct child_fd fds[] = { { v->signed_fd, SIGNATURE_FD_TEXT }, { v->content_fd, SIGNATURE_FD_CONTENT } };
	struct command_spec c = { .what = "gpgv", .argv = argv, .env = env, .fds = fds, .fd_count = ARRAY_SIZE(fds) };
	v->run.on_line = on_status_line;
	r = r == 0 ? command_drive(m, result, &v->run, &c, &v->err) : r;
	if (r == 0 || v->err)
		return r;
	if (r < 0 || !v->signature_good)
		return bad_signature(v);
	r = take_content(v);
	return r < 0 ? r : 1;
}

static void on_ref_line(void *data, const char *line);

static int verify_signatures(struct machine *m, int result)
{
	struct resolver *v = resolver_of(m);
	if (command_is_idle(&v->run) && v->at == 0 && !v->keyring.path) {
		int r = find_keys(v);
		if (r < 0)
			return r;
	}
	for (; v->keyring.path && v->at < v->majors; v->at++) {
		if (!v->sums[v->at].text.len)
			continue;
		int r = verify(m, result);
		result = 0;
		if (r <= 0)
			return r < 0 ? r : RESOLVE_VERIFY_SIGNATURES;
		machine_extend(m);
	}
	v->at = 0;
	v->run.on_line = on_ref_line;
	return RESOLVE_FIND_COMMITS;
}

/* --- FIND_COMMITS: git ls-remote for each git source -------------------------------------------------------------- */

/* Parses "HASH<TAB>NAME". An annotated tag has a second line NAME^{} with the tag's commit, which is used. */
static void on_ref_line(void *data, const char *line)
{
	struct resolver *v = data;
	const char *tab = strchr(line, '\t');
	if (!tab || tab - line != 40 || strspn(line, "0123456789abcdef") != 40)
		return;
	bool peeled = strlen(tab) > 3 && !strcmp(tab + strlen(tab) - 3, "^{}");
	if (!v->hash[v->at][0] || peeled)
		snprintf(v->hash[v->at], sizeof(v->hash[0]), "%.40s", line);
}

static int no_such_ref(struct resolver *v, const struct kernel_ref *ref)
{
	char line[300];
	command_error_line(&v->run, line, sizeof(line));
	if (v->run.child.status)
		return FAIL(&v->err, ERR_MISSING, -EIO, "kernel '%s': git cannot read %s: %s", ref->text, ref->url,
			    line);
	return FAIL(&v->err, ERR_MISSING, -ENOENT, "kernel '%s': %s has no %s '%s'", ref->text, ref->url,
		    ref->git == GIT_REF_TAG	 ? "tag"
		    : ref->git == GIT_REF_BRANCH ? "branch"
						 : "ref",
		    ref->name);
}

static int ls_remote(struct machine *m, int result, const struct kernel_ref *ref)
{
	static const char *const env[] = { "GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=true", "LC_ALL=C", NULL };
	struct resolver *v = resolver_of(m);
	char name[300], peeled[304];
	snprintf(name, sizeof(name), "%s%.250s",
		 ref->git == GIT_REF_TAG      ? "refs/tags/"
		 : ref->git == GIT_REF_BRANCH ? "refs/heads/"
					      : "",
		 ref->name);
	snprintf(peeled, sizeof(peeled), "%s^{}", name);
	const char *argv[] = { "git", "ls-remote", "--", ref->url, name, peeled, NULL };
	v->run.on_line = on_ref_line;
	struct command_spec c = { .what = "git ls-remote", .argv = argv, .base_env = TOOL_ENV_GIT, .env = env };
	int r = command_drive(m, result, &v->run, &c, &v->err);
	if (r < 0 && v->err)
		return r;
	return r < 0 || (r == 1 && !v->hash[v->at][0]) ? no_such_ref(v, ref) : r;
}

static int find_commits(struct machine *m, int result)
{
	struct resolver *v = resolver_of(m);
	for (; v->at < v->config.count; v->at++) {
		const struct kernel_ref *ref = &v->config.refs[v->at];
		if (ref->kind != REF_GIT)
			continue;
		if (ref->git == GIT_REF_SHA) {
			snprintf(v->hash[v->at], sizeof(v->hash[0]), "%s", ref->name);
			continue;
		}
		int r = ls_remote(m, result, ref);
		result = 0;
		if (r <= 0)
			return r < 0 ? r : RESOLVE_FIND_COMMITS;
		machine_extend(m);
	}
	v->at = 0;
	return RESOLVE_LOCK_APT;
}

/* --- LOCK_APT to LIST_VERSIONS: the offers of Debian's suites, if a package is named ------------------------------ */

static int prepare_apt(void *arg)
{
	static const struct tool tools[] = { { "apt-get", "apt" }, { "apt-cache", "apt" }, { 0 } };
	struct resolver *v = arg;
	int r = tools_require(tools, "a kernel source package", &v->err);
	return r == 0 ? distro_prepare(v->config.cache->root, &v->err) : r;
}

/* apt fails if another apt uses the same lists. So our processes wait for each other. */
static int lock_apt(struct machine *m, int result)
{
	struct resolver *v = resolver_of(m);
	if (result < 0 || !choose_needs_packages(v))
		return result < 0 ? result : RESOLVE_PROBE_CANDIDATE;
	int r = cache_lock(v->config.cache, "apt", &v->apt_lock_fd, NULL, 0, &v->err);
	if (r == -EBUSY) {
		machine_sleep(m, APT_LOCK_RETRY);
		return RESOLVE_LOCK_APT;
	}
	if (r < 0)
		return r;
	v->offers = calloc(1, sizeof(*v->offers));
	if (!v->offers)
		return -ENOMEM;
	machine_offload(m, &v->offload, prepare_apt, v);
	return RESOLVE_UPDATE_APT;
}

static int run_apt(struct machine *m, int result, const char *program, const char *const *words,
		   void (*on_line)(void *data, const char *line))
{
	static const char *const env[] = { "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive", NULL };
	struct resolver *v = resolver_of(m);
	struct distro_command apt;
	if (result < 0 && command_is_idle(&v->run))
		return result;
	v->run.on_line = on_line;
	int r = distro_command(&apt, v->config.cache->root, program, words);
	struct command_spec c = { .what = program, .argv = apt.argv, .base_env = TOOL_ENV_DOWNLOAD, .env = env };
	r = r < 0 ? r : command_drive(m, result, &v->run, &c, &v->err);
	distro_command_done(&apt);
	return r;
}

/* apt fails if a mirror lacks one suite. We continue with the other suites. */
static int update_apt(struct machine *m, int result)
{
	static const char *const words[] = { "-q", "update", NULL };
	struct resolver *v = resolver_of(m);
	bool begun = !command_is_idle(&v->run);
	int r = run_apt(m, result, "apt-get", words, NULL);
	if (r < 0 && (!begun || v->err))
		return r;
	if (r == 0)
		return RESOLVE_UPDATE_APT;
	if (r < 0) {
		char line[300];
		command_error_line(&v->run, line, sizeof(line));
		v->apt_error = strdup(line);
	}
	return RESOLVE_LIST_PACKAGES;
}

static void take_package_name(void *data, const char *line)
{
	struct resolver *v = data;
	if (!distro_is_source_package(line) || v->package_count == ARRAY_SIZE(v->packages))
		return;
	v->packages[v->package_count] = strdup(line);
	v->package_count += v->packages[v->package_count] != NULL;
}

static int list_packages(struct machine *m, int result)
{
	static const char *const words[] = { "pkgnames", "linux-source-", NULL };
	int r = run_apt(m, result, "apt-cache", words, take_package_name);
	return r < 0 ? r : r ? RESOLVE_LIST_VERSIONS : RESOLVE_LIST_PACKAGES;
}

static void take_offer(void *data, const char *line)
{
	struct resolver *v = data;
	distro_take_offer(v->offers, line);
}

static int list_versions(struct machine *m, int result)
{
	struct resolver *v = resolver_of(m);
	const char *words[ARRAY_SIZE(v->packages) + 2] = { "madison" };
	memcpy(words + 1, v->packages, v->package_count * sizeof(*words));
	int r = v->package_count ? run_apt(m, result, "apt-cache", words, take_offer) : 1;
	if (r <= 0)
		return r < 0 ? r : RESOLVE_LIST_VERSIONS;
	v->apt_lock_fd = fd_close(v->apt_lock_fd);
	return RESOLVE_PROBE_CANDIDATE;
}

/* --- PROBE_CANDIDATE, JUDGE_CANDIDATE: a release candidate is removed from its host when the release is out ------- */

static bool is_candidate(const struct resolver *v, const struct kernel_ref *ref)
{
	return ref->kind == REF_VERSION && ref->from.rc != KVERSION_FINAL && !choose_cached(v, ref);
}

static int probe_candidate(struct machine *m, int result)
{
	struct resolver *v = resolver_of(m);
	(void)result;
	while (v->at < v->config.count && !is_candidate(v, &v->config.refs[v->at]))
		v->at++;
	if (v->at == v->config.count)
		return RESOLVE_CHOOSE;
	int r = begin_fetch(m, mirror_tarball(&v->config.refs[v->at].from), true);
	return r < 0 ? r : RESOLVE_JUDGE_CANDIDATE;
}

static int judge_candidate(struct machine *m, int result)
{
	struct resolver *v = resolver_of(m);
	const char *text = v->config.refs[v->at++].text;
	if (result < 0 && v->fetch.absent)
		return FAIL(&v->err, ERR_MISSING, -ENOENT,
			    "RC tarball not found: %s (%s). RC releases are removed from git.kernel.org after the "
			    "stable version ships",
			    v->urls[0], text);
	if (result < 0) {
		v->err = TAKE_PTR(v->fetch.err);
		return result;
	}
	return RESOLVE_PROBE_CANDIDATE;
}

/* --- CHOOSE, FINISH, REAP ----------------------------------------------------------------------------------------- */

static int choose(struct machine *m, int result)
{
	struct resolver *v = resolver_of(m);
	(void)result;
	machine_offload(m, &v->offload, choose_all, v);
	return RESOLVE_FINISH;
}

static int finish_resolve(struct machine *m, int result)
{
	(void)m;
	return result < 0 ? result : MACHINE_END;
}

static int reap(struct machine *m, int result)
{
	struct resolver *v = resolver_of(m);
	if (result < 0)
		v->failed = result;
	return command_reap(m, &v->run) ? MACHINE_END : RESOLVE_REAP;
}

static const struct machine_state states[RESOLVE_COUNT] = {
	[RESOLVE_FETCH_RELEASES] = { "fetch releases", fetch_releases, FETCH_DEADLINE, 0,
				     TO(RESOLVE_READ_RELEASES) | TO(RESOLVE_FETCH_CHECKSUMS) },
	[RESOLVE_READ_RELEASES] = { "read releases", read_releases, FETCH_DEADLINE, 0, TO(RESOLVE_FETCH_CHECKSUMS) },
	[RESOLVE_FETCH_CHECKSUMS] = { "fetch checksums", fetch_checksums, FETCH_DEADLINE, 0,
				      TO(RESOLVE_READ_CHECKSUMS) | TO(RESOLVE_VERIFY_SIGNATURES) },
	[RESOLVE_READ_CHECKSUMS] = { "read checksums", read_checksums, FETCH_DEADLINE, 0, TO(RESOLVE_FETCH_CHECKSUMS) },
	[RESOLVE_VERIFY_SIGNATURES] = { "verify signatures", verify_signatures, LS_REMOTE_DEADLINE, RESOLVE_REAP,
					TO(RESOLVE_FIND_COMMITS) },
	[RESOLVE_FIND_COMMITS] = { "find commits", find_commits, LS_REMOTE_DEADLINE, RESOLVE_REAP,
				   TO(RESOLVE_LOCK_APT) },
	[RESOLVE_LOCK_APT] = { "lock apt", lock_apt, APT_DEADLINE, RESOLVE_REAP,
			       TO(RESOLVE_UPDATE_APT) | TO(RESOLVE_PROBE_CANDIDATE) },
	[RESOLVE_UPDATE_APT] = { "update apt", update_apt, APT_DEADLINE, RESOLVE_REAP, TO(RESOLVE_LIST_PACKAGES) },
	[RESOLVE_LIST_PACKAGES] = { "list packages", list_packages, APT_DEADLINE, RESOLVE_REAP,
				    TO(RESOLVE_LIST_VERSIONS) },
	[RESOLVE_LIST_VERSIONS] = { "list versions", list_versions, APT_DEADLINE, RESOLVE_REAP,
				    TO(RESOLVE_PROBE_CANDIDATE) },
	[RESOLVE_PROBE_CANDIDATE] = { "probe candidate", probe_candidate, FETCH_DEADLINE, 0,
				      TO(RESOLVE_JUDGE_CANDIDATE) | TO(RESOLVE_CHOOSE) },
	[RESOLVE_JUDGE_CANDIDATE] = { "judge candidate", judge_candidate, FETCH_DEADLINE, 0,
				      TO(RESOLVE_PROBE_CANDIDATE) },
	[RESOLVE_CHOOSE] = { "choose", choose, FETCH_DEADLINE, 0, TO(RESOLVE_FINISH) },
	[RESOLVE_FINISH] = { "finish", finish_resolve, FETCH_DEADLINE, 0, TO_END },
	[RESOLVE_REAP] = { "reap", reap, REAP_DEADLINE, 0, TO_END },
};

static void resolver_ended(struct machine *m, int result)
{
	struct resolver *v = resolver_of(m);
	v->ended = true;
	v->result = result;
	if (result == -ETIME && !v->err)
		FAIL(&v->err, ERR_MISSING, -ETIME,
		     "kernel '%s': no answer from %s in %u s; check the address and the "
		     "network",
		     v->at < v->config.count ? v->config.refs[v->at].text ?: "" : "",
		     v->at < v->config.count ? v->config.refs[v->at].url ?: "the server" : "the server",
		     (unsigned)(LS_REMOTE_DEADLINE / NSEC_PER_SEC));
}

static const struct machine_type type = { "resolve", states, RESOLVE_COUNT, resolver_ended };

int resolver_start(struct reactor *r, struct resolver *v, const struct resolve_config *config)
{
	*v = (struct resolver){ .config = *config, .apt_lock_fd = -1 };
	v->hash = calloc(config->count + 1, sizeof(*v->hash));
	command_init(&v->run);
	v->run.data = v;
	if (!v->hash)
		return -ENOMEM;
	machine_start(r, &v->machine, &type, NULL, "resolve");
	return 0;
}

void resolver_done(struct resolver *v)
{
	mirror_urls_free(v->urls);
	for (size_t i = 0; i < v->id_count; i++)
		kernel_id_done(&v->ids[i]);
	for (size_t i = 0; i < v->majors; i++) {
		buf_done(&v->sums[i].text);
		buf_done(&v->sums[i].why);
	}
	if (v->has_releases)
		releases_done(&v->releases);
	keyring_done(&v->keyring);
	close_signed(v);
	fetch_done(&v->fetch);
	command_done(&v->run);
	buf_done(&v->notes);
	err_free(v->err);
	for (size_t i = 0; i < v->package_count; i++)
		free(v->packages[i]);
	if (v->hash) /* NULL: the machine was never started */
		fd_close(v->apt_lock_fd);
	free(v->offers);
	free(v->apt_error);
	free(v->releases_error);
	free(v->ids);
	free(v->hash);
	*v = (struct resolver){ 0 };
}
