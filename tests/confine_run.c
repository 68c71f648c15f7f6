/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * confine_run.c -- starts one program as the backends start theirs, and prints the result:
 *
 *	confine_run vmm PROGRAM LIST	PROGRAM as a file without a name, as the kvm backend does
 *	confine_run qemu NAME LIST	the program that NAME finds in PATH, as the tcg backend does
 *
 * LIST is for the program (lib/hostile.c). Standard output: "part NAME STATE" for each part of the confinement, the
 * program's report, its standard error, and "exit TEXT".
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "reactor/machine.h"
#include "vmm/confine/confinement.h"

#define FILES_FD   7
#define REPORT_FD  8
#define PROGRAM_FD 9

struct run {
	struct machine machine;
	struct child child;
	struct confinement confinement;
	int report_fd, list_fd, stderr_fd, program_fd;
};

enum { RUN_WAIT, RUN_COUNT };

static int run_wait(struct machine *m, int result)
{
	struct run *run = container_of(m, struct run, machine);
	(void)result;
	if (!run->child.running)
		return MACHINE_END;
	machine_wait_child(m, &run->child);
	return RUN_WAIT;
}

static const struct machine_state run_states[] = {
	[RUN_WAIT] = { "wait", run_wait, DEADLINE_NONE, 0, TO(RUN_WAIT) | TO_END },
};
static const struct machine_type run_type = { "confined", run_states, RUN_COUNT, NULL };

static int describe(struct run *run, char **argv, struct err **err)
{
	int r = confinement_init(&run->confinement, NULL, err);
	if (r == 0 && !strcmp(argv[1], "qemu"))
		return confinement_show_program(&run->confinement, argv[2], err);
	if (r < 0)
		return r;
	run->program_fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	run->confinement.request->program_fd = PROGRAM_FD;
	return run->program_fd < 0 ? FAIL_SYS(err, -errno, "open '%s'", argv[2])
				   : confinement_show(&run->confinement, "/dev/kvm");
}

static int start(struct run *run, struct reactor *r, char **argv, struct err **err)
{
	const char *const args[] = { argv[2], NULL };
	struct child_fd fds[] = { { run->report_fd, REPORT_FD },
				  { run->list_fd, FILES_FD },
				  { run->stderr_fd, STDERR_FILENO },
				  { run->program_fd, PROGRAM_FD } };
	struct child_spec spec = { .argv = args, .fds = fds, .fd_count = run->program_fd < 0 ? 3 : 4 };
	return confinement_spawn(&run->confinement, r, &run->child, &spec, err);
}

static void print_file(int fd)
{
	char text[16384];
	ssize_t n;
	for (off_t at = 0; (n = pread(fd, text, sizeof(text), at)) > 0; at += n)
		fwrite(text, 1, (size_t)n, stdout);
}

static void print(const struct run *run)
{
	char text[64];
	const struct confine_outcome o = confinement_outcome(&run->confinement);
	for (int i = 0; i < CONFINE_PART_MAX; i++)
		printf("part %s %s\n", confine_part_names[i],
		       o.part[i] == CONFINE_IN_FORCE ? "in-force"
		       : o.part[i]		     ? strerror(-o.part[i])
						     : "not-tried");
	print_file(run->report_fd);
	print_file(run->stderr_fd);
	printf("exit %s\n", child_describe(run->child.status, text, sizeof(text)));
}

static int run_it(struct reactor *r, char **argv, struct err **err)
{
	struct run run = { .confinement = CONFINEMENT_NULL,
			   .child = CHILD_NULL,
			   .program_fd = -1,
			   .report_fd = memfd_new("report", 0),
			   .stderr_fd = memfd_new("stderr", 0),
			   .list_fd = open(argv[3], O_RDONLY | O_CLOEXEC) };
	int result = describe(&run, argv, err);
	if (result == 0)
		result = start(&run, r, argv, err);
	if (result < 0)
		return result;
	machine_start(r, &run.machine, &run_type, NULL, "confined");
	result = reactor_run(r);
	print(&run);
	child_done(&run.child);
	confinement_done(&run.confinement);
	return result;
}

int main(int argc, char **argv)
{
	struct err *err = NULL;
	struct reactor *r = NULL;
	int result = argc == 4 ? reactor_new(&r, &err) : -EINVAL;
	if (result == 0)
		result = run_it(r, argv, &err);
	if (result < 0) {
		struct buf text = BUF_NULL;
		if (err)
			err_format(err, &text);
		fprintf(stderr, "%s\n", buf_str(&text));
		buf_done(&text);
	}
	err_free(err);
	reactor_free(r);
	return result < 0;
}
