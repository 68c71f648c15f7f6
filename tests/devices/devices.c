/* SPDX-License-Identifier: GPL-2.0-only */
/* devices.c -- tests with devices; tests/vm/devices.py has the expected results. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ktstr/ktstr.h>

#define BLOCK	   4096
#define EXT4_MAGIC 0xef53
#define DISK	   "/dev/vda"

static void expect_number(struct ktstr_ctx *t, const char *path, unsigned long least)
{
	unsigned long value = 0;
	FILE *f = fopen(path, "r");
	if (f && fscanf(f, "%lu", &value) != 1)
		value = 0;
	if (f)
		fclose(f);
	ktstr_expect(t, value >= least, "%s is %lu, not at least %lu", path, value, least);
}

/* --- disks -------------------------------------------------------------------------------------------------------- */

static void expect_block(struct ktstr_ctx *t, int fd, off_t at, int byte)
{
	static _Alignas(BLOCK) char block[BLOCK];
	char wanted[BLOCK];
	memset(wanted, byte, sizeof(wanted));
	ssize_t n = pread(fd, block, BLOCK, at);
	ktstr_expect(t, n == BLOCK && !memcmp(block, wanted, BLOCK), "block %ld of the disk: read %zd, %d, not all %d",
		     (long)(at / BLOCK), n, block[0], byte);
}

static void write_block(struct ktstr_ctx *t, int fd, off_t at, int byte)
{
	static _Alignas(BLOCK) char block[BLOCK];
	memset(block, byte, BLOCK);
	ssize_t n = pwrite(fd, block, BLOCK, at);
	ktstr_expect(t, n == BLOCK, "write to the disk: %s", strerror(errno));
}

static int open_disk(struct ktstr_ctx *t, int how, unsigned long long bytes)
{
	unsigned long long size = 0;
	int fd = open(DISK, how | O_DIRECT | O_CLOEXEC);
	ktstr_expect(t, fd >= 0 && ioctl(fd, BLKGETSIZE64, &size) == 0 && size == bytes, "the disk has %llu bytes: %s",
		     size, strerror(errno));
	return fd;
}

/* "reads merges sectors ms writes ...", since the machine started. */
static void expect_io(struct ktstr_ctx *t, unsigned long least)
{
	unsigned long reads = 0, writes = 0;
	FILE *f = fopen("/sys/block/vda/stat", "r");
	if (f && fscanf(f, "%lu %*u %*u %*u %lu", &reads, &writes) != 2)
		reads = writes = 0;
	if (f)
		fclose(f);
	ktstr_expect(t, reads >= least && writes >= least, "the disk served %lu reads and %lu writes, not %lu each",
		     reads, writes, least);
}

static const struct ktstr_disk raw_disk = { .bytes = 64 << 20 };

KTSTR_TEST(raw, .disk = &raw_disk, .llcs = 1, .cores = 2, .duration_s = 1)
{
	int fd = open_disk(t, O_RDWR, raw_disk.bytes);
	expect_block(t, fd, 0, 0);
	expect_block(t, fd, (off_t)raw_disk.bytes - BLOCK, 0);
	write_block(t, fd, 40 << 20, 'k');
	expect_block(t, fd, 40 << 20, 'k');
	close(fd);
	enum ktstr_verdict v = ktstr_run_cgroups(
		t, KTSTR_CGROUPS({ .name = "writes", .work = KTSTR_WORK(IO_SYNC_WRITE), .workers = 1 },
				 { .name = "reads", .work = KTSTR_WORK(IO_RAND_READ), .workers = 2 },
				 { .name = "both", .work = KTSTR_WORK(IO_CONVOY), .workers = 1 },
				 { .name = "spin", .workers = 2 }));
	expect_io(t, 100);
	fd = open_disk(t, O_RDONLY, raw_disk.bytes);
	expect_block(t, fd, 40 << 20, 'k');
	close(fd);
	return v;
}

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* After the first, a flush has nothing to write. It must end at once, whatever the other CPU does. */
static void flush_often(struct ktstr_ctx *t, int fd, const char *when)
{
	for (int i = 0; i < 50; i++) {
		double began = now_ms();
		int r = fsync(fd);
		double took = now_ms() - began;
		ktstr_expect(t, r == 0 && took < 10, "flush %d %s took %.3f ms: %s", i, when, took, strerror(errno));
		usleep(1000); /* the machine must sleep between two of them: that is the case under test */
	}
}

