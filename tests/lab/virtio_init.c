/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * virtio_init.c -- PID 1 of a guest with a virtio console and a disk: uses each once, reports what it saw, and exits.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define SECTOR 512
#define TRIES  100

/* Devices appear when their drivers have probed them. */
static int open_later(const char *path)
{
	int fd = -1;
	for (int i = 0; i < TRIES && fd < 0; i++) {
		fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY);
		if (fd < 0)
			nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	}
	if (fd < 0)
		perror(path);
	return fd;
}

static void use_disk(void)
{
	char sector[SECTOR] = "", answer[SECTOR] = "the guest was here";
	int fd = open_later("/dev/vda");
	if (pread(fd, sector, SECTOR, 0) != SECTOR)
		perror("read the disk");
	sector[SECTOR - 1] = '\0';
	printf("disk: %s\n", sector);
	if (pwrite(fd, answer, SECTOR, SECTOR) != SECTOR || fsync(fd) < 0)
		perror("write the disk");
	close(fd);
}

static void use_console(void)
{
	char line[80] = "";
	struct termios t;
	int fd = open_later("/dev/hvc0");
	if (tcgetattr(fd, &t) == 0) {
		t.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(fd, TCSANOW, &t);
	}
	if (read(fd, line, sizeof(line) - 1) < 0)
		perror("read the console");
	line[strcspn(line, "\r\n")] = '\0';
	printf("typed: %s\n", line);
	dprintf(fd, "hvc0 heard %s\n", line);
	tcdrain(fd);
	close(fd);
}

static void use_port(void)
{
	int fd = open_later("/dev/vport0p1");
	dprintf(fd, "bytes in bulk");
	close(fd);
}

int main(void)
{
	mkdir("/dev", 0755);
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) < 0)
		perror("mount /dev");
	use_disk();
	use_console();
	use_port();
	printf("hello\n");
	fflush(stdout);
	tcdrain(1);
	if (iopl(3) == 0)
		outb(0, 0xf4);
	for (;;)
		pause();
}
