/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmm_boot.c -- measures the time of one machine from exec to its guest's hello. For lab_boot.py.
 *
 *	vmm_boot ours PROGRAM KERNEL INITRD MIB TOPOLOGY[+split][+perf][+copy][+virtio] CMDLINE	our VMM
 *	vmm_boot any ARGV...	whatever has the guest's console as its output; it is killed when it was looked at
 *
 * Prints the console to stderr and one line of JSON: milliseconds to "hello" and to the end, and the resident memory at
 * the hello in KiB: the guest's RAM, and the rest, which is the cost of the VMM including its program.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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
	uint64_t own_kib, ram_kib;
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

#define NAMELESS_RAM (100ul << 20) /* bytes; no other unnamed mapping of a VMM is as large */

/*
 * Finds guest RAM by the names of mappings: ktstr's memory files, QEMU's, and the kernel file where it is mapped as
 * RAM. Other VMMs' RAM has no name and is their largest unnamed mapping.
 */
static bool is_ram(const char *line, size_t len)
{
	static const char *const names[] = { "/memfd:ktstr-guest-ram", "/memfd:memory-backend", "/vmlinux" };
	char *behind;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (memmem(line, len, names[i], strlen(names[i])))
			return true;
	uint64_t from = strtoul(line, &behind, 16);
	uint64_t to = *behind == '-' ? strtoul(behind + 1, NULL, 16) : 0;
	return to >= from + NAMELESS_RAM && !memchr(line, '/', len) && !memchr(line, '[', len);
}

/*
 * Reads each mapping, because the program itself may lie in shared memory like the RAM. If the program ends meanwhile,
 * nothing is counted.
 */
static void look_at(pid_t pid, struct watch *w)
{
	char path[64];
	_cleanup_buf_ struct buf text = BUF_NULL;
	bool ram = false;
	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	if (file_read(path, (size_t)1 << 23, &text, NULL) < 0)
		return;
	for (const char *line = buf_str(&text), *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		if ((*line >= '0' && *line <= '9') || (*line >= 'a' && *line <= 'f'))
			ram = is_ram(line, (size_t)(end - line));
		else if (!strncmp(line, "Rss:", 4))
			*(ram ? &w->ram_kib : &w->own_kib) += field(line, "Rss:");
	}
}

static void listen_to(pid_t pid, int console, bool kills, struct watch *w)
{
	_cleanup_buf_ struct buf seen = BUF_NULL;
	char chunk[4096];
	for (ssize_t n; (n = read(console, chunk, sizeof(chunk))) > 0;) {
		buf_append(&seen, chunk, (size_t)n);
		fwrite(chunk, 1, (size_t)n, stderr);
		if (!w->hello && strstr(buf_str(&seen), "hello")) {
			w->hello = nsec_now();
			look_at(pid, w);
			if (kills)
				kill(pid, SIGKILL);
		}
	}
	waitpid(pid, &w->status, 0);
	w->ended = nsec_now();
}

/* A disk, and a console with typed input; the guest's output to them is printed at the end. */
struct virtio_ends {
	int disk, hvc, bulk;
};

static void print_text(const char *name, int fd, off_t at)
{
	char text[64] = "";
	if (fd && pread(fd, text, sizeof(text) - 1, at) >= 0) {
		for (char *p = text; (p = strpbrk(p, "\r\n\"\\")) != NULL;)
			*p = ' ';
		printf(", \"%s\": \"%s\"", name, text);
	}
}

static void print_virtio(const struct virtio_ends *ends)
{
	print_text("disk", ends->disk, 512);
	print_text("hvc", ends->hvc, 0);
	print_text("bulk", ends->bulk, 0);
}

static uint64_t halt_exits(const struct vmm_report *r)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < MIN_OF(r->counted_vcpus, GUEST_CPUS_MAX); i++)
		sum += r->stat[i][KVM_STAT_HALT_EXITS];
	return sum;
}

static void print(const struct watch *w, const struct vmm_report *r, const struct virtio_ends *ends)
{
	printf("{\"hello_ms\": %.2f, \"end_ms\": %.2f, \"own_kib\": %lu, \"ram_kib\": %lu, \"status\": %d",
	       w->hello ? (double)(w->hello - w->began) / 1e6 : -1, (double)(w->ended - w->began) / 1e6, w->own_kib,
	       w->ram_kib, w->status);
	if (r)
		printf(", \"setup_cpu_ms\": %.2f, \"main_ms\": %.2f, \"run_ms\": %.2f, \"exits\": %lu, \"unclaimed\": "
		       "%lu",
		       (double)r->setup_cpu_ns / 1e6, (double)((nsec_t)r->exec_ns - w->began) / 1e6,
		       (double)((nsec_t)r->boot_ns - w->began) / 1e6, r->exits, r->unclaimed);
	for (unsigned i = 0; r && r->perf[PERF_PINNING].asked && i < PERF_SETTING_MAX; i++)
		printf(", \"%s\": [%u, %u, %d]", perf_setting_names[i], r->perf[i].asked, r->perf[i].granted,
		       r->perf[i].error);
	if (r)
		printf(", \"halt_exits\": %lu", halt_exits(r));
	if (ends)
		print_virtio(ends);
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
	listen_to(pid, pair[0], true, &w);
	print(&w, NULL, NULL);
	return 0;
}

/* The descriptors' numbers in the child; the numbers here are above them all. */
struct handed {
	int from, to;
};

