/* SPDX-License-Identifier: GPL-2.0-only */
/* vcpu_times.c -- see vcpu_times.h. */
#include "vmm/vcpu_times.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/parse.h"

#define TEXT_BYTES_MAX 128

/* Reads a small file of a thread; false: it has ended. */
static bool read_of_thread(pid_t pid, pid_t tid, const char *name, char text[TEXT_BYTES_MAX])
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, TEXT_BYTES_MAX - 1);
	text[MAX_OF(n, 0)] = '\0';
	return n > 0;
}

static void find_thread(struct vcpu_threads *t, pid_t pid, pid_t tid, unsigned vcpus)
{
	char text[TEXT_BYTES_MAX];
	uint64_t vcpu;
	const size_t prefix = sizeof(VCPU_THREAD_PREFIX) - 1;
	if (!read_of_thread(pid, tid, "comm", text) || strncmp(text, VCPU_THREAD_PREFIX, prefix))
		return;
	text[strcspn(text, "\n")] = '\0';
	if (parse_u64(text + prefix, &vcpu) < 0 || vcpu >= vcpus || t->tid[vcpu])
		return;
	t->tid[vcpu] = tid;
	t->found++;
}

static void find_threads(struct vcpu_threads *t, pid_t pid, unsigned vcpus)
{
	char path[32];
	uint64_t tid;
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *threads = opendir(path);
	for (struct dirent *e; threads && (e = readdir(threads));)
		if (parse_u64(e->d_name, &tid) == 0 && tid <= INT32_MAX)
			find_thread(t, pid, (pid_t)tid, vcpus);
	if (threads)
		closedir(threads);
}

/* "CPU_NS WAIT_NS SLICES"; all are 0 where the kernel does not keep them. */
static void read_times(pid_t pid, pid_t tid, struct vcpu_time *ret)
{
	char text[TEXT_BYTES_MAX];
	unsigned long ran, waited, slices;
	if (!read_of_thread(pid, tid, "schedstat", text) || sscanf(text, "%lu %lu %lu", &ran, &waited, &slices) != 3)
		return;
	*ret = (struct vcpu_time){ .known = slices > 0, .cpu_ns = ran, .wait_ns = waited };
}

unsigned vcpu_times_read(struct vcpu_threads *t, pid_t pid, unsigned vcpus, struct vcpu_time *ret)
{
	unsigned known = 0;
	memset(ret, 0, vcpus * sizeof(*ret));
	if (pid <= 0 || vcpus > GUEST_CPUS_MAX)
		return 0;
	if (t->found < vcpus)
		find_threads(t, pid, vcpus);
	for (unsigned i = 0; i < vcpus; i++) {
		if (t->tid[i])
			read_times(pid, t->tid[i], &ret[i]);
		known += ret[i].known;
	}
	return known;
}
