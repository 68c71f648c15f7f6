/* SPDX-License-Identifier: GPL-2.0-only */
/* scan.c -- see scan.h. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/file.h"
#include "lock/scan.h"

/* A directory with a recent mtime is listed again: two changes within one tick of the file system's clock share it. */
#define MTIME_SETTLED (2 * NSEC_PER_SEC)

static int64_t stat_mtime(const struct stat *st)
{
	return st->st_mtim.tv_sec * NSEC_PER_SEC + st->st_mtim.tv_nsec;
}

int lock_scan_init(struct lock_scan *s, const char *lock_dir, const char *cache_locks, const char *run_locks,
		   const char *proc)
{
	const char *paths[ROOT_MAX] = { lock_dir, cache_locks, run_locks };
	*s = (struct lock_scan){ 0 };
	for (unsigned i = 0; i < ROOT_MAX; i++) {
		s->root[i].watch = -1;
		s->root[i].path = paths[i] ? strdup(paths[i]) : NULL;
		if (paths[i] && !s->root[i].path)
			return -ENOMEM;
	}
	return process_table_init(&s->processes, proc);
}

static void free_files(struct lock_file *file, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(file[i].name);
	free(file);
}

void lock_scan_done(struct lock_scan *s)
{
	free_files(s->file, s->files);
	free(s->by_ino);
	free(s->holder);
	buf_done(&s->table);
	for (unsigned i = 0; i < ROOT_MAX; i++)
		free(s->root[i].path);
	process_table_done(&s->processes);
	err_free(s->err);
	if (s->listening)
		fd_close(s->inotify);
	*s = (struct lock_scan){ 0 };
}

const char *lock_file_key(const struct lock_file *f, char *out, size_t size)
{
	snprintf(out, size, "%.*s", (int)(strlen(f->name) - strlen(".lock")), f->name);
	return out;
}

/* --- listening ---------------------------------------------------------------------------------------------------- */

/* Read /proc/locks for this time after an event: a process takes a lock shortly after it opens the file. */
#define HEARD_SETTLED NSEC_PER_SEC

void lock_scan_listen(struct lock_scan *s)
{
	s->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	s->listening = s->inotify >= 0;
}

/* Drains inotify. True: locks may have changed. Ignores that processes, like this one, list the directories. */
static bool read_events(const struct lock_scan *s)
{
	_Alignas(struct inotify_event) char events[8192];
	bool any = false;
	ssize_t n;
	while (s->listening && (n = read(s->inotify, events, sizeof(events))) > 0) {
		const struct inotify_event *e;
		for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*e) + e->len)) {
			e = (const struct inotify_event *)(events + at);
			any |= !(e->mask & IN_ISDIR && e->mask & (IN_OPEN | IN_CLOSE));
		}
	}
	return any;
}

/* Adds watches in every frame, because the directories may have been replaced. */
static void watch_roots(struct lock_scan *s)
{
	for (unsigned i = 0; s->listening && i < ROOT_MAX; i++)
		if (s->root[i].path)
			s->root[i].watch =
				inotify_add_watch(s->inotify, s->root[i].path,
						  IN_OPEN | IN_CLOSE | IN_ATTRIB | IN_CREATE | IN_DELETE | IN_MOVE |
							  IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR);
}

/* No event since the last frame, which was recent, and no missing directory has appeared. */
static bool is_quiet(struct lock_scan *s, nsec_t now)
{
	bool any = read_events(s);
	if (any)
		s->heard_at = now;
	if (!s->listening || !s->frame || any || now - s->heard_at < HEARD_SETTLED ||
	    now - s->read_at >= PROCESS_LOOK_AGAIN)
		return false;
	for (unsigned i = 0; i < ROOT_MAX; i++)
		if (s->root[i].path && s->root[i].watch < 0 && access(s->root[i].path, F_OK) == 0)
			return false;
	return true;
}

/* --- listing ------------------------------------------------------------------------------------------------------ */

/* Reads the number N of a name "BEFORE<N>.lock". */
static bool parse_numbered_name(const char *name, const char *before, uint32_t *ret)
{
	size_t len = strlen(before), digits;
	if (strncmp(name, before, len))
		return false;
	digits = strspn(name + len, "0123456789");
	char text[16];
	if (!digits || digits >= sizeof(text) || strcmp(name + len + digits, ".lock"))
		return false;
	memcpy(text, name + len, digits);
	text[digits] = '\0';
	return parse_u32_range(text, 0, UINT32_MAX, ret) == 0;
}