/* In perf mode vCPU n is on CPU n, and all memory on node 0; the other threads run on the CPUs after these. */
static void pin(struct vmm_config *c)
{
	uint16_t cpus = (uint16_t)topology_cpus(&c->guest.topology);
	vm_pinning_init(&c->guest.pinning);
	for (uint16_t i = 0; i < cpus && i < GUEST_CPUS_MAX; i++)
		c->guest.pinning.vcpu[i] = i;
	for (unsigned i = 0; i < c->guest.topology.numa_nodes && i < GUEST_NODES_MAX; i++)
		c->guest.pinning.node[i] = 0;
}

static struct handed *add_virtio(struct vmm_config *c, struct virtio_ends *ends, struct handed *h)
{
	char sectors[4096] = "a sector of the host";
	int typed[2];
	*ends = (struct virtio_ends){ memfd_new("disk", 0), memfd_new("hvc", 0), memfd_new("bulk", 0) };
	if (fd_write_full(ends->disk, sectors, sizeof(sectors)) < 0 || pipe2(typed, O_CLOEXEC) < 0 ||
	    fd_write_full(typed[1], "typed words\n", 12) < 0)
		return NULL;
	c->guest.devices = (struct vm_devices){ .console = true,
						.disk = true,
						.console_in = VMM_FD_HVC_IN,
						.console_out = VMM_FD_HVC_OUT,
						.bulk_out = VMM_FD_BULK_OUT,
						.disk_fd = VMM_FD_DISK };
	*h++ = (struct handed){ typed[0], VMM_FD_HVC_IN };
	*h++ = (struct handed){ ends->hvc, VMM_FD_HVC_OUT };
	*h++ = (struct handed){ ends->bulk, VMM_FD_BULK_OUT };
	*h++ = (struct handed){ ends->disk, VMM_FD_DISK };
	return h;
}

static int fill(struct vmm_config *c, char **argv, struct virtio_ends *ends, struct handed *h)
{
	struct ktstr_topology *t = &c->guest.topology;
	uint64_t mib;
	struct guestmem m;
	*c = (struct vmm_config){ .magic = VMM_CONFIG_MAGIC, .size = sizeof(*c) };
	c->guest.split = strstr(argv[4], "+split");
	bool virtio = strstr(argv[4], "+virtio");
	c->guest.copy_kernel = strstr(argv[4], "+copy");
	c->guest.perf = strstr(argv[4], "+perf");
	argv[4][strcspn(argv[4], "+")] = '\0';
	if (parse_u64(argv[3], &mib) < 0 || topology_parse(argv[4], t, NULL) < 0 ||
	    guestmem_init_for(&m, t, mib, c->guest.perf, NULL) < 0)
		return -EINVAL;
	pin(c);
	c->guest.nodes = m.nodes;
	for (unsigned i = 0; i < m.nodes; i++) {
		c->guest.node[i].fd = VMM_FD_RAM0 + (int)i;
		c->guest.node[i].size = m.node[i].size;
		*h++ = (struct handed){ m.node[i].fd, VMM_FD_RAM0 + (int)i };
	}
	h = virtio ? add_virtio(c, ends, h) : h;
	if (!h)
		return -EIO;
	c->guest.kernel_fd = VMM_FD_KERNEL;
	c->guest.initrd_fd = VMM_FD_INITRD;
	c->guest.console_fd = VMM_FD_CONSOLE;
	*h++ = (struct handed){ open(argv[1], O_RDONLY), VMM_FD_KERNEL };
	*h++ = (struct handed){ open(argv[2], O_RDONLY), VMM_FD_INITRD };
	*h = (struct handed){ memfd_new("config", 0), VMM_FD_CONFIG };
	snprintf(c->guest.device, sizeof(c->guest.device), "/dev/kvm");
	snprintf(c->guest.cmdline, sizeof(c->guest.cmdline), "%s", argv[5]);
	return fd_write_full(h->from, c, sizeof(*c));
}

static void become_vmm(const char *program, const struct handed *h)
{
	int high[GUEST_NODES_MAX + 12];
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 0; h[i].to; i++)
		high[i] = fcntl(h[i].from, F_DUPFD_CLOEXEC, 64);
	for (unsigned i = 0; h[i].to; i++)
		dup2(high[i], h[i].to);
	execl(program, "ktstr-vmm", NULL);
	_exit(127);
}

static int ours(char **argv)
{
	struct watch w = { 0 };
	struct vmm_config config;
	int pair[2], report_fd = memfd_new("report", sizeof(struct vmm_report));
	struct virtio_ends ends = { 0 };
	struct handed h[GUEST_NODES_MAX + 12] = { 0 };
	if (pipe2(pair, O_CLOEXEC) < 0 || fill(&config, argv, &ends, h + 3) < 0 || report_fd < 0)
		return 1;
	h[0] = (struct handed){ pair[1], VMM_FD_CONSOLE };
	h[1] = (struct handed){ pair[1], VMM_FD_DIAG };
	h[2] = (struct handed){ report_fd, VMM_FD_REPORT };
	const struct vmm_report *report = mmap(NULL, sizeof(*report), PROT_READ, MAP_SHARED, report_fd, 0);
	w.began = nsec_now();
	pid_t pid = fork();
	if (pid == 0)
		become_vmm(argv[0], h);
	close(pair[1]);
	listen_to(pid, pair[0], false, &w);
	print(&w, report, &ends);
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
