/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * confinement.h -- isolates the process of a virtual machine from the rest of the host. A guest that takes over its
 * QEMU or its VMM gets a process that sees a few read-only files, no other process and no network, that holds no
 * capability and cannot gain one.
 *
 * Every machine's process starts as one small program (confine/main.c), which confines itself and then executes the
 * machine's own program. A part that this host refuses is left out, and reported by name.
 */
#ifndef KTSTR_VMM_CONFINEMENT_H
#define KTSTR_VMM_CONFINEMENT_H

#include "base/buf.h"
#include "reactor/child.h"
#include "vmm/confine/constant_file.h"

enum confine_part {
	CONFINE_FILES,	      /* a file system view of its own, with the files it needs, read-only */
	CONFINE_PROCESSES,    /* a PID namespace: it cannot name other processes */
	CONFINE_IPC,	      /* an IPC namespace */
	CONFINE_NETWORK,      /* a network namespace without interfaces */
	CONFINE_HOSTNAME,     /* a UTS namespace */
	CONFINE_PRIVILEGES,   /* no capabilities, and no way to gain any */
	CONFINE_LIMITS,	      /* resource limits */
	CONFINE_SYSTEM_CALLS, /* a seccomp filter */
	CONFINE_LANDLOCK,     /* in place of a file system view, where that is refused */
	CONFINE_PART_MAX,
};

/* "files", "processes", ... */
extern const char *const confine_part_names[CONFINE_PART_MAX];

/* The result of each part: CONFINE_IN_FORCE, 0 (not tried), or the negative errno of the refusal. */
#define CONFINE_IN_FORCE 1
struct confine_outcome {
	int32_t part[CONFINE_PART_MAX];
};

/* Descriptors of the small program, which closes them before it executes the machine's program. */
enum { CONFINE_FD_PROGRAM = 30, CONFINE_FD_REQUEST = 31 };

#define CONFINE_PATHS_MAX   16
#define CONFINE_PATH_BYTES  512
#define CONFINE_MAGIC	    0x6b74636fu
#define CONFINE_EXIT_FAILED 127

/*
 * A file with the request for the small program, which writes the outcome back into it. Both ends are the same build.
 */
struct confine_request {
	uint32_t magic, size;
	int32_t program_fd;		  /* the machine's program; -1: `program` */
	uint32_t realtime;		  /* the highest real-time priority that it may use; 0: none */
	char program[CONFINE_PATH_BYTES]; /* "": none, only report the outcome */
	uint32_t paths;
	char path[CONFINE_PATHS_MAX][CONFINE_PATH_BYTES]; /* visible to it: directories, files and devices */
	struct confine_outcome outcome;
};

/* The parent's side of one process. */
struct confinement {
	struct confine_request *request;
	int request_fd, program_fd;
};

#define CONFINEMENT_NULL ((struct confinement){ .request_fd = -1, .program_fd = -1 })

/* @shared: with the program; or NULL. */
int confinement_init(struct confinement *c, struct constant_files *shared, struct err **err);
/* Makes @path visible to the child; links on the way to it are resolved. A missing @path is ignored. */
int confinement_show(struct confinement *c, const char *path);
/* Makes visible the ELF file that @name finds in PATH, and the libraries and data of its installation. */
int confinement_show_program(struct confinement *c, const char *name, struct err **err);
/* child_spawn() of the confined program. @spec must leave room for two descriptors. */
int confinement_spawn(struct confinement *c, struct reactor *r, struct child *child, const struct child_spec *spec,
		      struct err **err);
/* The parts that are in force; zeros when the child failed before. */
struct confine_outcome confinement_outcome(const struct confinement *c);
void confinement_done(struct confinement *c);
/* Finds out which parts this host allows. Runs the reactor. */
int confinement_probe(struct reactor *r, struct confine_outcome *ret, struct err **err);

#endif
