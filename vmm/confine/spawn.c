/* SPDX-License-Identifier: GPL-2.0-only */
/* spawn.c -- the parent's side of confinement.h. */
#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/file.h"
#include "base/tool.h"
#include "reactor/machine.h"
#include "vmm/confine/confinement.h"

/* The static program confine/main.c. */
extern const char blob_confine_start[], blob_confine_end[];

const char *const confine_part_names[CONFINE_PART_MAX] = {
	[CONFINE_FILES] = "files",     [CONFINE_PROCESSES] = "processes",	[CONFINE_IPC] = "ipc",
	[CONFINE_NETWORK] = "network", [CONFINE_HOSTNAME] = "hostname",		[CONFINE_PRIVILEGES] = "privileges",
	[CONFINE_LIMITS] = "limits",   [CONFINE_SYSTEM_CALLS] = "system-calls", [CONFINE_LANDLOCK] = "landlock",
};

int confinement_init(struct confinement *c, struct constant_files *shared, struct err **err)
{
	*c = CONFINEMENT_NULL;
	c->request = calloc(1, sizeof(*c->request));
	if (!c->request)
		return -ENOMEM;
	*c->request = (struct confine_request){ .magic = CONFINE_MAGIC, .size = sizeof(*c->request), .program_fd = -1 };
	int r = c->program_fd = constant_file_open(shared, CONSTANT_CONFINE, blob_confine_start,
						   (size_t)(blob_confine_end - blob_confine_start));
	return r < 0 ? FAIL_SYS(err, r, "write the program that confines a virtual machine's process") : 0;
}

static bool is_shown(const struct confine_request *q, const char *path)
{
	for (uint32_t i = 0; i < q->paths; i++) {
		size_t len = strlen(q->path[i]);
		if (!strncmp(path, q->path[i], len) && (!path[len] || path[len] == '/'))
			return true;
	}
	return false;
}

int confinement_show(struct confinement *c, const char *path)
{
	struct confine_request *q = c->request;
	_cleanup_free_ char *real = realpath(path, NULL);
	if (!real || is_shown(q, real))
		return real || errno != ENOMEM ? 0 : -ENOMEM;
	if (q->paths == CONFINE_PATHS_MAX || strlen(real) >= CONFINE_PATH_BYTES)
		return -ENAMETOOLONG;
	memcpy(q->path[q->paths++], real, strlen(real) + 1);
	return 0;
}

/* Programs in PREFIX/bin have libraries and data in PREFIX; those of the system are in the usual places. */
static int show_installation(struct confinement *c, const char *program)
{
	static const char *const beside[] = { "lib", "lib64", "libexec", "share/qemu", "share/seabios" };
	static const char *const system[] = { "/usr/lib",	  "/usr/lib64", "/lib",	     "/lib64",
					      "/etc/ld.so.cache", "/nix/store", "/gnu/store" };
	_cleanup_free_ char *bin = path_dirname(program), *prefix = bin ? path_dirname(bin) : NULL;
	int r = prefix ? 0 : -ENOMEM;
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(system); i++)
		r = confinement_show(c, system[i]);
	/* A directory called bin need not be part of an installation: ~/bin is not. */
	_cleanup_free_ char *data = prefix ? path_join(prefix, "share/qemu") : NULL;
	bool installed = data && !strcmp(path_basename(bin), "bin") && path_is_dir(data);
	for (size_t i = 0; r == 0 && installed && i < ARRAY_SIZE(beside); i++) {
		_cleanup_free_ char *dir = path_join(prefix, beside[i]);
		r = dir ? confinement_show(c, dir) : -ENOMEM;
	}
	return r == 0 ? confinement_show(c, program) : r;
}

