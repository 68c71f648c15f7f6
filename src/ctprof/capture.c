/* SPDX-License-Identifier: GPL-2.0-only */
/* capture.c -- reads /proc, thread by thread. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "ctprof/capture.h"
#include "ctprof/capture_system.h"
#include "ctprof/proc_text.h"
#include "ctprof/taskstats.h"

#define TEXT_BYTES 16384

struct reading {
	struct host_capture *c;
	struct profile *s;
	struct taskstats_socket taskstats;
	char text[TEXT_BYTES];
};

static void count_read(struct read_counts *n, int code)
{
	if (code == 0)
		n->ok++;
	else if (code == -EACCES || code == -EPERM)
		n->permission++;
	else if (code == -ESRCH)
		n->gone++;
	else if (code == -ENOENT)
		n->missing++;
	else
		n->other++;
}

/* Reads @name in @dir, as much as fits, as a string. */
static int read_file(struct reading *g, int dir, const char *name)
{
	_cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	if (fd < 0)
		return -errno;
	for (ssize_t n; len < sizeof(g->text) - 1; len += (size_t)n) {
		n = read(fd, g->text + len, sizeof(g->text) - 1 - len);
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
	}
	g->text[len] = '\0';
	return len ? 0 : -ESRCH;
}

typedef bool parse_fn(char *text, struct thread *t);

static bool read_source(struct reading *g, int dir, enum source source, parse_fn *parse, struct thread *t)
{
	int r = read_file(g, dir, source_names[source]);
	if (r == 0 && !parse(g->text, t))
		r = -EBADMSG;
	/* A file that exists in every kernel is missing because the thread has ended. */
	if (r == -ENOENT && (source == SOURCE_STAT || source == SOURCE_STATUS))
		r = -ESRCH;
	count_read(&g->c->counts[source], r);
	return r == 0;
}

static void read_smaps(struct reading *g, int dir, struct thread *t)
{
	int r = read_file(g, dir, source_names[SOURCE_SMAPS_ROLLUP]);
	/* Kernel threads have no memory of their own: the file is empty. */
	if (r == 0)
		t->smaps = proc_parse_smaps(g->text);
	if (r != -ESRCH)
		count_read(&g->c->counts[SOURCE_SMAPS_ROLLUP], r);
}

static int read_thread(struct reading *g, int dir, int32_t tgid, int32_t tid)
{
	struct thread *t = profile_add(g->s);
	if (!t)
		return -ENOMEM;
	t->tid = tid;
	t->tgid = tgid;
	if (!read_source(g, dir, SOURCE_STAT, proc_parse_stat, t)) {
		free(t->comm);
		free(t->policy);
		g->s->count--;
		return 0;
	}
	read_source(g, dir, SOURCE_SCHEDSTAT, proc_parse_schedstat, t);
	read_source(g, dir, SOURCE_SCHED, proc_parse_sched, t);
	read_source(g, dir, SOURCE_STATUS, proc_parse_status, t);
	read_source(g, dir, SOURCE_IO, proc_parse_io, t);
	read_source(g, dir, SOURCE_CGROUP, proc_parse_cgroup, t);
	if (tid == tgid)
		read_smaps(g, dir, t);
	taskstats_read(&g->taskstats, t);
	return 0;
}

/* The next entry whose name is a number; 0: none left. */
static int32_t next_number(DIR *d, const char **ret_name)
{
	for (struct dirent *e; (e = readdir(d));) {
		uint32_t number;
		*ret_name = e->d_name;
		if (parse_u32_range(e->d_name, 1, INT32_MAX, &number) == 0)
			return (int32_t)number;
	}
	return 0;
}

static int read_process(struct reading *g, int proc, const char *name, int32_t tgid)
{
	char path[NAME_MAX + 8];
	const char *thread;
	int r = 0;
	snprintf(path, sizeof(path), "%s/task", name);
	int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		fd_close(fd);
		return 0; /* it has ended */
	}
	for (int32_t tid; r == 0 && (tid = next_number(d, &thread));) {
		_cleanup_close_ int dir = openat(dirfd(d), thread, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (dir >= 0)
			r = read_thread(g, dir, tgid, tid);
	}
	closedir(d);
	return r;
}

static int read_processes(struct reading *g, struct err **err)
{
	_cleanup_free_ char *path = path_join(g->c->root, "proc");
	const char *name;
	int r = 0;
	DIR *d = path ? opendir(path) : NULL;
	if (!d)
		return path ? FAIL_SYS(err, -errno, "list processes in %s", path) : -ENOMEM;
	for (int32_t tgid; r == 0 && (tgid = next_number(d, &name));)
		r = read_process(g, dirfd(d), name, tgid);
	closedir(d);
	return r;
}