static bool parse_lock_name(const char *name, enum lock_root_kind root, struct lock_file *f)
{
	size_t len = strlen(name);
	if (root == ROOT_CPUS) {
		f->kind = !strncmp(name, "ktstr-llc-", 10) ? LOCK_LLC : LOCK_CPU;
		return parse_numbered_name(name, "ktstr-llc-", &f->index) ||
		       parse_numbered_name(name, "ktstr-cpu-", &f->index);
	}
	f->kind = root == ROOT_CACHE ? LOCK_CACHE : LOCK_RUN;
	return len > 5 && name[0] != '.' && !strcmp(name + len - 5, ".lock");
}

static int compare_files(const struct lock_file *a, const struct lock_file *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->index != b->index)
		return a->index < b->index ? -1 : 1;
	return strcmp(a->name, b->name);
}

static int by_place(const void *a, const void *b)
{
	return compare_files(a, b);
}

struct listing {
	struct lock_file *file;
	size_t count, cap;
};

static struct lock_file *add_file(struct listing *l)
{
	if (l->count == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 128;
		struct lock_file *more = realloc(l->file, cap * sizeof(*more));
		if (!more)
			return NULL;
		l->file = more;
		l->cap = cap;
	}
	return &l->file[l->count++];
}

static bool look_at_file(int dir, struct lock_file *f)
{
	struct stat st;
	if (fstatat(dir, f->name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
		return false;
	f->ino = st.st_ino;
	f->major = major(st.st_dev);
	f->minor = minor(st.st_dev);
	return true;
}

/* Calls stat(2) only for files that the last listing did not have. */
static int list_root(struct lock_scan *s, unsigned root, struct listing *l)
{
	struct lock_root *r = &s->root[root];
	DIR *dir = opendir(r->path);
	int result = 0;
	r->left_out = 0;
	for (struct dirent *e; dir && (e = readdir(dir));) {
		struct lock_file f = { .root = root, .listed_ino = e->d_ino };
		if (!parse_lock_name(e->d_name, (enum lock_root_kind)root, &f))
			continue;
		f.name = e->d_name;
		const struct lock_file *old = s->files ? bsearch(&f, s->file, s->files, sizeof(f), by_place) : NULL;
		if (l->count >= LOCK_FILES_MAX) {
			r->left_out++;
			continue;
		}
		if (old && old->listed_ino == f.listed_ino)
			f = *old;
		else if (!look_at_file(dirfd(dir), &f))
			continue;
		f.name = strdup(e->d_name);
		struct lock_file *slot = f.name ? add_file(l) : NULL;
		if (!slot) {
			free(f.name);
			result = -ENOMEM;
			break;
		}
		*slot = f;
	}
	if (dir)
		closedir(dir);
	return result;
}

/*
 * /proc/locks shows the device of the file system. On file systems with subvolumes or layers (btrfs, overlayfs),
 * stat(2) returns another one, but /proc/self/mountinfo has it.
 */
static void find_mount_device(const struct lock_scan *s, struct lock_root *r)
{
	struct statx sx;
	_cleanup_buf_ struct buf text = BUF_NULL;
	char path[256];
	unsigned long long id;
	unsigned major, minor;
	r->major = r->minor = UINT32_MAX;
	snprintf(path, sizeof(path), "%s/self/mountinfo", s->processes.proc);
	if (statx(AT_FDCWD, r->path, 0, STATX_MNT_ID, &sx) < 0 || !(sx.stx_mask & STATX_MNT_ID) || sx.stx_dev_major ||
	    file_read(path, 4 << 20, &text, NULL) < 0)
		return;
	for (const char *line = buf_str(&text); *line; line += strcspn(line, "\n"), line += *line == '\n')
		if (sscanf(line, "%llu %*d %u:%u ", &id, &major, &minor) == 3 && id == sx.stx_mnt_id) {
			r->major = major;
			r->minor = minor;
			return;
		}
}

/* True when @r must be listed again. A missing directory counts as empty. */
static bool root_changed(struct lock_root *r, int64_t now)
{
	struct stat st;
	int64_t mtime = 0;
	uint64_t ino = 0;
	if (stat(r->path, &st) == 0) {
		mtime = stat_mtime(&st);
		ino = st.st_ino;
	}
	bool same = r->listed && r->mtime == mtime && r->ino == ino && now - mtime > MTIME_SETTLED;
	r->mtime = mtime;
	r->ino = ino;
	return !same;
}

static int by_inode(const void *a, const void *b, void *scan)
{
	const struct lock_scan *s = scan;
	uint64_t x = s->file[*(const uint32_t *)a].ino, y = s->file[*(const uint32_t *)b].ino;
	return (x > y) - (x < y);
}

static int index_inodes(struct lock_scan *s)
{
	uint32_t *by_ino = realloc(s->by_ino, (s->files + 1) * sizeof(*by_ino));
	if (!by_ino)
		return -ENOMEM;
	s->by_ino = by_ino;
	for (size_t i = 0; i < s->files; i++)
		by_ino[i] = (uint32_t)i;
	qsort_r(by_ino, s->files, sizeof(*by_ino), by_inode, s);
	return 0;
}

/* 1: the directories were listed again; 0: they are as they were. */
static int list_all(struct lock_scan *s, int64_t now)
{
	struct listing l = { 0 };
	bool any = false;
	int r = 0;
	for (unsigned i = 0; i < ROOT_MAX; i++)
		any |= s->root[i].path && root_changed(&s->root[i], now);
	if (!any)
		return 0;
	for (unsigned i = 0; i < ROOT_MAX && r == 0; i++) {
		if (!s->root[i].path)
			continue;
		if (!s->root[i].listed)
			find_mount_device(s, &s->root[i]);
		r = list_root(s, i, &l);
		s->root[i].listed = true;
	}
	if (r < 0) {
		free_files(l.file, l.count);
		return r;
	}
	if (l.count)
		qsort(l.file, l.count, sizeof(*l.file), by_place);
	free_files(s->file, s->files);
	s->file = l.file;
	s->files = l.count;
	r = index_inodes(s);
	return r < 0 ? r : 1;
}

/* --- matching ----------------------------------------------------------------------------------------------------- */

static bool same_file(const struct lock_scan *s, const struct lock_file *f, const struct proc_lock *lock)
{
	const struct lock_root *r = &s->root[f->root];
	return (f->major == lock->major && f->minor == lock->minor) ||
	       (r->major == lock->major && r->minor == lock->minor);
}

/* The lock file of @lock, or NULL: most locks of a host are on other files. */
static struct lock_file *find_file(const struct lock_scan *s, const struct proc_lock *lock)
{
	size_t low = 0, high = s->files;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (s->file[s->by_ino[middle]].ino < lock->ino)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < s->files && s->file[s->by_ino[low]].ino == lock->ino; low++)
		if (same_file(s, &s->file[s->by_ino[low]], lock))
			return &s->file[s->by_ino[low]];
	return NULL;
}

static int by_file(const void *a, const void *b)
{
	const struct lock_holder *x = a, *y = b;
	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return (x->pid > y->pid) - (x->pid < y->pid);
}

static int match_locks(struct lock_scan *s, const struct proc_lock *lock, size_t count)
{
	struct lock_holder *holder = realloc(s->holder, (count + 1) * sizeof(*holder));
	if (!holder)
		return -ENOMEM;
	s->holder = holder;
	s->holders = 0;
	for (size_t i = 0; i < count; i++) {
		const struct lock_file *f = find_file(s, &lock[i]);
		if (f)
			holder[s->holders++] = (struct lock_holder){ .file = (uint32_t)(f - s->file),
								     .pid = lock[i].pid,
								     .exclusive = lock[i].exclusive };
	}
	if (s->holders)
		qsort(holder, s->holders, sizeof(*holder), by_file);
	return 0;
}

/* Gives each file its range of holders. A process with two descriptors is one holder. */
static void assign_holders(struct lock_scan *s)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->files; i++)
		s->file[i].holders = s->file[i].first = 0;
	for (size_t i = 0; i < s->holders; i++) {
		struct lock_holder h = s->holder[i];
		struct lock_file *f = &s->file[h.file];
		if (f->holders && s->holder[kept - 1].pid == h.pid)
			continue;
		if (!f->holders)
			f->first = (uint32_t)kept;
		s->holder[kept++] = h;
		f->holders++;
	}
	s->holders = kept;
}

