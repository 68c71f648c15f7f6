/* SPDX-License-Identifier: GPL-2.0-only */
/* cancel.c -- uses both functions for which glibc loads libgcc_s at run time. */
#include <execinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

static void *sleeps(void *arg)
{
	pause();
	return arg;
}

int main(void)
{
	pthread_t thread;
	void *result = NULL, *frame[64];
	pthread_create(&thread, NULL, sleeps, NULL);
	usleep(10000);
	pthread_cancel(thread);
	pthread_join(thread, &result);
	printf("{\"cancelled\": %d, \"frames\": %d}\n", result == PTHREAD_CANCELED, backtrace(frame, 64));
	return 0;
}
