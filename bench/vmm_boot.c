/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmm_boot.c -- one machine from exec to its guest's hello, as a stopwatch sees it. For lab_boot.py.
 *
 *	vmm_boot ours PROGRAM KERNEL INITRD MIB TOPOLOGY CMDLINE	our VMM
 *	vmm_boot any ARGV...						whatever has the guest's console as its output
 *
 * Prints the console to stderr and one line of JSON: milliseconds to "hello" and to the end, and what was resident at
 *the hello, in KiB (shared memory is the guest's RAM, the rest is what the VMM costs).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/parse.h"
#include "base/time.h"
#include "topo/topology.h"
#include "vmm/kvm/config.h"

struct watch {
	nsec_t began, hello, ended;
	uint64_t anon_kib, file_kib, shmem_kib;
	int status;
};

static uint64_t field(const char *text, const char *name)
{
	const char *at = strstr(text, name);
	uint64_t value = 0;
	for (at = at ? at + strlen(name) : ""; *at == ' ' || *at == '\t'; at++)
		;
	for (; *at >= '0' && *at <= '9'; at++)
		value = value * 10 + (uint64_t)(*at - '0');
	return value;
}

static void look_at(pid_t pid, struct watch *w)
{
	char path[64];
	_cleanup_buf_ struct buf text = BUF_NULL;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (file_read(path, 65536, &text, NULL) < 0)
		return;
	w->anon_kib = field(buf_str(&text), "RssAnon:");
	w->file_kib = field(buf_str(&text), "RssFile:");
	w->shmem_kib = field(buf_str(&text), "RssShmem:");
}

static void listen_to(pid_t pid, int console, struct watch *w)
{
	_cleanup_buf_ struct buf seen = BUF_NULL;
	char chunk[4096];
	for (ssize_t n; (n = read(console, chunk, sizeof(chunk))) > 0;) {
		buf_append(&seen, chunk, (size_t)n);
		fwrite(chunk, 1, (size_t)n, stderr);
		if (!w->hello && strstr(buf_str(&seen), "hello")) {
			w->hello = nsec_now();
			look_at(pid, w);
		}
	}
	waitpid(pid, &w->status, 0);
	w->ended = nsec_now();
}

static void print(const struct watch *w, const struct vmm_report *r)
{
	printf("{\"hello_ms\": %.2f, \"end_ms\": %.2f, \"anon_kib\": %lu, \"file_kib\": %lu, \"ram_kib\": %lu, "
	       "\"status\": %d",
	       w->hello ? (double)(w->hello - w->began) / 1e6 : -1, (double)(w->ended - w->began) / 1e6, w->anon_kib,
	       w->file_kib, w->shmem_kib, w->status);
	if (r)
		printf(", \"main_ms\": %.2f, \"run_ms\": %.2f, \"exits\": %lu, \"unclaimed\": %lu",
		       (double)((nsec_t)r->exec_ns - w->began) / 1e6, (double)((nsec_t)r->boot_ns - w->began) / 1e6,
		       r->exits, r->unclaimed);
	printf("}\n");
}

static int any(char **argv)
{
	struct watch w = { 0 };
	int pair[2];
	if (pipe(pair) < 0)
		return 1;
	w.began = nsec_now();
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(pair[1], STDOUT_FILENO);
		close(pair[0]);
		close(pair[1]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(pair[1]);
	listen_to(pid, pair[0], &w);
	print(&w, NULL);
	return 0;
}

static int fill(struct vmm_config *c, char **argv, int console)
{
	struct ktstr_topology *t = &c->guest.topology;
	uint64_t mib;
	struct guestmem m;
	*c = (struct vmm_config){ .magic = VMM_CONFIG_MAGIC, .size = sizeof(*c) };
	if (parse_u64(argv[3], &mib) < 0 || topology_parse(argv[4], t, NULL) < 0 ||
	    guestmem_init(&m, t->numa_nodes, mib, NULL) < 0)
		return -EINVAL;
	c->guest.nodes = m.nodes;
	for (unsigned i = 0; i < m.nodes; i++) {
		c->guest.node[i].fd = fcntl(m.node[i].fd, F_DUPFD, 64);
		c->guest.node[i].size = m.node[i].size;
	}
	c->guest.kernel_fd = fcntl(open(argv[1], O_RDONLY), F_DUPFD, 64);
	c->guest.initrd_fd = fcntl(open(argv[2], O_RDONLY), F_DUPFD, 64);
	c->guest.console_fd = fcntl(console, F_DUPFD, 64);
	snprintf(c->guest.device, sizeof(c->guest.device), "/dev/kvm");
	snprintf(c->guest.cmdline, sizeof(c->guest.cmdline), "%s", argv[5]);
	guestmem_done(&m);
	return c->guest.kernel_fd < 0 || c->guest.initrd_fd < 0 ? -ENOENT : 0;
}

static int ours(char **argv)
{
	struct watch w = { 0 };
	struct vmm_config config;
	struct vmm_report empty = { 0 };
	int pair[2], config_fd = memfd_create("config", 0), report_fd = memfd_create("report", 0);
	if (pipe(pair) < 0 || fill(&config, argv, pair[1]) < 0 ||
	    fd_write_full(config_fd, &config, sizeof(config)) < 0 ||
	    fd_write_full(report_fd, &empty, sizeof(empty)) < 0)
		return 1;
	const struct vmm_report *report = mmap(NULL, sizeof(empty), PROT_READ, MAP_SHARED, report_fd, 0);
	int source[] = { fcntl(config_fd, F_DUPFD, 64), fcntl(report_fd, F_DUPFD, 64), fcntl(pair[1], F_DUPFD, 64) };
	close(pair[1]);
	w.began = nsec_now();
	pid_t pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(source[0], VMM_FD_CONFIG);
		dup2(source[1], VMM_FD_REPORT);
		dup2(source[2], VMM_FD_WORDS);
		execl(argv[0], "ktstr-vmm", NULL);
		_exit(127);
	}
	close(source[2]);
	close(config.guest.console_fd);
	listen_to(pid, pair[0], &w);
	print(&w, report);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 8 && !strcmp(argv[1], "ours"))
		return ours(argv + 2);
	if (argc > 2 && !strcmp(argv[1], "any"))
		return any(argv + 2);
	return 64;
}