/* --- describing --------------------------------------------------------------------------------------------------- */

/* The mtime is when the lock was last taken; it is read again when the holder is not the one of the last frame. */
static void date_file(struct lock_scan *s, struct lock_file *f)
{
	char path[4352];
	struct stat st;
	pid_t only = f->holders == 1 ? s->holder[f->first].pid : 0;
	if (f->mtime && only && only == f->last_pid)
		return;
	f->last_pid = only;
	snprintf(path, sizeof(path), "%s/%s", s->root[f->root].path, f->name);
	f->mtime = stat(path, &st) == 0 && st.st_ino == f->ino ? stat_mtime(&st) : 0;
}

/*
 * A process younger than the lock is usually not the holder: the holder has ended, its child keeps the descriptor, and
 * the pid was reused. Other programs may not date their locks, so the open files of the process decide.
 */
static void describe_holder(struct lock_scan *s, struct lock_holder *h, nsec_t now)
{
	struct lock_file *f = &s->file[h->file];
	struct process *p = process_get(&s->processes, h->pid, now, s->frame);
	if (!p || !p->cmdline)
		return;
	bool younger = f->mtime && p->start_realtime > f->mtime + NSEC_PER_SEC;
	if (younger && !process_may_have(&s->processes, p, f->ino))
		return;
	h->cmdline = p->cmdline;
	/* The date of a shared lock is that of its last holder. */
	h->since = f->holders == 1 && f->mtime && !younger ? f->mtime : p->start_realtime;
}

