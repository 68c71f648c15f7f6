/* SPDX-License-Identifier: GPL-2.0-only */
/* jobserver.c -- see jobserver.h. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "kernel/jobserver.h"

static int fill(struct jobserver *js)
{
	char bytes[JOBSERVER_MAX];
	memset(bytes, '+', js->budget);
	return write(js->wr, bytes, js->budget) == (ssize_t)js->budget ? 0 : -EIO;
}

int jobserver_init(struct jobserver *js, unsigned budget, struct err **err)
{
	int ends[2];
	REQUIRE(budget > 0 && budget <= JOBSERVER_MAX);
	*js = JOBSERVER_NULL;
	/* GNU make 4.3 makes the read end non-blocking itself; 4.4 handles a non-blocking one. */
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return FAIL_SYS(err, -errno, "make the jobserver's pipe");
	js->rd = ends[0];
	js->wr = ends[1];
	js->budget = budget;
	snprintf(js->makeflags, sizeof(js->makeflags), "MAKEFLAGS= -j%u --jobserver-auth=%d,%d", budget,
		 JOBSERVER_FD_READ, JOBSERVER_FD_WRITE);
	int r = fill(js);
	return r < 0 ? FAIL_SYS(err, r, "fill the jobserver's pipe") : 0;
}

void jobserver_done(struct jobserver *js)
{
	js->rd = fd_close(js->rd);
	js->wr = fd_close(js->wr);
}

int jobserver_take(struct jobserver *js)
{
	char byte;
	ssize_t n;
	do
		n = read(js->rd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		return n < 0 ? -errno : -EIO;
	js->builds++;
	return 0;
}

/* A killed make may not have returned its bytes. So the pipe is refilled after the last build has ended. */
void jobserver_give(struct jobserver *js)
{
	char bytes[JOBSERVER_MAX];
	REQUIRE(js->builds > 0);
	if (--js->builds) {
		/* This cannot block: the pipe never holds more than JOBSERVER_MAX bytes. */
		REQUIRE(write(js->wr, "+", 1) == 1);
		return;
	}
	while (read(js->rd, bytes, sizeof(bytes)) > 0)
		;
	fill(js);
}
