/* SPDX-License-Identifier: GPL-2.0-only */
/* identify.c -- from what a person typed to a kernel. */
#include <ctype.h>
#include <fcntl.h>
#include <gelf.h>
#include <glob.h>
#include <string.h>

#include "base/file.h"
#include "base/hash.h"
#include "kernel/kernel.h"

void kernel_id_done(struct kernel_id *id)
{
	free(id->path);
	free(id->key);
	*id = (struct kernel_id){ 0 };
}

void kernel_done(struct kernel *k)
{
	free(k->label);
	free(k->version);
	free(k->key);
	free(k->boot);
	free(k->schedulers);
	*k = (struct kernel){ 0 };
}

char *kernel_label(const char *prefix, const char *text)
{
	char *label = NULL;
	if (asprintf(&label, "%s%s", prefix, text) < 0)
		return NULL;
	for (char *p = label; *p; p++)
		*p = isalnum((unsigned char)*p) ? (char)tolower((unsigned char)*p) : '_';
	return label;
}

/* --- identifiers -------------------------------------------------------------------------------------------------- */

int kernel_distro_tarball(const char *dir, char **ret, struct err **err)
{
	_cleanup_free_ char *pattern = path_join(dir ? dir : "/usr/src", "linux-source-*.tar.xz");
	glob_t found = { 0 };
	const char *best = NULL;
	if (pattern && glob(pattern, 0, NULL, &found) == 0)
		for (size_t i = 0; i < found.gl_pathc; i++)
			if (!best || strverscmp(found.gl_pathv[i], best) > 0)
				best = found.gl_pathv[i];
	*ret = best ? strdup(best) : NULL;
	globfree(&found);
	if (*ret)
		return 0;
	FAIL(err, EXIT_NO_BACKEND, -ENOENT, "the distribution's kernel source is not installed");
	if (err)
		err_hint(*err, "install it (Debian: linux-source-6.12)");
	return -ENOENT;
}

static bool is_tarball_name(const char *text)
{
	static const char *const endings[] = { ".tar.xz", ".tar.gz", ".tar.zst", ".tgz" };
	size_t len = strlen(text);
	for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
		if (len > strlen(endings[i]) && !strcmp(text + len - strlen(endings[i]), endings[i]))
			return true;
	return false;
}

static int identify_path(const char *text, struct kernel_id *ret, struct err **err)
{
	const char *home = getenv("HOME");
	_cleanup_free_ char *path = *text == '~' && home ? path_join(home, text + 1 + (text[1] == '/')) : strdup(text);
	if (!path)
		return -ENOMEM;
	char *real = realpath(path, NULL);
	if (!real)
		return FAIL(err, EXIT_NO_BACKEND, -ENOENT, "kernel path not found: %s", text);
	if (path_is_dir(real)) {
		*ret = (struct kernel_id){ .kind = KERNEL_ID_TREE, .path = real };
		return 0;
	}
	if (is_tarball_name(real)) {
		*ret = (struct kernel_id){ .kind = KERNEL_ID_TARBALL, .path = real };
		return 0;
	}
	free(real);
	return FAIL(err, EXIT_BAD_DATA, -EINVAL,
		    "--kernel %s: raw image files are not supported. Pass a source directory, "
		    "a tarball, a version or a cache key",
		    text);
}

/* Exact version, or "6.12" as a whole-number prefix of "6.12.117". */
static bool version_matches(const char *version, const char *wanted)
{
	size_t len = strlen(wanted);
	return version && !strncmp(version, wanted, len) && (!version[len] || version[len] == '.');
}

static int identify_cached(const struct cache *c, const char *text, struct kernel_id *ret, struct err **err)
{
	struct cache_entry *list;
	size_t count;
	const struct cache_entry *best = NULL;
	int r = cache_list(c, &list, &count, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		const struct cache_entry *e = &list[i];
		bool is_key = text && !strcmp(e->key, text);
		if (e->error_kind && is_key)
			r = FAIL(err, EXIT_BAD_DATA, -EBADMSG,
				 "cached kernel '%s' is corrupt (%s: %s); rebuild it with "
				 "'ktstr kernel build --force'",
				 e->key, e->error_kind, e->error);
		if (e->error_kind ||
		    !(is_key || (text ? version_matches(e->version, text) : e->status == KCONFIG_MATCHES)))
			continue;
		if (!best || is_key || (text && strverscmp(e->version, best->version ?: "") > 0))
			best = e;
	}
	if (best && r == 0) {
		*ret = (struct kernel_id){ .kind = KERNEL_ID_CACHED, .key = strdup(best->key) };
		r = ret->key ? 0 : -ENOMEM;
	} else if (r == 0) {
		r = text ? FAIL(err, EXIT_NO_BACKEND, -ENOENT,
				"unknown kernel '%s': neither a path nor in the cache; 'ktstr "
				"kernel list' shows what is, 'ktstr kernel build distro' builds one",
				text)
			 : FAIL(err, EXIT_NO_BACKEND, -ENOENT,
				"no kernel found; build one with 'ktstr kernel build distro', "
				"or name one with --kernel or KTSTR_KERNEL");
	}
	entries_free(list, count);
	return r;
}

