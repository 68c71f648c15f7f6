/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * library.c -- the library that LD_PRELOAD names. It replaces the function of the C library that calls main(): that is
 * the first moment at which gcc's runtime, which begins as a constructor of the program, has told its counters.
 */
#include <dlfcn.h>
#include <unistd.h>

#include "guest/coverage/program.h"

typedef int main_fn(int argc, char **argv, char **environment);
typedef int start_fn(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
		     void (*loader_end)(void), void *stack_end);

static main_fn *program_main;

static int counted_main(int argc, char **argv, char **environment)
{
	program_begin();
	return program_main(argc, argv, environment);
}

#pragma GCC visibility push(default)
start_fn __libc_start_main;
#pragma GCC visibility pop

int __libc_start_main(main_fn *main, int argc, char **argv, void (*init)(void), void (*fini)(void),
		      void (*loader_end)(void), void *stack_end)
{
	start_fn *real = (start_fn *)(uintptr_t)dlsym(RTLD_NEXT, "__libc_start_main");
	program_main = main;
	return real ? real(counted_main, argc, argv, init, fini, loader_end, stack_end) : 127;
}