static json_t *reads_json(const struct host_capture *c)
{
	json_t *all = json_object();
	for (unsigned i = 0; i <= SOURCE_SMAPS_ROLLUP; i++) {
		const struct read_counts *n = &c->counts[i];
		json_t *o = json_object();
		json_put_u64(&o, "ok", n->ok);
		json_put_u64(&o, "permission", n->permission);
		json_put_u64(&o, "gone", n->gone);
		json_put_u64(&o, "missing", n->missing);
		json_put_u64(&o, "other", n->other);
		json_put(&all, source_names[i], o);
	}
	return all;
}

static json_t *probe_json(void)
{
	json_t *o = json_object();
	json_put_u64(&o, "read", 0);
	json_put_text(&o, "reason", "the counters of allocators are not read, because that would stop every process");
	return o;
}

static int read_all(struct reading *g, struct err **err)
{
	struct profile *s = g->s;
	int open = *g->c->root ? -ENOENT : taskstats_open(&g->taskstats);
	int r = read_processes(g, err);
	if (r < 0)
		return r;
	r = profile_finish(s);
	if (r < 0)
		return r;
	s->psi = capture_pressure(g->c->root);
	s->sched_ext = capture_sched_ext(g->c->root);
	s->cgroups = capture_cgroups(g->c->root, s);
	s->reads = reads_json(g->c);
	s->probe = probe_json();
	s->taskstats = open < 0 ? NULL : taskstats_summary(&g->taskstats);
	return 0;
}

/* A copy of another host has its own clock. */
static uint64_t uptime_of(const char *root)
{
	_cleanup_free_ char *path = path_join(root, "proc/uptime");
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (!*root)
		return (uint64_t)nsec_clock(CLOCK_BOOTTIME);
	if (!path || file_read(path, 4096, &text, NULL) < 0)
		return 0;
	double seconds = strtod(buf_str(&text), NULL);
	return seconds > 0 && seconds < 1e10 ? (uint64_t)(seconds * 1e9) : 0;
}

int capture_host(struct host_capture *c, struct profile *ret, struct err **err)
{
	_cleanup_free_ struct reading *g = calloc(1, sizeof(*g));
	*ret = (struct profile){ .captured_at_ns = (uint64_t)nsec_clock(CLOCK_REALTIME),
				 .ticks_per_second = (uint64_t)sysconf(_SC_CLK_TCK) };
	memset(c->counts, 0, sizeof(c->counts));
	if (!g)
		return -ENOMEM;
	g->c = c;
	g->s = ret;
	g->taskstats = TASKSTATS_NULL;
	int r = read_all(g, err);
	/* After the threads were read: none of them ran or waited for longer than it is old. */
	ret->uptime_ns = uptime_of(c->root);
	taskstats_close(&g->taskstats);
	return r;
}

/* --- hint --------------------------------------------------------------------------------------------------------- */

static const char *const remedies[SOURCE_MAX] = {
	[SOURCE_SCHEDSTAT] = "the kernel needs CONFIG_SCHED_INFO (CONFIG_SCHEDSTATS or CONFIG_TASK_DELAY_ACCT)",
	[SOURCE_SCHED] = "the kernel needs CONFIG_SCHED_DEBUG",
	[SOURCE_IO] = "the kernel needs CONFIG_TASK_IO_ACCOUNTING",
	[SOURCE_SMAPS_ROLLUP] = "the kernel needs CONFIG_PROC_PAGE_MONITOR",
};

void capture_hint(const struct host_capture *c, const struct profile *s, struct buf *out)
{
	unsigned worst = 0, most = 0;
	for (unsigned i = 0; i <= SOURCE_SMAPS_ROLLUP; i++) {
		unsigned failed = c->counts[i].permission + c->counts[i].missing + c->counts[i].other;
		if (failed > most) {
			most = failed;
			worst = i;
		}
	}
	if (!most || !s->count)
		return;
	const struct read_counts *n = &c->counts[worst];
	buf_appendf(out, "note: there are no values of /proc/PID/task/TID/%s of %u of %zu thread%s",
		    source_names[worst], most, s->count, plural(s->count));
	if (n->permission >= n->missing + n->other)
		buf_puts(out, ": the kernel refuses them to this user (CAP_SYS_PTRACE)");
	else if (remedies[worst])
		buf_appendf(out, ": %s", remedies[worst]);
	buf_puts(out, "\n");
}