static const struct ktstr_disk flushed_disk = { .bytes = 1 << 20 };

KTSTR_TEST(flushes, .disk = &flushed_disk, .llcs = 1, .cores = 2)
{
	int fd = open_disk(t, O_RDWR, flushed_disk.bytes);
	write_block(t, fd, 0, 'k');
	flush_often(t, fd, "while the machine sleeps");
	pid_t spinner = fork();
	while (!spinner)
		;
	ktstr_expect(t, spinner > 0, "fork: %s", strerror(errno));
	flush_often(t, fd, "beside a spinner");
	kill(spinner, SIGKILL);
	waitpid(spinner, NULL, 0);
	close(fd);
	return KTSTR_PASS;
}

static const struct ktstr_disk read_only_disk = { .bytes = 4 << 20, .ro = true };

KTSTR_TEST(read_only, .disk = &read_only_disk, .llcs = 1, .cores = 1, .duration_s = 1)
{
	int fd = open_disk(t, O_RDONLY, read_only_disk.bytes), read_only = 0;
	ktstr_expect(t, ioctl(fd, BLKROGET, &read_only) == 0 && read_only, "the kernel knows that it is read-only");
	close(fd);
	return ktstr_run_cgroups(t,
				 KTSTR_CGROUPS({ .name = "reads", .work = KTSTR_WORK(IO_RAND_READ), .workers = 2 },
					       { .name = "writes", .work = KTSTR_WORK(IO_SYNC_WRITE), .workers = 1 }));
}

static const struct ktstr_disk mounted_disk = { .bytes = 32 << 20, .fs = "ext4", .mount = "/data/disk" };

KTSTR_TEST(mounted, .disk = &mounted_disk, .llcs = 1, .cores = 2, .duration_s = 1)
{
	struct statfs fs = { 0 };
	ktstr_expect(t, statfs("/data/disk", &fs) == 0 && fs.f_type == EXT4_MAGIC, "ext4 is mounted: %lx",
		     (unsigned long)fs.f_type);
	FILE *f = fopen("/data/disk/file", "w");
	ktstr_expect(t, f && fputs("kept", f) >= 0 && fclose(f) == 0, "a file is written: %s", strerror(errno));
	return ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "writes", .work = KTSTR_WORK(IO_SYNC_WRITE), .workers = 2 },
						  { .name = "spin", .workers = 2 }));
}

static const struct ktstr_disk locked_disk = { .bytes = 8 << 20, .fs = "ext4", .mount = "/data", .ro = true };

KTSTR_TEST(mounted_read_only, .disk = &locked_disk, .llcs = 1, .cores = 1)
{
	int fd = open("/data/file", O_CREAT | O_WRONLY, 0600);
	ktstr_expect(t, fd < 0 && errno == EROFS, "nothing can be written: %s", fd < 0 ? strerror(errno) : "it can");
	return KTSTR_PASS;
}

/* --- networks ----------------------------------------------------------------------------------------------------- */

KTSTR_TEST(networks, .networks = KTSTR_NETWORKS({ "front" }, { "back" }), .llcs = 1, .cores = 2, .duration_s = 1)
{
	enum ktstr_verdict v =
		ktstr_run_cgroups(t, KTSTR_CGROUPS({ .name = "traffic", .work = KTSTR_WORK(NET_TRAFFIC), .workers = 2 },
						   { .name = "pairs", .work = KTSTR_WORK(IRQ_WAKE), .workers = 4 },
						   { .name = "spin", .workers = 2 }));
	expect_number(t, "/sys/class/net/front/statistics/rx_packets", 100);
	expect_number(t, "/sys/class/net/back/statistics/rx_packets", 100);
	ktstr_expect(t, access("/sys/class/net/eth0", F_OK) < 0, "the interfaces have their names");
	return v;
}

/* --- a bus -------------------------------------------------------------------------------------------------------- */

KTSTR_TEST(bus, .pci = KTSTR_ON, .llcs = 1, .cores = 1)
{
	ktstr_expect(t, access("/sys/bus/pci/devices/0000:00:00.0", F_OK) == 0, "there is a host bridge");
	return KTSTR_PASS;
}
