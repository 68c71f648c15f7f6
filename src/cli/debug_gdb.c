/* SPDX-License-Identifier: GPL-2.0-only */
/* debug_gdb.c -- see debug_gdb.h. */
#include "cli/debug_gdb.h"

#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/tool.h"
#include "cli/out.h"
#include "run/gdb_session.h"

#define GDB "gdb"

/* Commands that gdb does not have. */
static const char *const gdb_commands[] = {
	"set confirm off",
	"set pagination off",
	"set architecture i386:x86-64",
	"set remotetimeout 3600", /* a run has to get there first */
	"define ktstr-last\nmonitor last $arg0\nmaintenance flush register-cache\nend",
};

struct gdb {
	char dir[64], socket[96], vmlinux[64];
	int listener;
	pid_t pid;
	bool own; /* we started it */
};

int debug_gdb_find(struct err **err)
{
	_cleanup_free_ char *path = tool_find(GDB);
	return path ? 0
		    : FAIL(err, ERR_MISSING, -ENOENT,
			   "gdb is not installed; install the package 'gdb', or use "
			   "--gdb-server with a gdb elsewhere");
}

static int listen_at(const char *path, struct err **err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address.sun_path))
		return FAIL(err, ERR_USAGE, -ENAMETOOLONG, "the path of the socket '%s' is longer than %zu bytes", path,
			    sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return FAIL_SYS(err, -errno, "make a socket");
	mode_t mask = umask(0077);
	int r = bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 1) < 0 ? -errno : 0;
	umask(mask);
	if (r == 0)
		return fd;
	close(fd);
	return FAIL_SYS(err, r, "listen at '%s'", path);
}

static bool is_alive(void *data)
{
	struct gdb *g = data;
	if (g->pid > 0 && waitpid(g->pid, NULL, WNOHANG) == g->pid)
		g->pid = 0;
	return g->pid > 0;
}

/* Ctrl-C is for gdb, so it is ignored here, and not there. */
static int spawn(struct gdb *g, const char *const *argv)
{
	posix_spawnattr_t attributes;
	sigset_t all, none;
	sigfillset(&all);
	sigemptyset(&none);
	int r = -posix_spawnattr_init(&attributes);
	if (r < 0)
		return r;
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawnattr_setsigmask(&attributes, &none);
	signal(SIGINT, SIG_IGN);
	r = -posix_spawnp(&g->pid, GDB, NULL, &attributes, (char *const *)argv, environ);
	posix_spawnattr_destroy(&attributes);
	return r;
}

/* Symbols come from the pack. The path leads to our memory, so it is valid as long as we are. */
static int start_gdb(struct gdb *g, struct err **err)
{
	char remote[128];
	const char *argv[24] = { GDB, "-q" };
	unsigned count = 2;
	snprintf(remote, sizeof(remote), "target remote %s", g->socket);
	for (size_t i = 0; i < ARRAY_SIZE(gdb_commands); i++) {
		if (strchr(gdb_commands[i], '\n'))
			continue; /* in the file */
		argv[count++] = "-iex";
		argv[count++] = gdb_commands[i];
	}
	_cleanup_free_ char *script = path_join(g->dir, "commands");
	if (!script)
		return -ENOMEM;
	const char *text = gdb_commands[ARRAY_SIZE(gdb_commands) - 1];
	int r = file_write_atomic(script, text, strlen(text), 0600, err);
	if (r < 0)
		return r;
	const char *rest[] = { "-ix", script, "-ex", remote, g->vmlinux, NULL };
	memcpy(argv + count, rest, sizeof(rest));
	r = spawn(g, argv);
	return r < 0 ? FAIL_SYS(err, r, "start gdb") : 0;
}

static int open_own(struct gdb *g, const struct packed_run *p, struct err **err)
{
	snprintf(g->dir, sizeof(g->dir), "/tmp/ktstr-gdb-XXXXXX");
	if (!mkdtemp(g->dir))
		return FAIL_SYS(err, -errno, "make the directory '%s'", g->dir);
	snprintf(g->socket, sizeof(g->socket), "%s/socket", g->dir);
	snprintf(g->vmlinux, sizeof(g->vmlinux), "/proc/%d/fd/%d", getpid(), p->file[PACKED_VMLINUX].fd);
	g->listener = listen_at(g->socket, err);
	return g->listener < 0 ? g->listener : start_gdb(g, err);
}

static void close_gdb(struct gdb *g)
{
	if (g->pid > 0)
		kill(g->pid, SIGTERM);
	if (g->pid > 0)
		waitpid(g->pid, NULL, 0);
	fd_close(g->listener);
	if (*g->dir)
		remove_tree(g->dir, NULL);
	else if (*g->socket)
		unlink(g->socket);
}

int debug_gdb(struct rerun *r, const struct packed_run *p, const struct debug_config *first, const char *path,
	      struct err **err)
{
	struct gdb g = { .listener = -1 };
	int code;
	if (p->kaslr)
		return FAIL(err, ERR_IMPOSSIBLE, -EOPNOTSUPP,
			    "gdb cannot follow a kernel that is at a random place (.kaslr of the test); use "
			    "'ktstr debug' without gdb");
	if (path) {
		g.listener = listen_at(path, err);
		code = g.listener < 0 ? g.listener : 0;
		if (code == 0) {
			snprintf(g.socket, sizeof(g.socket), "%s", path);
			say_printf("waiting for gdb: target remote %s\n", path);
		}
	} else {
		code = open_own(&g, p, err);
	}
	if (code == 0)
		code = gdb_session_run(r, first, g.listener, path ? NULL : is_alive, &g, err);
	close_gdb(&g);
	return code;
}
