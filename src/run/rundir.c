/* SPDX-License-Identifier: GPL-2.0-only */
/* rundir.c -- see rundir.h. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/dir.h"
#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "base/time.h"
#include "lock/local.h"
#include "lock/scan.h"
#include "run/history.h"
#include "run/rundir.h"

#define VARIANT_DIGITS 16
#define SEED_DIGITS    16
#define LOCK_TIMEOUT   (30 * NSEC_PER_SEC)

void rundir_done(struct rundir *d)
{
	free(d->path);
	free(d->id);
	fd_close(d->lock_fd);
	fd_close(d->fd);
	*d = RUNDIR_NULL;
}

static int take_lock(struct rundir *d, int locks, const char *dir, struct err **err)
{
	_cleanup_free_ char *name = NULL;
	_cleanup_buf_ struct buf who = BUF_NULL;
	if (asprintf(&name, "%s.lock", d->id) < 0)
		return -ENOMEM;
	_cleanup_close_ int fd = lock_file_open(locks, name, 0644);
	if (fd < 0)
		return FAIL_SYS(err, fd, "open lock '%s/%s'", dir, name);
	nsec_t until = nsec_now() + LOCK_TIMEOUT;
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || nsec_now() > until) {
			lock_name_holders(dir, name, &who);
			return FAIL(err, ERR_BUSY, -EBUSY,
				    "flock LOCK_EX on run-dir %s timed out after 30s (lockfile "
				    "%s/%s, holders: %s); another ktstr test writes there: wait for it or end it",
				    d->path, dir, name, buf_str(&who));
		}
		static const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
		nanosleep(&pause, NULL);
	}
	futimens(fd, NULL); /* 'ktstr locks' shows this as the time of locking */
	d->lock_fd = TAKE_FD(fd);
	return 0;
}

char *rundir_beside(const char *sidecar, const char *suffix)
{
	char *path = NULL;
	int stem = (int)(strlen(sidecar) - strlen(SIDECAR_SUFFIX));
	return asprintf(&path, "%.*s%s", stem, sidecar, suffix) < 0 ? NULL : path;
}

/* --- results of earlier runs -------------------------------------------------------------------------------------- */

/* Hexadecimal digits at the begin of @text; exactly @wanted of them: their number, else 0. */
static size_t hex_digits(const char *text, size_t wanted)
{
	return strspn(text, "0123456789abcdef") == wanted ? wanted : 0;
}

/*
 * Matches "-", the variant's digits, with --repeat and --retries "-s" and the seed's digits, and a suffix of a result
 * file, also with a temporary suffix after it.
 */
bool rundir_is_result(const char *name)
{
	static const char *const suffixes[] = { SIDECAR_SUFFIX,	  REPORT_SUFFIX,   MEMORY_SUFFIX,   DUMP_SUFFIX,
						SNAPSHOTS_SUFFIX, REPRO_SUFFIX,	   LOAD_LOG_SUFFIX, PERTURB_SUFFIX,
						PROFILE_SUFFIX,	  SCHEDULE_SUFFIX, MODEL_SUFFIX,    RODATA_SUFFIX };
	const char *dash = strrchr(name, '-');
	while (dash && !hex_digits(dash + 1, VARIANT_DIGITS))
		dash = memrchr(name, '-', (size_t)(dash - name));
	const char *rest = dash ? dash + 1 + VARIANT_DIGITS : "";
	if (!strncmp(rest, "-s", 2) && hex_digits(rest + 2, SEED_DIGITS))
		rest += 2 + SEED_DIGITS;
	for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
		size_t len = strlen(suffixes[i]);
		if (!strncmp(rest, suffixes[i], len) && (!rest[len] || rest[len] == '.'))
			return true;
	}
	return false;
}

