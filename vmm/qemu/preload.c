/* SPDX-License-Identifier: GPL-2.0-only */
/* preload.c -- see preload.h. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "base/tool.h"
#include "topo/topology.h"
#include "vmm/qemu/argv.h"
#include "vmm/qemu/preload.h"

#define PROBE_MS 10000

extern const char blob_icount_handoff_start[], blob_icount_handoff_end[];

static size_t library_size(void)
{
	return (size_t)(blob_icount_handoff_end - blob_icount_handoff_start);
}

int preload_open(struct constant_files *shared, struct err **err)
{
	int fd = constant_file_open(shared, CONSTANT_QEMU_LIBRARY, blob_icount_handoff_start, library_size());
	return fd < 0 ? FAIL_SYS(err, fd, "write the library for QEMU") : fd;
}

void preload_describe(struct buf *out)
{
	buf_append(out, blob_icount_handoff_start, library_size());
}

char *preload_variable(unsigned lag_ns, char out[PRELOAD_VARIABLE_MAX])
{
	if (!lag_ns)
		return NULL;
	snprintf(out, PRELOAD_VARIABLE_MAX, "KTSTR_TCG_LAG_NS=%u", lag_ns);
	return out;
}

char *preload_capacities(const struct ktstr_topology *t, char out[PRELOAD_CAPACITIES_MAX])
{
	int n = snprintf(out, PRELOAD_CAPACITIES_MAX, "KTSTR_TCG_CAPACITIES=");
	if (!topology_has_kinds(t))
		return NULL;
	for (unsigned cpu = 0; cpu < topology_cpus(t) && n < PRELOAD_CAPACITIES_MAX; cpu++)
		n += snprintf(out + n, (size_t)(PRELOAD_CAPACITIES_MAX - n), "%s%u", cpu ? "," : "",
			      ktstr_core_capacity(t, cpu / t->threads));
	return out;
}

char *preload_devices(const struct vm_devices *d, char out[PRELOAD_VARIABLE_MAX])
{
	if (!d || (!d->disk && !d->networks))
		return NULL;
	snprintf(out, PRELOAD_VARIABLE_MAX, "KTSTR_TCG_DEVICES=%u", d->networks);
	return out;
}

/* --- the probe ---------------------------------------------------------------------------------------------------- */

/* A machine with one CPU and nothing else. The library ends it before the CPU's first instruction. */
static const char *const probe_argv[] = { NULL, /* the program and its machine: see spawn_probe() */
					  "-M",		 NULL,
					  "-m",		 "16",
					  "-accel",	 "tcg,thread=single",
					  "-icount",	 "shift=3,sleep=off",
					  "-display",	 "none",
					  "-nodefaults", "-no-user-config",
					  "-name",	 "ktstr,debug-threads=on",
					  "-plugin",	 NULL, /* see spawn_probe() */
					  NULL };

#define PROBE_ARGUMENTS (sizeof(probe_argv) / sizeof(*(probe_argv)))

static int spawn_probe(const char *program, enum arch arch, bool observer, int library, int output, pid_t *ret)
{
	const char *const env[] = { QEMU_PRELOAD, observer ? NULL : "KTSTR_TCG_LAG_NS=0", NULL };
	static const char *const machines[ARCH_COUNT] = { [ARCH_X86_64] = "microvm", [ARCH_AARCH64] = "virt" };
	const char *argv[PROBE_ARGUMENTS];
	memcpy(argv, probe_argv, sizeof(argv));
	argv[0] = arch_names[arch].qemu;
	argv[2] = machines[arch];
	argv[PROBE_ARGUMENTS - 2] = observer ? QEMU_PLUGIN ",probe=on" : QEMU_PLUGIN_BLOCKS;
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
	posix_spawn_file_actions_adddup2(&actions, library, QEMU_FD_ICOUNT_HANDOFF);
	posix_spawn_file_actions_addclosefrom_np(&actions, QEMU_FD_ICOUNT_HANDOFF + 1);
	int r = posix_spawn(ret, program, &actions, NULL, (char **)argv, (char **)env);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* Reads what the probe says until it ends. A QEMU that does not call the library runs on, and is killed. */
static int end_probe(pid_t pid, int input, struct buf *said)
{
	struct pollfd wait = { .fd = input, .events = POLLIN };
	char chunk[256];
	ssize_t n = 1;
	int status = 0;
	while (n > 0 && poll(&wait, 1, PROBE_MS) == 1) {
		n = read(input, chunk, sizeof(chunk));
		if (n > 0)
			buf_append(said, chunk, (size_t)n);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

static int run_probe(const char *program, enum arch arch, bool observer, struct buf *said, int *ret_status)
{
	_cleanup_close_ int library = preload_open(NULL, NULL), input = -1, output = -1;
	int ends[2], r;
	pid_t pid;
	if (library < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return library < 0 ? library : -errno;
	input = ends[0];
	output = ends[1];
	r = spawn_probe(program, arch, observer, library, output, &pid);
	if (r < 0)
		return r;
	output = fd_close(output);
	*ret_status = end_probe(pid, input, said);
	return 0;
}

static const char *probe(enum arch arch, bool observer, char *why, size_t size)
{
	_cleanup_free_ char *program = tool_find(arch_names[arch].qemu);
	_cleanup_buf_ struct buf said = BUF_NULL;
	int status = 0;
	int r = program ? run_probe(program, arch, observer, &said, &status) : -ENOENT;
	if (r < 0)
		snprintf(why, size, "%s cannot be started: %s", arch_names[arch].qemu, strerrordesc_np(-r));
	else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		snprintf(why, size, "%s does not call the functions of TCG that would be replaced",
			 arch_names[arch].qemu);
	else if (!WIFEXITED(status) || WEXITSTATUS(status))
		snprintf(why, size, "%s", said.len ? buf_str(&said) : "its probe crashed");
	else
		return NULL;
	why[strcspn(why, "\n")] = '\0';
	return why;
}

const char *preload_probe(enum arch arch, char *why, size_t size)
{
	return probe(arch, false, why, size);
}

const char *preload_probe_observer(char *why, size_t size)
{
	return probe(ARCH_X86_64, true, why, size);
}
