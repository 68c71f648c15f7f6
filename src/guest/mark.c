/* SPDX-License-Identifier: GPL-2.0-only */
/* mark.c -- see mark.h. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/arch.h"
#include "guest/mark.h"

#define PORT_WORD " ktstr.mark=0x"

/* Names become parts of file names and of paths to values. */
static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

const char *mark_name_problem(const char *name)
{
	size_t len = strlen(name);
	if (!len || len >= WIRE_MARK_NAME_MAX)
		return "has no valid name; write 1 to 31 characters";
	return strspn(name, allowed) == len ? NULL : "has no valid name; use letters, digits, _ and -";
}

/* 0: this machine has none. */
static uint16_t read_port(void)
{
	char text[4096] = "";
	unsigned port = 0;
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 0)
		*text = '\0';
	if (fd >= 0)
		close(fd);
	const char *word = strstr(text, PORT_WORD);
	return word && sscanf(word, PORT_WORD "%x", &port) == 1 ? (uint16_t)port : 0;
}

/* One thread at a time: the machine puts the words of a mark together. */
static void write_to_machine(const uint32_t word[WIRE_MARK_WORDS], uint32_t kind)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static bool known;
	static uint16_t port;
	pthread_mutex_lock(&lock);
	port = known ? port : read_port();
	known = true;
	if (port)
		arch_write_mark(port, word, WIRE_MARK_WORDS, kind);
	pthread_mutex_unlock(&lock);
}

void mark(enum wire_mark_kind kind, const char *name, uint32_t step)
{
	uint64_t word[WIRE_MARK_NAME_MAX / 8] = { 0 };
	uint32_t half[WIRE_MARK_WORDS] = { [WIRE_MARK_WORDS - 1] = step };
	int saved = errno;
	memcpy(word, name, strnlen(name, WIRE_MARK_NAME_MAX - 1));
	memcpy(half, word, sizeof(word));
	syscall(SYS_sched_rr_get_interval, WIRE_MARK + kind, word[0], word[1], word[2], word[3], (uint64_t)step);
	/* Holds are of interest only to those who count instructions. */
	if (kind != WIRE_MARK_HOLD && kind != WIRE_MARK_HOLD_END)
		write_to_machine(half, kind);
	errno = saved;
}
