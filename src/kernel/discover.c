/* SPDX-License-Identifier: GPL-2.0-only */
/* discover.c -- finds a kernel when none was named. Builds and downloads nothing. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/environment.h"
#include "base/file.h"
#include "kernel/kernel.h"
#include "kernel/target.h"

/* --- images ------------------------------------------------------------------------------------------------------- */

/* Linux, Documentation/arch/x86/boot.rst: the magic number, and the offset of the version string, relative to 0x200. */
#define BZIMAGE_MAGIC_AT   0x202
#define BZIMAGE_VERSION_AT 0x20e

/* Linux, Documentation/arch/arm64/booting.rst. The image is not packed, so it has the banner of /proc/version. */
#define ARM64_MAGIC_AT	0x38
#define ARM64_MAGIC	"ARM\x64"
#define BANNER		"Linux version "
#define ARM64_IMAGE_MAX ((size_t)256 << 20)

static int arm64_version(int fd, char ret[VERSION_TEXT_MAX])
{
	struct stat st;
	if (fstat(fd, &st) < 0 || st.st_size <= 0 || (size_t)st.st_size > ARM64_IMAGE_MAX)
		return -EBADMSG;
	size_t size = (size_t)st.st_size;
	const char *image = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (image == MAP_FAILED)
		return -errno;
	const char *banner = memmem(image, size, BANNER, strlen(BANNER));
	const char *text = banner ? banner + strlen(BANNER) : image + size;
	size_t len = 0, most = MIN_OF((size_t)(image + size - text), (size_t)VERSION_TEXT_MAX - 1);
	while (len < most && text[len] > ' ')
		len++;
	snprintf(ret, VERSION_TEXT_MAX, "%.*s", (int)len, text);
	munmap((void *)image, size);
	return *ret ? 0 : -EBADMSG;
}

/*
 * Reads a version such as "6.12.3-amd64", and the architecture, from a bzImage or an arm64 Image; -EBADMSG when the
 * file is neither.
 */
static int image_version(const char *path, char ret[VERSION_TEXT_MAX], enum arch *ret_arch, struct err **err)
{
	char magic[4], text[VERSION_TEXT_MAX] = "";
	uint16_t at;
	_cleanup_close_ int fd = file_open(path, err);
	if (fd < 0)
		return fd;
	*ret_arch = ARCH_AARCH64;
	if (fd_pread_full(fd, magic, sizeof(magic), ARM64_MAGIC_AT) == 0 && !memcmp(magic, ARM64_MAGIC, sizeof(magic)))
		return arm64_version(fd, ret);
	*ret_arch = ARCH_X86_64;
	if (fd_pread_full(fd, magic, sizeof(magic), BZIMAGE_MAGIC_AT) < 0 || memcmp(magic, "HdrS", 4) ||
	    fd_pread_full(fd, &at, sizeof(at), BZIMAGE_VERSION_AT) < 0 ||
	    fd_pread_full(fd, text, sizeof(text) - 1, 0x200 + at) < 0)
		return -EBADMSG;
	snprintf(ret, VERSION_TEXT_MAX, "%.*s", (int)strcspn(text, " \n"), text);
	return *ret ? 0 : -EBADMSG;
}

static bool is_elf(const char *path)
{
	char magic[4] = "";
	_cleanup_close_ int fd = file_open(path, NULL);
	return fd >= 0 && fd_pread_full(fd, magic, sizeof(magic), 0) == 0 && !memcmp(magic, "\177ELF", 4);
}