static json_t *read_sidecar(int dir, const char *sidecar)
{
	_cleanup_close_ int fd = openat(dir, sidecar, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	return fd >= 0 ? json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

static bool is_of_suites(const json_t *result, const char *const *suites)
{
	const char *suite = json_string_value(json_object_get(result, "suite"));
	for (; suite && *suites; suites++)
		if (!strcmp(suite, *suites))
			return true;
	return false;
}

/* An image of memory is large, and explains a failure only beside the run's build: it is not kept. */
static void take_result(struct history *h, int dir, const char *sidecar)
{
	static const char *const kept[] = { REPORT_SUFFIX,   DUMP_SUFFIX,    SNAPSHOTS_SUFFIX, REPRO_SUFFIX,
					    LOAD_LOG_SUFFIX, PERTURB_SUFFIX, PROFILE_SUFFIX,   SCHEDULE_SUFFIX,
					    MODEL_SUFFIX,    RODATA_SUFFIX };
	_cleanup_free_ char *memory = rundir_beside(sidecar, MEMORY_SUFFIX);
	history_take(h, dir, sidecar);
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		_cleanup_free_ char *path = rundir_beside(sidecar, kept[i]);
		if (path && faccessat(dir, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			history_take(h, dir, path);
	}
	if (memory)
		unlinkat(dir, memory, 0);
}

/* Earlier results in one directory, and which of them to remove. */
struct clearing {
	struct rundir *dir;
	const struct rundir_scope *scope;
	const char **planned; /* names of the plan's cases, sorted */
	struct history *history;
};

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static const char **sorted_names(const struct plan *p)
{
	const char **names = calloc(p->count + 1, sizeof(*names));
	for (size_t i = 0; names && i < p->count; i++)
		names[i] = p->item[i].name;
	if (names)
		qsort(names, p->count, sizeof(*names), compare_names);
	return names;
}

static bool runs_again(const struct clearing *c, const json_t *result)
{
	const char *name = json_string_value(json_object_get(result, "name"));
	return name && is_of_suites(result, c->scope->suites) &&
	       bsearch(&name, c->planned, c->scope->plan->count, sizeof(name), compare_names);
}

/* A report is moved together with its sidecar, which readdir() may return later. */
static bool belongs_to_sidecar(int dir, const char *name)
{
	size_t len = strlen(name), suffix = strlen(REPORT_SUFFIX);
	char *sidecar = NULL;
	bool is_report = len > suffix && !strcmp(name + len - suffix, REPORT_SUFFIX);
	if (!is_report || asprintf(&sidecar, "%.*s" SIDECAR_SUFFIX, (int)(len - suffix), name) < 0)
		return false;
	bool found = faccessat(dir, sidecar, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	free(sidecar);
	return found;
}

/* Of a directory that other suites use too, and of a narrowed run, files are known only by what their sidecar says. */
static void clear_entry(const struct clearing *c, const char *name)
{
	bool whole = !c->scope->narrowed && !rundir_is_shared(c->dir->commit);
	if (!is_sidecar_name(name)) {
		if (whole && rundir_is_result(name) && !belongs_to_sidecar(c->dir->fd, name))
			unlinkat(c->dir->fd, name, 0);
		return;
	}
	json_auto_t *result = read_sidecar(c->dir->fd, name);
	bool again = runs_again(c, result);
	if (!again && (c->scope->narrowed || !(whole || is_of_suites(result, c->scope->suites))))
		return;
	c->dir->lost += !again;
	if (rundir_is_result(name))
		take_result(c->history, c->dir->fd, name);
	else if (whole)
		unlinkat(c->dir->fd, name, 0);
}

/* When the results in a directory were written: each of them was renamed in it. */
static time_t last_change(int dir)
{
	struct stat st;
	return fstat(dir, &st) == 0 ? st.st_mtim.tv_sec : time(NULL);
}

/* @root: the directory of all runs. */
static int clear_old(struct rundir *d, int root, const char *root_path, const struct rundir_scope *scope)
{
	_cleanup_free_ const char **planned = sorted_names(scope->plan);
	_cleanup_(history_done) struct history h = HISTORY_NULL;
	struct clearing c = { .dir = d, .scope = scope, .planned = planned, .history = &h };
	h.root = root;
	h.path = root_path;
	h.run = d->id;
	h.keep = scope->keep;
	h.when = last_change(d->fd);
	if (!planned)
		return -ENOMEM;
	int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	for (struct dirent *e; dir && (e = readdir(dir));)
		clear_entry(&c, e->d_name);
	if (dir)
		closedir(dir);
	else
		fd_close(fd);
	d->moved = h.moved;
	if (h.moved)
		history_trim(&h);
	return 0;
}

/* --- paths -------------------------------------------------------------------------------------------------------- */

bool rundir_is_shared(const char *commit)
{
	return !environment_get(ENV_SIDECAR_DIR) && !strcmp(commit, COMMIT_UNKNOWN);
}

const char *target_dir(void)
{
	const char *target = environment_get(ENV_CARGO_TARGET_DIR);
	return target ? target : "target";
}

char *rundir_root(void)
{
	const char *root = environment_get(ENV_RUNS_ROOT);
	return root ? strdup(root) : path_join(target_dir(), "ktstr");
}

static const char runs_root[] = "KTSTR_RUNS_ROOT";

static int open_ours(struct rundir *d, const char *kernel_version, const struct rundir_scope *scope, struct err **err)
{
	_cleanup_free_ char *root = rundir_root();
	_cleanup_free_ char *locks = root ? path_join(root, ".locks") : NULL;
	_cleanup_close_ int root_fd = -1, locks_fd = -1;
	if (!root || asprintf(&d->id, "%s-%s", kernel_version, d->commit) < 0)
		return -ENOMEM;
	d->path = path_join(root, d->id);
	if (!locks || !d->path)
		return -ENOMEM;
	int r = dir_open(root, true, runs_root, &root_fd, err);
	if (r == 0)
		r = dir_open_below(root_fd, d->id, d->path, runs_root, &d->fd, err);
	if (r == 0)
		r = dir_open_below(root_fd, ".locks", locks, runs_root, &locks_fd, err);
	if (r == 0)
		r = take_lock(d, locks_fd, locks, err);
	if (r == 0)
		r = clear_old(d, root_fd, root, scope);
	return r;
}

static int open_said(struct rundir *d, const char *said, struct err **err)
{
	d->path = strdup(said);
	d->id = strdup(path_basename(said));
	return d->path && d->id ? dir_open(said, true, "KTSTR_SIDECAR_DIR", &d->fd, err) : -ENOMEM;
}

/* Before any test runs: its result could not be kept. */
static int check_writable(const struct rundir *d, struct err **err)
{
	if (faccessat(d->fd, ".", W_OK | X_OK, AT_EACCESS) == 0)
		return 0;
	return FAIL_SYS(err, -errno, "write to directory '%s'", d->path);
}

/* Results are output. Errors that say more (an unsafe directory, a busy one) stay what they are. */
static int fail_output(struct err *why, const char *variable, int code, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	enum err_kind kind = why ? err_kind_of(why) : ERR_OUTPUT;
	if (!why)
		return FAIL_SYS(err, code, "open the directory of the results");
	err_format(why, &text);
	if (kind != ERR_USAGE && kind != ERR_BUSY)
		kind = ERR_OUTPUT;
	return FAIL(err, kind, code, "%s%s%s%s", buf_str(&text), kind == ERR_OUTPUT ? "; results go there: set " : "",
		    kind == ERR_OUTPUT ? variable : "",
		    kind == ERR_OUTPUT ? " to a directory that can be written" : "");
}

int rundir_open(const char *kernel_version, const char *commit, const struct rundir_scope *scope, struct rundir *ret,
		struct err **err)
{
	const char *said = environment_get(ENV_SIDECAR_DIR);
	struct rundir d = RUNDIR_NULL;
	snprintf(d.commit, sizeof(d.commit), "%s", commit);
	_cleanup_err_ struct err *why = NULL;
	int r = said ? open_said(&d, said, &why) : open_ours(&d, kernel_version, scope, &why);
	if (r == 0)
		r = check_writable(&d, &why);
	if (r < 0) {
		rundir_done(&d);
		return fail_output(why, said ? "KTSTR_SIDECAR_DIR" : runs_root, r, err);
	}
	*ret = d;
	return 0;
}
