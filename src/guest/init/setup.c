/* SPDX-License-Identifier: GPL-2.0-only */
/* setup.c -- turns a bare initramfs into a system in which a test can run. */
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/rng.h"
#include "guest/cgroup.h"
#include "guest/init/setup.h"

#define CGROUPS "/sys/fs/cgroup"

enum need { REQUIRED, EXPECTED, WELCOME }; /* if missing: the test ends; it is logged; it is normal */

static const struct {
	const char *type, *at;
	enum need need;
	const char *options;
} mounts[] = {
	{ "proc", "/proc", REQUIRED, NULL },
	{ "sysfs", "/sys", REQUIRED, NULL },
	{ "devtmpfs", "/dev", REQUIRED, NULL },
	{ "devpts", "/dev/pts", WELCOME, "gid=5,mode=620,ptmxmode=666" },
	{ "tmpfs", "/tmp", REQUIRED, "mode=1777" },
	{ "tmpfs", "/run", EXPECTED, "mode=755" },
	{ "tmpfs", "/dev/shm", EXPECTED, "mode=1777" },
	{ "mqueue", "/dev/mqueue", WELCOME, NULL },
	{ "cgroup2", "/sys/fs/cgroup", EXPECTED, NULL },
	{ "bpf", "/sys/fs/bpf", EXPECTED, NULL },
	{ "debugfs", "/sys/kernel/debug", EXPECTED, NULL },
	{ "tracefs", "/sys/kernel/tracing", EXPECTED, NULL },
};

/* Links that udev creates on other systems. */
static const struct {
	const char *at, *target;
} links[] = {
	{ "/dev/fd", "/proc/self/fd" },
	{ "/dev/stdin", "/proc/self/fd/0" },
	{ "/dev/stdout", "/proc/self/fd/1" },
	{ "/dev/stderr", "/proc/self/fd/2" },
};

int setup_mounts(struct init *i)
{
	for (size_t k = 0; k < ARRAY_SIZE(mounts); k++) {
		mkdir(mounts[k].at, 0755);
		if (mount(mounts[k].type, mounts[k].at, mounts[k].type, MS_NOSUID, mounts[k].options) == 0 ||
		    errno == EBUSY || (mounts[k].need == WELCOME && errno == ENODEV))
			continue;
		if (mounts[k].need == REQUIRED)
			return -errno;
		log_error(&i->log, "mount %s: %s", mounts[k].at, strerror(errno));
	}
	for (size_t k = 0; k < ARRAY_SIZE(links); k++)
		if (symlink(links[k].target, links[k].at) < 0 && errno != EEXIST)
			log_error(&i->log, "link %s: %s", links[k].at, strerror(errno));
	sethostname("ktstr", 5);
	return 0;
}

/* A kernel without networking has no loopback device. */
void setup_loopback(struct init *i)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) < 0 && errno != ENODEV)
		log_error(&i->log, "switch the loopback device on: %s", strerror(errno));
}

/* --- control groups ----------------------------------------------------------------------------------------------- */

static void enable_controllers(struct init *i, const char *dir)
{
	static const char *const controllers[] = { "+cpuset", "+cpu", "+memory", "+pids", "+io" };
	_cleanup_free_ char *path = path_join(dir, "cgroup.subtree_control");
	for (size_t c = 0; path && c < ARRAY_SIZE(controllers); c++) {
		int r = file_write(path, controllers[c]);
		if (r < 0 && strcmp(controllers[c], "+io"))
			log_error(&i->log, "%s in %s: %s", controllers[c], path, strerror(-r));
	}
}

int setup_cgroups(struct init *i)
{
	enable_controllers(i, CGROUPS);
	if (mkdir(GUEST_CGROUP, 0755) < 0 && errno != EEXIST)
		return -errno;
	enable_controllers(i, GUEST_CGROUP);
	return 0;
}

/* Makes the control group @name ("/a/b") with those above it, all with controllers for their children. */
static int make_cgroup(struct init *i, const char *name)
{
	_cleanup_free_ char *path = path_join(CGROUPS, name + 1);
	if (!path)
		return -ENOMEM;
	for (char *end = path + strlen(CGROUPS); *end;) {
		end += 1 + strcspn(end + 1, "/");
		char was = *end;
		*end = '\0';
		int r = mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
		if (r < 0) {
			log_error(&i->log, "make the control group %s: %s", path, strerror(-r));
			return r;
		}
		enable_controllers(i, path);
		*end = was;
	}
	return 0;
}