int kernel_from_image(const char *path, struct kernel *ret, struct err **err)
{
	char version[VERSION_TEXT_MAX] = "unknown", config[64 + VERSION_TEXT_MAX];
	_cleanup_err_ struct err *why = NULL;
	enum arch arch = arch_host();
	int r = image_version(path, version, &arch, &why);
	if (why && err_kind_of(why) == ERR_DATA) {
		if (err)
			*err = TAKE_PTR(why);
		return r;
	}
	if (r < 0 && !is_elf(path))
		return FAIL(err, r == -EBADMSG ? ERR_DATA : ERR_MISSING, r,
			    "'%s' is not a kernel image (%s); name a bzImage, an arm64 Image or a vmlinux", path,
			    r == -EBADMSG ? "it does not have the header of one" : strerror(-r));
	snprintf(config, sizeof(config), "config-%s", version);
	*ret = (struct kernel){
		.label = kernel_label("kernel_", strcmp(version, "unknown") ? version : path_basename(path)),
		.version = strdup(version),
		.name = strdup(path),
		.boot = strdup(path),
		.bzimage = r == 0 && arch == ARCH_X86_64 ? strdup(path) : NULL,
		.arch = r < 0 ? arch_host() : arch,
		.image = true,
		.serial_smp =
			(r < 0 || arch == ARCH_X86_64) && kernel_lacks("/boot", config, "CONFIG_HOTPLUG_PARALLEL"),
	};
	kernel_find_lacks(ret, "/boot", config);
	return ret->label && ret->version && ret->name && ret->boot ? 0 : -ENOMEM;
}

/* --- places that are searched ------------------------------------------------------------------------------------- */

/* Whether @path is a built tree or an image. */
static bool is_bootable(const char *path)
{
	char version[VERSION_TEXT_MAX];
	enum arch arch;
	if (!path_is_dir(path))
		return image_version(path, version, &arch, NULL) == 0 && arch == arch_host();
	_cleanup_free_ char *image = path_join(path, kernel_targets[arch_host()].image_path);
	return image && path_exists(image) && kernel_tree_version(path, version, NULL) == 0;
}

static int take_path(const char *path, struct kernel_id *ret)
{
	*ret = (struct kernel_id){ .kind = KERNEL_ID_IMAGE, .path = realpath(path, NULL) };
	return ret->path ? 0 : -errno;
}

static int take_test_kernel(const char *path, struct kernel_id *ret, struct err **err)
{
	if (!*path)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "KTSTR_TEST_KERNEL is set to the empty string; name a kernel image, or unset it");
	if (!path_exists(path) || path_is_dir(path))
		return FAIL(err, ERR_MISSING, -ENOENT, "KTSTR_TEST_KERNEL: there is no kernel image '%s'", path);
	_cleanup_close_ int fd = file_open(path, err);
	if (fd < 0)
		return err_wrap(err, fd, "KTSTR_TEST_KERNEL");
	return take_path(path, ret);
}

static int take_installed(struct kernel_id *ret)
{
	struct utsname uts;
	char path[2 * sizeof(uts.release)];
	static const char *const places[] = {
		"./linux",	    "../linux",	    "/lib/modules/%s/build", "/lib/modules/%s/vmlinuz",
		"/boot/vmlinuz-%s", "/boot/vmlinuz"
	};
	if (uname(&uts) < 0)
		return -errno;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const char *hole = strstr(places[i], "%s");
		snprintf(path, sizeof(path), "%.*s%s%s", hole ? (int)(hole - places[i]) : (int)strlen(places[i]),
			 places[i], hole ? uts.release : "", hole ? hole + 2 : "");
		if (is_bootable(path))
			return take_path(path, ret);
	}
	return -ENOENT;
}

static int none_found(enum arch arch, size_t stale, struct err **err)
{
	FAIL(err, ERR_MISSING, -ENOENT, "no kernel found%s",
	     stale ? ": those in the cache were built with another configuration" : "");
	bool own = arch == arch_host();
	if (err)
		err_hint(*err,
			 "build one with 'ktstr kernel build distro %s%s%s', or name one with --kernel, "
			 "KTSTR_KERNEL or KTSTR_TEST_KERNEL (an image)",
			 own ? "--schedulers" : "--arch ", own ? "" : arch_names[arch].name, stale ? " --force" : "");
	return -ENOENT;
}

int kernel_id_default(const struct cache *c, struct kernel_id *ret, struct err **err)
{
	const char *image = environment_get(ENV_TEST_KERNEL);
	size_t stale = 0;
	*ret = (struct kernel_id){ 0 };
	if (image)
		return take_test_kernel(image, ret, err);
	int r = kernel_id_newest(c, ret, &stale, err);
	if (r != -ENOENT)
		return r;
	r = c->arch == arch_host() ? take_installed(ret) : -ENOENT;
	return r == -ENOENT ? none_found(c->arch, stale, err) : r;
}