int kernel_identify(const struct cache *c, const char *text, struct kernel_id *ret, struct err **err)
{
	*ret = (struct kernel_id){ 0 };
	if (text && !strcmp(text, "distro")) {
		ret->kind = KERNEL_ID_TARBALL;
		return kernel_distro_tarball(NULL, &ret->path, err);
	}
	if (text && (strchr(text, '/') || *text == '.' || *text == '~' || (is_tarball_name(text) && path_exists(text))))
		return identify_path(text, ret, err);
	return identify_cached(c, text, ret, err);
}

/* --- kernels ------------------------------------------------------------------------------------------------------ */

/* The ELF note by which a kernel offers an entry for direct boot (Xen: XEN_ELFNOTE_PHYS32_ENTRY, type 18). */
static bool has_pvh_entry(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t headers = 0;
	bool found = false;
	elf_version(EV_CURRENT);
	Elf *elf = fd >= 0 ? elf_begin(fd, ELF_C_READ_MMAP, NULL) : NULL;
	if (elf && elf_getphdrnum(elf, &headers) == 0) {
		for (size_t i = 0; i < headers && !found; i++) {
			GElf_Phdr ph;
			if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_NOTE)
				continue;
			Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)ph.p_offset, ph.p_filesz, ELF_T_NHDR);
			GElf_Nhdr note;
			size_t name, desc;
			for (size_t at = 0; data && (at = gelf_getnote(data, at, &note, &name, &desc)) > 0;)
				found |= note.n_type == 18 && note.n_namesz == 4 &&
					 !memcmp((char *)data->d_buf + name, "Xen", 4);
		}
	}
	elf_end(elf);
	return found;
}

static char *choose_boot(const char *vmlinux, const char *image)
{
	return strdup(vmlinux && has_pvh_entry(vmlinux) ? vmlinux : image);
}

int kernel_from_cache(const struct cache *c, const char *key, struct kernel *ret, struct err **err)
{
	struct cache_entry e;
	int r = cache_get(c, key, &e);
	if (r < 0)
		return FAIL(err, EXIT_NO_BACKEND, r,
			    "cache key %s not found. Run 'ktstr kernel list' to see available entries", key);
	if (e.error_kind) {
		r = FAIL(err, EXIT_BAD_DATA, -EBADMSG, "cached kernel '%s' is corrupt (%s: %s)", key, e.error_kind,
			 e.error);
		entry_done(&e);
		return r;
	}
	_cleanup_free_ char *image = path_join(e.path, e.image_name);
	_cleanup_free_ char *vmlinux = e.has_vmlinux ? path_join(e.path, "vmlinux") : NULL;
	*ret = (struct kernel){
		.label = kernel_label("kernel_", e.version ? e.version : e.key),
		.version = strdup(e.version ? e.version : "unknown"),
		.key = strdup(key),
		.boot = image ? choose_boot(vmlinux, image) : NULL,
		.schedulers = e.has_schedulers ? path_join(e.path, "sched_ext/bin") : NULL,
	};
	entry_done(&e);
	return ret->label && ret->version && ret->key && ret->boot ? 0 : -ENOMEM;
}

int kernel_tree_version(const char *tree, char ret[VERSION_TEXT_MAX], struct err **err)
{
	_cleanup_free_ char *path = path_join(tree, "Makefile");
	_cleanup_free_ char *kconfig = path_join(tree, "Kconfig");
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = path && kconfig && path_exists(kconfig) ? file_read(path, 1 << 20, &text, NULL) : -ENOENT;
	if (r == 0)
		r = kernel_makefile_version(buf_str(&text), ret);
	return r < 0 ? FAIL(err, EXIT_BAD_DATA, r, "no kernel source in %s (missing or foreign Makefile or Kconfig)",
			    tree)
		     : 0;
}

int kernel_from_tree(const char *tree, struct kernel *ret, struct err **err)
{
	char version[VERSION_TEXT_MAX], suffix[160];
	_cleanup_free_ char *image = path_join(tree, "arch/x86/boot/bzImage");
	_cleanup_free_ char *vmlinux = path_join(tree, "vmlinux");
	_cleanup_free_ char *schedulers = path_join(tree, "tools/sched_ext/build/bin");
	int r = kernel_tree_version(tree, version, err);
	if (r < 0)
		return r;
	if (!image || !vmlinux || !schedulers)
		return -ENOMEM;
	if (!path_exists(image))
		return FAIL(err, EXIT_NO_BACKEND, -ENOENT,
			    "no kernel image found in %s; build it with 'ktstr kernel build "
			    "--source %s'",
			    tree, tree);
	snprintf(suffix, sizeof(suffix), "%.100s_%06x", path_basename(tree),
		 crc32_update(0, tree, strlen(tree)) >> 8);
	*ret = (struct kernel){
		.label = kernel_label("kernel_path_", suffix),
		.version = strdup(version),
		.boot = choose_boot(path_exists(vmlinux) ? vmlinux : NULL, image),
		.schedulers = path_is_dir(schedulers) ? TAKE_PTR(schedulers) : NULL,
	};
	return ret->label && ret->version && ret->boot ? 0 : -ENOMEM;
}
