/* SPDX-License-Identifier: GPL-2.0-only */
/* host.c -- see host.h. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <ktstr/canned.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/process.h"
#include "guest/binary/body.h"
#include "guest/binary/host.h"
#include "guest/cgroup.h"
#include "guest/ctx.h"

#define CHILD_FAILED 71 /* exit status: setup failed, and standard error has the reason */

/* --- the control group -------------------------------------------------------------------------------------------- */

static const char *find_cgroup2(void)
{
	const char *parent = environment_get(ENV_HOST_CGROUP_PARENT);
	if (parent)
		return parent;
	static const char *const places[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct statfs fs;
		if (statfs(places[i], &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return places[i];
	}
	return NULL;
}

/* Enables the controllers that exist. A scenario that needs a missing one is skipped. */
static void enable_controllers(const char *dir)
{
	static const char *const controllers[] = { "+cpuset", "+cpu", "+memory", "+pids", "+io" };
	_cleanup_free_ char *path = path_join(dir, "cgroup.subtree_control");
	for (size_t i = 0; path && i < ARRAY_SIZE(controllers); i++)
		file_write(path, controllers[i]);
}

/* Removes the children first. Killed processes may take a moment to disappear. */
static void remove_below(const char *dir, unsigned depth)
{
	static const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
	DIR *d = depth < 16 ? opendir(dir) : NULL;
	for (struct dirent *entry; d && (entry = readdir(d));) {
		_cleanup_free_ char *path =
			entry->d_type == DT_DIR && entry->d_name[0] != '.' ? path_join(dir, entry->d_name) : NULL;
		if (path)
			remove_below(path, depth + 1);
	}
	if (d)
		closedir(d);
	for (unsigned i = 0; i < 50 && rmdir(dir) < 0 && errno == EBUSY; i++)
		nanosleep(&pause, NULL);
}

/*
 * True for a group "ktstr-PID-TICKS" whose process has ended. PID and TICKS (start time) are those of the run that made
 * it. Groups of builds and machines have longer names.
 */
static bool is_orphan(const char *name)
{
	int pid, end = 0;
	unsigned long ticks;
	if (sscanf(name, "ktstr-%9d-%19lu%n", &pid, &ticks, &end) != 2 || !end || name[end] || pid <= 0)
		return false;
	return process_start_ticks(pid) != ticks;
}

/*
 * Removes the groups of runs that were killed. Their processes have ended: a PID namespace ends with its first process.
 */
static void sweep_orphans(const char *root)
{
	DIR *d = opendir(root);
	for (struct dirent *entry; d && (entry = readdir(d));) {
		_cleanup_free_ char *path = is_orphan(entry->d_name) ? path_join(root, entry->d_name) : NULL;
		if (path)
			remove_below(path, 0);
	}
	if (d)
		closedir(d);
}

/*
 * Enables controllers in every group from the root of the walk down to @dir, or only in @dir if it is not below that
 * root.
 */
static void enable_down_to(const char *dir)
{
	const char *said = environment_get(ENV_CGROUP_WALK_ROOT), *root = said ? said : "/sys/fs/cgroup";
	size_t len = strlen(root);
	_cleanup_free_ char *path = strdup(dir);
	if (!path || strncmp(dir, root, len) || (dir[len] && dir[len] != '/')) {
		enable_controllers(dir);
		return;
	}
	for (char *end = path + len;; end++) {
		end += strcspn(end, "/");
		char was = *end;
		*end = '\0';
		enable_controllers(path);
		*end = was;
		if (!was)
			return;
	}
}

int host_engine_open(struct host_engine *e, struct err **err)
{
	const char *root = find_cgroup2();
	*e = HOST_ENGINE_NULL;
	if (!root)
		return FAIL(err, ERR_MISSING, -ENOENT,
			    "no cgroup2 file system at /sys/fs/cgroup; mount one, or run scenarios in guests ('ktstr "
			    "test')");
	if (mkdir_parents(root, 0755, err) < 0)
		return -ENOENT;
	sweep_orphans(root);
	snprintf(e->cgroup, sizeof(e->cgroup), "%s/ktstr-%d-%lu", root, getpid(), process_start_ticks(getpid()));
	enable_down_to(root);
	if (mkdir(e->cgroup, 0755) == 0 || errno == EEXIST)
		return 0;
	int r = FAIL(err, ERR_MISSING, -errno,
		     "make the control group '%s': %s; run as root, or in guests ('ktstr test')", e->cgroup,
		     strerror(errno));
	e->cgroup[0] = '\0';
	return r;
}

void host_engine_close(struct host_engine *e)
{
	host_engine_reap(e);
	if (*e->cgroup)
		remove_below(e->cgroup, 0);
	e->cgroup[0] = '\0';
}

/* --- the engine's process ----------------------------------------------------------------------------------------- */

static enum ktstr_verdict run_canned(struct ktstr_ctx *t)
{
	return ktstr_run_canned(t, t->test->name);
}

static void __attribute__((noreturn)) give_up(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	_exit(CHILD_FAILED);
}

/*
 * Hides this process's mounts from the host. In a chroot, / is not a mount point: /sys and /proc are made private
 * instead.
 */
static int keep_mounts_private(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		return 0;
	if (errno != EINVAL || mount(NULL, "/sys", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	return mount(NULL, "/proc", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ? -errno : 0;
}

/*
 * Sets up namespaces and control groups. The engine moves to a leaf: the root of its cgroup namespace cannot enable
 * controllers for its children while it has processes.
 */
static void set_up_namespaces(void)
{
	if (unshare(CLONE_NEWCGROUP) < 0)
		give_up("a cgroup namespace");
	if (keep_mounts_private() < 0)
		give_up("a mount namespace");
	if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID, NULL) < 0)
		give_up("mount cgroup2");
	mount("proc", "/proc", "proc", MS_NOSUID, NULL); /* otherwise /proc shows the host's process numbers */
	if ((mkdir("/sys/fs/cgroup/engine", 0755) < 0 && errno != EEXIST) ||
	    file_write("/sys/fs/cgroup/engine/cgroup.procs", "0") < 0)
		give_up("a control group for the engine");
	enable_controllers("/sys/fs/cgroup");
	if (mkdir(GUEST_CGROUP, 0755) < 0 && errno != EEXIST)
		give_up("make " GUEST_CGROUP);
	enable_controllers(GUEST_CGROUP);
}

/* The test binary is the engine. */
static void __attribute__((noreturn)) run_program(const struct host_run *how)
{
	char seed[24], duration[24];
	const char *argv[] = { how->program, "--run", how->scenario, "--seed", seed, "--duration-ns", duration, NULL };
	snprintf(seed, sizeof(seed), "%lu", how->seed);
	snprintf(duration, sizeof(duration), "%ld", how->duration);
	execv(how->program, (char *const *)argv);
	give_up(how->program);
}

static void __attribute__((noreturn)) be_engine(const struct host_run *how, int channel)
{
	const struct ktstr_test test = {
		.name = how->scenario, .file = "", .body = run_canned, .workers_per_cgroup = how->workers
	};
	struct body_run run = {
		.channel = CHANNEL_FD, .seed = how->seed, .duration = how->duration, .work_override = how->work_override
	};
	static const struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	sigaction(SIGPIPE, &standard, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid(); /* Ctrl-C at the terminal does not reach the engine */
	if (channel == CHANNEL_FD)
		fcntl(channel, F_SETFD, 0);
	else if (dup2(channel, CHANNEL_FD) < 0)
		give_up("keep the channel");
	syscall(SYS_close_range, CHANNEL_FD + 1, ~0u, 0);
	set_up_namespaces();
	dup2(STDERR_FILENO, STDOUT_FILENO);
	if (how->program)
		run_program(how);
	int r = body_run(&test, &run);
	fflush(NULL);
	_exit(r < 0 ? WIRE_TEST_UNHEARD : 0);
}

int host_engine_start(struct host_engine *e, const struct host_run *how, struct err **err)
{
	int pair[2], pidfd = -1;
	_cleanup_close_ int dir = open(e->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return FAIL_SYS(err, -errno, "open '%s'", e->cgroup);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return FAIL_SYS(err, -errno, "start the scenario '%s'", how->scenario);
	struct clone_args args = { .flags = CLONE_INTO_CGROUP | CLONE_NEWPID | CLONE_NEWNS | CLONE_PIDFD,
				   .exit_signal = SIGCHLD,
				   .cgroup = (uint64_t)dir,
				   .pidfd = (uint64_t)&pidfd };
	fflush(NULL);
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	int r = pid < 0 ? -errno : 0;
	if (pid == 0)
		be_engine(how, pair[1]);
	fd_close(pair[1]);
	if (r < 0) {
		fd_close(pair[0]);
		return FAIL(err, ERR_MISSING, r,
			    "start the scenario '%s' in namespaces of its own: %s; run as root, or in guests ('ktstr "
			    "test')",
			    how->scenario, strerror(-r));
	}
	e->pid = pid;
	e->pidfd = pidfd;
	e->channel = pair[0];
	return 0;
}

int host_engine_reap(struct host_engine *e)
{
	int status = 0;
	if (e->pid > 0) {
		kill(e->pid, SIGKILL); /* it is process 1 of its namespace: all processes there end with it */
		while (waitpid(e->pid, &status, 0) < 0 && errno == EINTR)
			;
	}
	e->pid = 0;
	e->pidfd = fd_close(e->pidfd);
	e->channel = fd_close(e->channel);
	return status;
}
