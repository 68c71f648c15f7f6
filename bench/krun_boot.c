/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * krun_boot.c -- a libkrun machine with the given kernel and initramfs, and its serial port as output: the small VMM
 * that lab_boot.py compares ktstr's with.
 *
 *	krun_boot LIBRARY KERNEL INITRD MIB VCPUS CMDLINE	KERNEL: an ELF image
 *
 * The library is loaded at run time; its header (include/libkrun.h of 1.17) declares these functions.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define KERNEL_FORMAT_ELF 1u

struct krun {
	int32_t (*create_ctx)(void);
	int32_t (*set_vm_config)(uint32_t ctx, uint8_t vcpus, uint32_t ram_mib);
	int32_t (*disable_implicit_console)(uint32_t ctx);
	int32_t (*disable_implicit_vsock)(uint32_t ctx);
	int32_t (*add_serial_console_default)(uint32_t ctx, int in_fd, int out_fd);
	int32_t (*set_kernel)(uint32_t ctx, const char *kernel, uint32_t format, const char *initrd,
			      const char *cmdline);
	int32_t (*start_enter)(uint32_t ctx);
};

static int load(const char *path, struct krun *k)
{
	static const char *const names[] = { "krun_create_ctx",
					     "krun_set_vm_config",
					     "krun_disable_implicit_console",
					     "krun_disable_implicit_vsock",
					     "krun_add_serial_console_default",
					     "krun_set_kernel",
					     "krun_start_enter" };
	void *library = dlopen(path, RTLD_NOW), **to = (void **)k;
	if (!library) {
		fprintf(stderr, "krun_boot: %s\n", dlerror());
		return -1;
	}
	_Static_assert(sizeof(*k) == sizeof(names) / sizeof(names[0]) * sizeof(void *), "a name each");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		to[i] = dlsym(library, names[i]);
		if (!to[i]) {
			fprintf(stderr, "krun_boot: '%s' has no %s\n", path, names[i]);
			return -1;
		}
	}
	return 0;
}

static int fails(const char *what, int32_t r)
{
	if (r < 0)
		fprintf(stderr, "krun_boot: %s: error %d\n", what, -r);
	return r < 0;
}

int main(int argc, char **argv)
{
	struct krun k;
	if (argc != 7)
		return 64;
	if (load(argv[1], &k) < 0)
		return 1;
	int32_t ctx = k.create_ctx();
	uint32_t c = (uint32_t)ctx;
	if (fails("make a machine", ctx) ||
	    fails("set its size", k.set_vm_config(c, (uint8_t)atoi(argv[5]), (uint32_t)atoi(argv[4]))) ||
	    fails("leave out its console", k.disable_implicit_console(c)) ||
	    fails("leave out its sockets", k.disable_implicit_vsock(c)) ||
	    fails("add its serial port", k.add_serial_console_default(c, STDIN_FILENO, STDOUT_FILENO)) ||
	    fails("set its kernel", k.set_kernel(c, argv[2], KERNEL_FORMAT_ELF, argv[3], argv[6])))
		return 1;
	return fails("start it", k.start_enter(c));
}