/* A mount, because everything that makes, lists or removes cgroups of the test does so below GUEST_CGROUP. */
static int mount_workload_root(struct init *i, const char *name)
{
	_cleanup_free_ char *path = path_join(CGROUPS, name + 1);
	if (!path)
		return -ENOMEM;
	if (!strcmp(path, GUEST_CGROUP) || mount(path, GUEST_CGROUP, NULL, MS_BIND, NULL) == 0)
		return 0;
	int r = -errno;
	log_error(&i->log, "mount the control group %s at " GUEST_CGROUP ": %s", path, strerror(-r));
	return r;
}

int setup_workload_root(struct init *i)
{
	const char *parent = i->conf.cgroup_parent, *root = i->conf.workload_root;
	int r = parent ? make_cgroup(i, parent) : 0;
	if (r < 0 || !root)
		return r;
	r = make_cgroup(i, root);
	return r < 0 ? r : mount_workload_root(i, root);
}

int setup_config(struct init *i)
{
	const char *path = i->conf.config_path;
	_cleanup_free_ char *dir = path ? path_dirname(path) : NULL;
	if (!path)
		return 0;
	int r = dir ? mkdir_parents(dir, 0755, NULL) : -ENOMEM;
	if (r == 0 && symlink("/ktstr.config", path) < 0)
		r = -errno;
	if (r < 0)
		log_error(&i->log, "put the scheduler's configuration at %s: %s", path, strerror(-r));
	return r;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

void setup_moved(struct init *i)
{
	_cleanup_buf_ struct buf list = BUF_NULL;
	char *save = NULL;
	if (file_read("/ktstr.moved", 1 << 20, &list, NULL) < 0)
		return;
	for (char *path = strtok_r(list.data, "\n", &save); path; path = strtok_r(NULL, "\n", &save)) {
		_cleanup_free_ char *dir = path_dirname(path), *target = path_join("/ktstr.files", path + 1);
		int r = dir && target ? mkdir_parents(dir, 0755, NULL) : -ENOMEM;
		if (r == 0 && symlink(target, path) < 0 && errno != EEXIST)
			r = -errno;
		if (r < 0)
			log_error(&i->log, "link %s: %s", path, strerror(-r));
	}
}

/* --- what the kernel command line and /ktstr.conf say ------------------------------------------------------------- */

int setup_log(struct init *i)
{
	_cleanup_buf_ struct buf line = BUF_NULL;
	int r = file_read("/proc/cmdline", 65536, &line, NULL);
	if (r < 0)
		return r;
	i->exit_port = i->park_port = 0;
	char *save = NULL;
	uint64_t address = 0, size = 0, port = 0;
	for (char *word = strtok_r(line.data, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
		if (!strncmp(word, "ktstr.log=", 10)) {
			char *colon = strchr(word, ':');
			if (!colon)
				return -EINVAL;
			*colon = '\0';
			if (parse_u64(word + 10, &address) < 0 || parse_u64(colon + 1, &size) < 0)
				return -EINVAL;
		} else if (!strncmp(word, "ktstr.exit=", 11) && parse_u64(word + 11, &port) == 0) {
			i->exit_port = (uint16_t)port;
		} else if (!strcmp(word, "ktstr.online")) {
			i->late_cpus = true;
		} else if (!strncmp(word, "ktstr.park=", 11) && parse_u64(word + 11, &port) == 0) {
			i->park_port = (uint16_t)port;
		}
	}
	return size ? log_map(&i->log, address, size) : 0;
}

/* Starts at CPU 1: CPU 0 has no `online` file. */
void setup_cpus(struct init *i)
{
	for (unsigned cpu = 1; i->late_cpus; cpu++) {
		char path[64];
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/online", cpu);
		if (!path_exists(path))
			return;
		int r = file_write(path, "1");
		if (r < 0)
			log_error(&i->log, "bring up processor %u: %s", cpu, strerror(-r));
	}
}

static void take_text(struct init_conf *c, const char *key, const char *value)
{
	const struct {
		const char *key;
		const char **to;
	} texts[] = {
		{ "cgroup_parent", &c->cgroup_parent },
		{ "workload_root", &c->workload_root },
		{ "config_path", &c->config_path },
		{ "session", &c->session.kind },
		{ "session_input", &c->session.input },
		{ "session_columns", &c->session.columns },
		{ "session_rows", &c->session.rows },
		{ "session_clock", &c->session.clock },
		{ "disk", &c->device.disk },
		{ "disk_mount", &c->device.mount },
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (!strcmp(key, texts[i].key))
			*texts[i].to = value;
}

static void take_line(struct init_conf *c, char *key, char *value)
{
	if (!strcmp(key, "test")) {
		c->test = value;
	} else if (!strcmp(key, "seed")) {
		c->seed = value;
		parse_u64(value, &c->seed_value);
	} else if (!strcmp(key, "duration_ns")) {
		c->duration_ns = value;
	} else if (!strcmp(key, "limit_ns")) {
		parse_u64(value, &c->limit_ns);
	} else if (!strcmp(key, "scheduler")) {
		c->scheduler = true;
		c->sched.args[0] = value;
		c->sched.arg_count = MAX_OF(c->sched.arg_count, 1);
	} else if (!strcmp(key, "coverage")) {
		c->coverage = true;
	} else if (!strcmp(key, "load_cpu")) {
		parse_u64(value, &c->load_cpu);
	} else if (!strcmp(key, "attach_s")) {
		parse_u64(value, &c->sched.attach_s);
	} else if (!strcmp(key, "sched_arg") && c->sched.arg_count && c->sched.arg_count < INIT_ARGS_MAX) {
		c->sched.args[c->sched.arg_count++] = value;
	} else if (!strcmp(key, "staged") && c->staged_count < INIT_STAGED_MAX) {
		c->staged[c->staged_count].name = value;
		c->staged_count++;
	} else if (!strcmp(key, "staged_arg") && c->staged_count &&
		   c->staged[c->staged_count - 1].arg_count < INIT_ARGS_MAX) {
		unsigned last = c->staged_count - 1;
		c->staged[last].args[c->staged[last].arg_count++] = value;
	} else if (!strcmp(key, "staged_attach_s") && c->staged_count) {
		parse_u64(value, &c->staged[c->staged_count - 1].attach_s);
	} else if (!strcmp(key, "disk_ro")) {
		c->device.read_only = true;
	} else if (!strcmp(key, "network") && c->device.networks < KTSTR_NETWORKS_MAX) {
		c->device.network[c->device.networks++] = value;
	} else if (!strcmp(key, "env")) {
		putenv(value); /* the buffer of /ktstr.conf is never freed */
	} else if (!strcmp(key, "sysctl") && c->sysctl_count < INIT_ARGS_MAX) {
		c->sysctls[c->sysctl_count++] = value;
	} else if (!strcmp(key, "builtin_enable") && c->builtin.enable_count < INIT_ARGS_MAX) {
		c->scheduler = true;
		c->builtin.enable[c->builtin.enable_count++] = value;
	} else if (!strcmp(key, "builtin_disable") && c->builtin.disable_count < INIT_ARGS_MAX) {
		c->builtin.disable[c->builtin.disable_count++] = value;
	} else {
		take_text(c, key, value);
	}
}

int setup_conf(struct init *i)
{
	int r = file_read("/ktstr.conf", 1 << 20, &i->conf.text, NULL);
	if (r < 0)
		return r;
	char *save = NULL;
	for (char *line = strtok_r(i->conf.text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *value = strchr(line, '=');
		if (!value)
			continue;
		*value++ = '\0';
		take_line(&i->conf, line, value);
	}
	i->conf.session.command = i->conf.session.kind && !strcmp(i->conf.session.kind, "command");
	return 0;
}

int setup_sysctls(struct init *i)
{
	int worst = 0;
	for (unsigned k = 0; k < i->conf.sysctl_count; k++) {
		_cleanup_free_ char *pair = strdup(i->conf.sysctls[k]);
		char *value = pair ? strchr(pair, '=') : NULL;
		if (!value)
			continue;
		*value++ = '\0';
		for (char *dot = pair; (dot = strchr(dot, '.'));)
			*dot = '/';
		_cleanup_free_ char *path = path_join("/proc/sys", pair);
		int r = path ? file_write(path, value) : -ENOMEM;
		if (r < 0)
			log_error(&i->log, "sysctl %s: %s", i->conf.sysctls[k],
				  r == -ENOENT ? "this kernel has no such sysctl" : strerror(-r));
		worst = MIN_OF(worst, r);
	}
	return worst;
}

/* The seed varies what a schedule depends on: the kernel's random numbers and the phase of the timer tick. */
void setup_counters(struct init *i)
{
	void *memory;
	i->counters = i->conf.coverage ? log_reserve(&i->log, WIRE_COVERAGE_BYTES, &memory) : 0;
	if (i->counters)
		*(struct wire_coverage *)memory =
			(struct wire_coverage){ .magic = WIRE_COVERAGE_MAGIC, .used = sizeof(struct wire_coverage) };
}

void setup_seed(struct init *i)
{
	struct rng rng = { i->conf.seed_value };
	uint64_t words[4] = { rng_next(&rng), rng_next(&rng), rng_next(&rng), rng_next(&rng) };
	_cleanup_close_ int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		fd_write_full(fd, words, sizeof(words));
	struct timespec phase = { .tv_nsec = (long)rng_below(&rng, 4 * NSEC_PER_MSEC) };
	nanosleep(&phase, NULL);
}