int confinement_show_program(struct confinement *c, const char *name, struct err **err)
{
	_cleanup_free_ char *found = tool_find(name), *program = found ? realpath(found, NULL) : NULL;
	if (!program)
		return FAIL(err, ERR_MISSING, -ENOENT, "start '%s': it is not in PATH", name);
	int r = show_installation(c, program);
	if (r == 0 && strlen(program) >= CONFINE_PATH_BYTES)
		r = -ENAMETOOLONG;
	if (r < 0)
		return FAIL_SYS(err, r, "start '%s'", program);
	memcpy(c->request->program, program, strlen(program) + 1);
	return 0;
}

int confinement_spawn(struct confinement *c, struct reactor *r, struct child *child, const struct child_spec *spec,
		      struct err **err)
{
	struct child_fd fds[CHILD_FDS_MAX];
	struct child_spec confined = *spec;
	REQUIRE(spec->fd_count + 2 <= CHILD_FDS_MAX);
	c->request_fd = memfd_new("ktstr-confinement", 0);
	int result = MIN_OF(c->request_fd, 0);
	if (result == 0)
		result = fd_pwrite_full(c->request_fd, c->request, sizeof(*c->request), 0);
	if (result < 0)
		return FAIL_SYS(err, result, "write the description of a confinement");
	for (unsigned i = 0; i < spec->fd_count; i++)
		fds[i] = spec->fds[i];
	fds[spec->fd_count] = (struct child_fd){ c->program_fd, CONFINE_FD_PROGRAM };
	fds[spec->fd_count + 1] = (struct child_fd){ c->request_fd, CONFINE_FD_REQUEST };
	confined.fds = fds;
	confined.fd_count += 2;
	confined.program = "/proc/self/fd/30"; /* CONFINE_FD_PROGRAM */
	/* The child makes the other namespaces itself: they take milliseconds, and we need not wait. */
	confined.namespaces = CLONE_NEWPID;
	result = child_spawn(r, child, &confined, err);
	c->program_fd = fd_close(c->program_fd);
	return result;
}

struct confine_outcome confinement_outcome(const struct confinement *c)
{
	struct confine_outcome outcome = { 0 };
	if (c->request_fd >= 0)
		fd_pread_full(c->request_fd, &outcome, sizeof(outcome), offsetof(struct confine_request, outcome));
	return outcome;
}

void confinement_done(struct confinement *c)
{
	free(c->request);
	fd_close(c->request_fd);
	fd_close(c->program_fd);
	*c = CONFINEMENT_NULL;
}

/* --- probe of this host ------------------------------------------------------------------------------------------- */

struct probe {
	struct machine machine;
	struct child child;
};

enum { PROBE_WAIT, PROBE_COUNT };

static int probe_wait(struct machine *m, int result)
{
	struct probe *p = container_of(m, struct probe, machine);
	(void)result;
	if (!p->child.running)
		return MACHINE_END;
	machine_wait_child(m, &p->child);
	return PROBE_WAIT;
}

static const struct machine_state probe_states[PROBE_COUNT] = {
	[PROBE_WAIT] = { "wait", probe_wait, DEADLINE_NONE, 0, TO(PROBE_WAIT) | TO_END },
};
static const struct machine_type probe_type = { "confinement probe", probe_states, PROBE_COUNT, NULL };

int confinement_probe(struct reactor *r, struct confine_outcome *ret, struct err **err)
{
	static const char *const argv[] = { "ktstr-confine", NULL };
	const struct child_spec spec = { .argv = argv };
	struct confinement c;
	struct probe p = { .child = CHILD_NULL };
	int result = confinement_init(&c, NULL, err);
	if (result == 0)
		result = confinement_show(&c, "/usr/lib");
	if (result == 0)
		result = confinement_spawn(&c, r, &p.child, &spec, err);
	if (result == 0) {
		machine_start(r, &p.machine, &probe_type, NULL, "confinement probe");
		result = reactor_run(r);
		child_done(&p.child);
	}
	*ret = confinement_outcome(&c);
	confinement_done(&c);
	return result;
}
