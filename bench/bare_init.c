/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bare_init.c -- the smallest guest program: says hello on the console and ends the machine; with the argument
 * "linger", after a third of a second. The reference in boot.py, the guest of lab_boot.py.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/io.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* A kernel without an interrupt for its serial port still prints its log messages. */
static bool say_through_the_log(void)
{
	static const char hello[] = "<1>hello\n";
	mknod("/dev/kmsg", S_IFCHR | 0600, makedev(1, 11));
	int fd = open("/dev/kmsg", O_WRONLY);
	return fd >= 0 && write(fd, hello, strlen(hello)) > 0;
}

int main(int argc, char **argv)
{
	bool hello = (write(1, "hello\n", 6) == 6 && tcdrain(1) == 0) || say_through_the_log();
	if (argc > 1 && !strcmp(argv[1], "linger"))
		nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
	if (hello && iopl(3) == 0)
		outl(0, 0xf4);
	for (;;)
		pause();
}