static void describe_all(struct lock_scan *s, nsec_t now)
{
	for (size_t i = 0; i < s->files; i++)
		if (s->file[i].holders)
			date_file(s, &s->file[i]);
		else
			s->file[i].last_pid = 0;
	for (size_t i = 0; i < s->holders; i++)
		describe_holder(s, &s->holder[i], now);
	process_table_sweep(&s->processes, s->frame);
}

/* 1: the text differs from the last frame. */
static int read_locks(struct lock_scan *s)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	char path[256];
	snprintf(path, sizeof(path), "%s/locks", s->processes.proc);
	int r = file_read(path, PROC_LOCKS_MAX, &text, &s->err);
	if (r < 0)
		return r;
	bool same = text.len == s->table.len && !memcmp(buf_str(&text), buf_str(&s->table), text.len);
	buf_done(&s->table);
	s->table = text;
	text = BUF_NULL;
	return !same;
}

static int find_holders(struct lock_scan *s)
{
	_cleanup_free_ struct proc_lock *lock = NULL;
	size_t count = 0;
	int r = proc_locks_parse(buf_str(&s->table), &lock, &count);
	if (r == 0)
		r = match_locks(s, lock, count);
	if (r < 0)
		return r;
	assign_holders(s);
	return 0;
}

int lock_scan_run(struct lock_scan *s)
{
	nsec_t now = nsec_now();
	s->err = err_free(s->err);
	s->taken_at = nsec_clock(CLOCK_REALTIME);
	s->same = is_quiet(s, now);
	if (s->same)
		return 0;
	watch_roots(s);
	s->read_at = now;
	int listed = list_all(s, s->taken_at);
	int root_changed = listed < 0 ? listed : read_locks(s);
	if (root_changed < 0)
		return root_changed;
	bool known = s->frame++ && !listed && !root_changed;
	s->same = known && (s->anonymous || !process_table_renew(&s->processes, now, s->frame));
	if (s->same)
		return 0;
	int r = find_holders(s);
	if (r < 0) {
		s->frame = 0;
		return r;
	}
	if (!s->anonymous)
		describe_all(s, now);
	return 0;
}

/* --- for plans ---------------------------------------------------------------------------------------------------- */

void lock_scan_holders(const struct lock_scan *s, const struct host *h, struct plan_holders *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < s->holders; i++) {
		const struct lock_file *f = &s->file[s->holder[i].file];
		if (f->kind == LOCK_CPU && f->index < HOST_CPUS_MAX)
			cpuset_add(&ret->cpus, f->index);
		else if (f->kind == LOCK_LLC && f->index < h->llcs && s->holder[i].exclusive)
			cpuset_add(&ret->llc_exclusive, f->index);
		else if (f->kind == LOCK_LLC && f->index < h->llcs)
			ret->llc_shared[f->index]++;
	}
}

/* Whether the process was named already, for another descriptor of the same file. */
static bool is_named(const struct lock_scan *s, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (s->holder[k].pid == s->holder[i].pid && s->holder[k].file == s->holder[i].file)
			return true;
	return false;
}

void lock_scan_name_holders(const struct lock_scan *s, const char *name, struct buf *out)
{
	const char *separator = "";
	for (size_t i = 0; i < s->holders; i++) {
		const struct lock_holder *h = &s->holder[i];
		if (strcmp(s->file[h->file].name, name) || is_named(s, i))
			continue;
		buf_appendf(out, "%spid %d (%s)", separator, h->pid, h->cmdline ? h->cmdline : "ended");
		separator = ", ";
	}
}

void lock_name_holders(const char *dir, const char *name, struct buf *out)
{
	struct lock_scan s;
	size_t before = out->len;
	if (lock_scan_init(&s, NULL, dir, NULL, "/proc") == 0 && lock_scan_run(&s) == 0)
		lock_scan_name_holders(&s, name, out);
	lock_scan_done(&s);
	if (out->len == before)
		buf_puts(out, "another process");
}
