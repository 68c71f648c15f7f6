/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_locks.c -- ktstr locks: shows the holders of CPUs, caches and directories. Takes no lock itself. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "kernel/cache.h"
#include "lock/flock.h"
#include "lock/watch.h"
#include "reactor/signal.h"
#include "run/rundir.h"

struct locks_args {
	bool json;
	nsec_t watch; /* interval; 0: print once */
};

static const struct option_row locks_options[] = {
	ROW_JSON(struct locks_args, "print JSON; with --watch, one line per update"),
	OPT_DURATION(struct locks_args, watch, "watch", 'w', "DURATION", WATCH_PERIOD_MIN, 24 * 60 * NSEC_PER_MIN, 0, 0,
		     "update the display at this interval (100ms, 1s, 5m)"),
	OPT_END,
};

static int open_scan(struct lock_scan *ret)
{
	_cleanup_(cache_done) struct cache cache = { 0 };
	_cleanup_free_ char *runs = rundir_root();
	bool cached = cache_open(&cache, NULL) == 0;
	_cleanup_free_ char *cache_locks = cached ? path_join(cache.root, ".locks") : NULL;
	_cleanup_free_ char *run_locks = runs ? path_join(runs, ".locks") : NULL;
	return lock_scan_init(ret, lock_dir_path(), cache_locks, run_locks, "/proc");
}

/* --- printing once ------------------------------------------------------------------------------------------------ */

/* Adds line breaks and two spaces per level to compact JSON. Empty lists stay on one line. */
static void indent(const char *compact, struct buf *out)
{
	unsigned depth = 0;
	bool inside = false;
	for (const char *p = compact; *p && *p != '\n'; p++) {
		size_t plain = inside ? strcspn(p, "\\\"") : strcspn(p, "[]{}:,\"\n");
		buf_append(out, p, plain);
		p += plain;
		if (inside && *p == '\\') {
			buf_append(out, p++, 2);
			continue;
		}
		bool opens = !inside && (*p == '[' || *p == '{'), closes = !inside && (*p == ']' || *p == '}');
		bool empty = opens && (p[1] == ']' || p[1] == '}');
		inside ^= *p == '"';
		if (empty) {
			buf_append(out, p++, 2);
			continue;
		}
		depth += opens;
		depth -= closes;
		if (closes)
			buf_appendf(out, "\n%*s", (int)(2 * depth), "");
		buf_append(out, p, *p && *p != '\n');
		if (opens || (!inside && *p == ','))
			buf_appendf(out, "\n%*s", (int)(2 * depth), "");
		else if (!inside && *p == ':')
			buf_puts(out, " ");
		if (!*p || *p == '\n')
			break;
	}
	buf_puts(out, "\n");
}

static int show_once(struct lock_scan *s, const struct host *h, bool json, struct err **err)
{
	_cleanup_buf_ struct buf line = BUF_NULL, out = BUF_NULL;
	struct term t = term_probe(STDOUT_FILENO);
	int r = lock_scan_run(s);
	if (r < 0) {
		if (err)
			*err = TAKE_PTR(s->err);
		return r;
	}
	if (json)
		locks_render_json(s, h, &line);
	else
		locks_render_text(s, h, &t, t.tty, &out);
	if (json)
		indent(buf_str(&line), &out);
	if (line.failed)
		return FAIL_SYS(err, -ENOMEM, "render the locks");
	out_buf(&out);
	return 0;
}

/* --- again and again ---------------------------------------------------------------------------------------------- */

struct session {
	struct lock_watch watch;
	int sig;
};

static void on_signal(void *data, int sig)
{
	struct session *s = data;
	if (sig == SIGWINCH) {
		lock_watch_redraw(&s->watch);
		return;
	}
	s->sig = sig;
	machine_cancel(&s->watch.machine);
}

static int watch_result(struct session *s, struct err **err)
{
	int r = s->watch.machine.result;
	if (s->sig)
		return s->sig == SIGINT ? 0 : EXIT_INTERRUPTED;
	if (r < 0 && s->watch.scan->err && err)
		*err = TAKE_PTR(s->watch.scan->err);
	return r;
}

static int watch_locks(struct lock_scan *scan, const struct host *h, nsec_t period, bool json, struct err **err)
{
	_cleanup_(reactor_free_p) struct reactor *reactor = NULL;
	struct session s = { .watch = {
				     .scan = scan, .host = h, .period = period, .fd = STDOUT_FILENO, .json = json } };
	static const int wanted[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
	struct signals signals;
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		sigaddset(&set, wanted[i]);
	int r = reactor_new(&reactor, err);
	if (r < 0)
		return r;
	r = signals_init(&signals, reactor, &set, on_signal, &s, err);
	if (r == 0) {
		lock_watch_start(reactor, &s.watch);
		r = reactor_run(reactor);
		lock_watch_done(&s.watch);
	}
	signals_done(&signals);
	return r < 0 ? r : watch_result(&s, err);
}

static int run_locks(void *args, struct err **err)
{
	const struct locks_args *a = args;
	struct lock_scan scan = { 0 };
	struct host host = HOST_NULL;
	int r = open_scan(&scan);
	if (r == 0) {
		/* Without sysfs, the locks are shown without the map of the host. */
		bool known = host_read("", &host, NULL) == 0;
		if (a->watch)
			lock_scan_listen(&scan);
		r = a->watch ? watch_locks(&scan, known ? &host : NULL, a->watch, a->json, err)
			     : show_once(&scan, known ? &host : NULL, a->json, err);
	}
	host_done(&host);
	lock_scan_done(&scan);
	return r;
}

const struct command cmd_locks = {
	.name = "locks",
	.group = GROUP_HOST,
	.summary = "Show who holds which CPUs, cache entries and run directories",
	.text = "Reads /proc/locks and matches it with the lock files of ktstr: last-level caches and CPUs in "
		"$KTSTR_LOCK_DIR (/tmp), kernels and source trees in the cache, run directories. On a terminal it also "
		"draws the host: each last-level cache with its CPUs, and who holds them. Takes no lock. With --watch "
		"it ends on ^C with status 0.",
	.example =
		(const struct example[]){
			{ "ktstr locks --watch 1s", "watch machines start and end" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_LOCK_DIR, ENV_CACHE_DIR, ENV_RUNS_ROOT, ENV_MAX },
	.files = FILES_LOCKS,
	.option = locks_options,
	.size = sizeof(struct locks_args),
	.run = run_locks,
};
