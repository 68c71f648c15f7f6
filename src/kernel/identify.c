/* SPDX-License-Identifier: GPL-2.0-only */
/* identify.c -- finds the kernel that a reference names. */
#include <ctype.h>
#include <fcntl.h>
#include <gelf.h>
#include <glob.h>
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/hash.h"
#include "kernel/config.h"
#include "kernel/git.h"
#include "kernel/kernel.h"
#include "kernel/target.h"

void kernel_id_done(struct kernel_id *id)
{
	free(id->path);
	free(id->key);
	free(id->version);
	free(id->package);
	free(id->why);
	for (size_t i = 0; id->urls && id->urls[i]; i++)
		free(id->urls[i]);
	free(id->urls);
	free(id->url);
	free(id->ref);
	*id = (struct kernel_id){ 0 };
}

void kernel_done(struct kernel *k)
{
	free(k->label);
	free(k->version);
	free(k->key);
	free(k->name);
	free(k->commit);
	free(k->boot);
	free(k->bzimage);
	free(k->schedulers);
	free(k->kit);
	free(k->absent);
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
	FAIL(err, ERR_MISSING, -ENOENT, "the distribution's kernel source is not installed");
	if (err)
		err_hint(*err, "install it (Debian: linux-source-6.12)");
	return -ENOENT;
}

int kernel_id_from_path(const char *text, struct kernel_id *ret, struct err **err)
{
	const char *home = environment_get(ENV_HOME);
	_cleanup_free_ char *path = *text == '~' && home ? path_join(home, text + 1 + (text[1] == '/')) : strdup(text);
	if (!path)
		return -ENOMEM;
	*ret = (struct kernel_id){ 0 };
	char *real = realpath(path, NULL);
	if (!real)
		return FAIL(err, ERR_MISSING, -ENOENT, "kernel path not found: %s", text);
	if (path_is_dir(real)) {
		*ret = (struct kernel_id){ .kind = KERNEL_ID_TREE, .path = real };
		return 0;
	}
	if (is_tarball_name(real)) {
		*ret = (struct kernel_id){ .kind = KERNEL_ID_TARBALL, .path = real };
		return 0;
	}
	free(real);
	return FAIL(err, ERR_DATA, -EINVAL,
		    "--kernel %s: raw image files are not supported. Pass a source directory, "
		    "a tarball, a version or a cache key",
		    text);
}

/* --- answers from the cache --------------------------------------------------------------------------------------- */

static bool has_arch(const struct cache_entry *e, enum arch arch)
{
	return e->arch && !strcmp(e->arch, arch_names[arch].name);
}

static bool answers(const struct cache_entry *e, const struct kernel_ref *ref, enum arch arch)
{
	struct kversion v;
	if (ref->kind == REF_KEY)
		return !strcmp(e->key, ref->text);
	if (e->error_kind || e->variant || !has_arch(e, arch) || !e->version || kversion_parse(e->version, &v) < 0)
		return false;
	/* A local tree of version 6.12.3 is not the release 6.12.3. */
	if (strcmp(e->source, "tarball"))
		return false;
	return ref->kind == REF_SERIES ? kversion_in_series(&v, &ref->from) : !kversion_compare(&v, &ref->from);
}

/* Of a newer version; of the same version, with our configuration. */
static bool better(const struct cache_entry *a, const struct cache_entry *b)
{
	struct kversion x, y;
	if (!a->version || !b->version || kversion_parse(a->version, &x) < 0 || kversion_parse(b->version, &y) < 0)
		return false;
	int order = kversion_compare(&x, &y);
	return order > 0 || (order == 0 && a->status == KCONFIG_MATCHES && b->status != KCONFIG_MATCHES);
}

static int take_key(const struct cache_entry *e, struct kernel_id *ret, struct err **err)
{
	if (e->error_kind)
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "cached kernel '%s' is corrupt (%s: %s); remove it with 'ktstr kernel clean "
			    "--corrupt-only' and build it again",
			    e->key, e->error_kind, e->error);
	*ret = (struct kernel_id){ .kind = KERNEL_ID_CACHED, .key = strdup(e->key) };
	return ret->key ? 0 : -ENOMEM;
}

int kernel_id_from_cache(const struct cache *c, const struct kernel_ref *ref, struct kernel_id *ret, struct err **err)
{
	struct cache_entry *list;
	size_t count;
	const struct cache_entry *best = NULL;
	*ret = (struct kernel_id){ 0 };
	int r = cache_list(c, &list, &count, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (answers(&list[i], ref, c->arch) && (!best || better(&list[i], best)))
			best = &list[i];
	/* If a version was asked for and its entry is damaged, report no entry, so that it is built again. */
	if (best && ref->kind != REF_KEY && cache_check_entry(best, NULL) < 0)
		best = NULL;
	r = best ? take_key(best, ret, err) : -ENOENT;
	entries_free(list, count);
	return r;
}

/* A corrupt entry may lack metadata, so only its key is used: VERSION-tarball-... */
static bool key_answers(const char *key, const struct kernel_ref *ref)
{
	char text[KVERSION_TEXT_MAX];
	struct kversion v;
	const char *end = strstr(key, "-tarball-");
	if (!end || (size_t)(end - key) >= sizeof(text))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)(end - key), key);
	if (kversion_parse(text, &v) < 0)
		return false;
	return ref->kind == REF_SERIES ? kversion_in_series(&v, &ref->from) : !kversion_compare(&v, &ref->from);
}

char *kernel_corrupt_entry(const struct cache *c, const struct kernel_ref *ref)
{
	struct cache_entry *list;
	size_t count;
	char *text = NULL;
	if (cache_list(c, &list, &count, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < count && !text; i++)
		if (list[i].error_kind && key_answers(list[i].key, ref) &&
		    asprintf(&text, "cached kernel '%s' is corrupt (%s: %s)", list[i].key, list[i].error_kind,
			     list[i].error) < 0)
			text = NULL;
	entries_free(list, count);
	return text;
}

int kernel_id_newest(const struct cache *c, struct kernel_id *ret, size_t *ret_stale, struct err **err)
{
	struct cache_entry *list;
	size_t count, found;
	*ret = (struct kernel_id){ 0 };
	*ret_stale = 0;
	int r = cache_list(c, &list, &count, err);
	if (r < 0)
		return r;
	for (found = 0; found < count; found++) {
		if (!list[found].error_kind && !has_arch(&list[found], c->arch))
			continue;
		if (!list[found].error_kind && list[found].status == KCONFIG_MATCHES)
			break;
		*ret_stale += !list[found].error_kind;
	}
	r = found < count ? take_key(&list[found], ret, err) : -ENOENT;
	entries_free(list, count);
	return r;
}

/* --- kernels ------------------------------------------------------------------------------------------------------ */

/* Whether the image has the ELF note for PVH direct boot (Xen: XEN_ELFNOTE_PHYS32_ENTRY, type 18). */
static bool has_pvh_entry(const char *path)
{
	_cleanup_close_ int fd = file_open(path, NULL);
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

/* Labels a kernel by its version; one from git by owner, repository and ref; a local tree by its commit. */
static char *entry_label(const struct cache_entry *e)
{
	char text[200];
	if (e->git_url && e->git_ref) {
		const char *repo = path_basename(e->git_url);
		size_t len = strlen(repo), owner = (size_t)(repo - e->git_url);
		len -= len > 4 && !strcmp(repo + len - 4, ".git") ? 4 : 0;
		while (owner > 1 && !strchr("/:", e->git_url[owner - 2]))
			owner--;
		int owner_len = repo > e->git_url + owner ? (int)(repo - e->git_url - owner) : 0;
		snprintf(text, sizeof(text), "%.*s%.*s_%s", owner_len, e->git_url + owner, (int)len, repo, e->git_ref);
		return kernel_label("kernel_git_", text);
	}
	if (!strcmp(e->source, "local")) {
		snprintf(text, sizeof(text), "%.6s", e->key + strlen("local-"));
		return kernel_label("kernel_local_", text);
	}
	return kernel_label("kernel_", e->version ? e->version : e->key);
}

/* Decided by the configuration that the kernel was built with. Without such a file nothing is known before the boot. */
bool kernel_lacks(const char *dir, const char *file, const char *option)
{
	_cleanup_free_ char *path = path_join(dir, file);
	_cleanup_buf_ struct buf text = BUF_NULL;
	return path && file_read(path, 16 << 20, &text, NULL) == 0 && !kconfig_has(buf_str(&text), option);
}

void kernel_find_lacks(struct kernel *k, const char *dir, const char *file)
{
	k->no_scx = kernel_lacks(dir, file, "CONFIG_SCHED_CLASS_EXT");
	k->no_kaslr = kernel_lacks(dir, file, "CONFIG_RANDOMIZE_BASE");
	k->no_disk = kernel_lacks(dir, file, "CONFIG_VIRTIO_BLK");
	k->no_ext4 = kernel_lacks(dir, file, "CONFIG_EXT4_FS");
	k->no_network = kernel_lacks(dir, file, "CONFIG_VIRTIO_NET");
}

/* The directory of the kit: KTSTR_KIT if set, else @below in the kernel's directory. */
static char *find_kit(const char *kernel, const char *below)
{
	const char *said = environment_get(ENV_KIT);
	return said ? strdup(said) : path_join(kernel, below);
}

/* The commit in the key of a local tree: local-HASH7-... Only clean trees are in the cache. */
static char *commit_of_key(const char *key)
{
	const char *hash = key + strlen("local-");
	return strspn(hash, "0123456789abcdef") == 7 && hash[7] == '-' ? strndup(hash, 7) : NULL;
}

static char *commit_of_tree(const char *tree)
{
	struct git_state git;
	char *commit = NULL;
	if (git_read_state(tree, NULL, &git, NULL) < 0)
		return NULL;
	return asprintf(&commit, "%.7s%s", git.hash, git.dirty ? "-dirty" : "") < 0 ? NULL : commit;
}

int kernel_from_cache(const struct cache *c, const char *key, struct kernel *ret, struct err **err)
{
	struct cache_entry e;
	int r = cache_get(c, key, &e);
	if (r < 0)
		return FAIL(err, ERR_MISSING, r,
			    "cache key %s not found. Run 'ktstr kernel list' to see available entries", key);
	if (e.error_kind) {
		r = FAIL(err, ERR_DATA, -EBADMSG, "cached kernel '%s' is corrupt (%s: %s)", key, e.error_kind, e.error);
		entry_done(&e);
		return r;
	}
	r = cache_check_entry(&e, err);
	if (r < 0) {
		entry_done(&e);
		return r;
	}
	enum arch arch;
	if (!arch_parse(e.arch, &arch)) {
		r = FAIL(err, ERR_DATA, -EBADMSG, "cached kernel '%s' is for %s, which has no guests", key, e.arch);
		entry_done(&e);
		return r;
	}
	_cleanup_free_ char *image = path_join(e.path, e.image_name);
	_cleanup_free_ char *vmlinux = e.has_vmlinux ? path_join(e.path, "vmlinux") : NULL;
	*ret = (struct kernel){
		.label = entry_label(&e),
		.version = strdup(e.version ? e.version : "unknown"),
		.key = strdup(key),
		.name = strdup(key),
		.commit = !strcmp(e.source, "local") ? commit_of_key(key) : NULL,
		.arch = arch,
		.boot = image ? choose_boot(vmlinux, image) : NULL,
		.bzimage = arch == ARCH_X86_64 && image ? strdup(image) : NULL,
		.schedulers = e.has_schedulers ? path_join(e.path, "sched_ext/bin") : NULL,
		.kit = find_kit(e.path, "."),
		.serial_smp = arch == ARCH_X86_64 && kernel_lacks(e.path, "config", "CONFIG_HOTPLUG_PARALLEL"),
	};
	kernel_find_lacks(ret, e.path, "config");
	entry_done(&e);
	return ret->label && ret->version && ret->key && ret->name && ret->boot ? 0 : -ENOMEM;
}

int kernel_from_absent(const struct kernel_id *id, struct kernel *ret)
{
	*ret = (struct kernel){ .label = kernel_label("kernel_", id->path),
				.version = strdup(id->path),
				.name = strdup(id->path) };
	if (asprintf(&ret->absent, "kernel %s is not to be had: %s", id->path, id->why) < 0)
		ret->absent = NULL;
	/* The version becomes part of a directory's name. */
	for (char *p = ret->version; p && *p; p++)
		*p = *p == ':' ? '_' : *p;
	return ret->label && ret->version && ret->name && ret->absent ? 0 : -ENOMEM;
}

int kernel_tree_version(const char *tree, char ret[VERSION_TEXT_MAX], struct err **err)
{
	_cleanup_free_ char *path = path_join(tree, "Makefile");
	_cleanup_free_ char *kconfig = path_join(tree, "Kconfig");
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = path && kconfig && path_exists(kconfig) ? file_read(path, 1 << 20, &text, NULL) : -ENOENT;
	if (r == 0)
		r = kernel_makefile_version(buf_str(&text), ret);
	return r < 0 ? FAIL(err, ERR_DATA, r, "no kernel source in %s (missing or foreign Makefile or Kconfig)", tree)
		     : 0;
}

char *kernel_tree_label(const char *tree, bool dirty)
{
	char suffix[160];
	snprintf(suffix, sizeof(suffix), "%.100s_%06x%s", path_basename(tree), crc32_update(0, tree, strlen(tree)) >> 8,
		 dirty ? "_dirty" : "");
	return kernel_label("kernel_path_", suffix);
}

/* The configuration of the last build: make's own copy, else the one that ktstr, else the one that the user made. */
static const char *tree_config(const char *tree)
{
	static const char *const names[] = { "include/config/auto.conf", TREE_CONFIG_IN_PLACE };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *path = path_join(tree, names[i]);
		if (path && path_exists(path))
			return names[i];
	}
	return ".config";
}

/* The image that the tree holds, for this machine's architecture if there are several. */
static char *find_tree_image(const char *tree, enum arch *ret)
{
	const enum arch order[] = { arch_host(), ARCH_X86_64, ARCH_AARCH64 };
	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		_cleanup_free_ char *image = path_join(tree, kernel_targets[order[i]].image_path);
		*ret = order[i];
		if (image && path_exists(image))
			return TAKE_PTR(image);
	}
	return NULL;
}

int kernel_from_tree(const char *tree, struct kernel *ret, struct err **err)
{
	char version[VERSION_TEXT_MAX];
	enum arch arch;
	_cleanup_free_ char *image = find_tree_image(tree, &arch);
	_cleanup_free_ char *vmlinux = path_join(tree, "vmlinux");
	_cleanup_free_ char *schedulers = path_join(tree, "tools/sched_ext/build/bin");
	int r = kernel_tree_version(tree, version, err);
	if (r < 0)
		return r;
	if (!vmlinux || !schedulers)
		return -ENOMEM;
	const char *config = tree_config(tree);
	if (!image)
		return FAIL(err, ERR_MISSING, -ENOENT,
			    "no kernel image found in %s; build it with 'ktstr kernel build "
			    "--source %s'",
			    tree, tree);
	*ret = (struct kernel){
		.label = kernel_tree_label(tree, true),
		.version = strdup(version),
		.name = strdup(tree),
		.commit = commit_of_tree(tree),
		.arch = arch,
		.boot = choose_boot(path_exists(vmlinux) ? vmlinux : NULL, image),
		.bzimage = arch == ARCH_X86_64 ? strdup(image) : NULL,
		.schedulers = path_is_dir(schedulers) ? TAKE_PTR(schedulers) : NULL,
		.kit = find_kit(tree, "tools/testing"),
		.serial_smp = arch == ARCH_X86_64 && kernel_lacks(tree, config, "CONFIG_HOTPLUG_PARALLEL"),
	};
	kernel_find_lacks(ret, tree, config);
	return ret->label && ret->version && ret->name && ret->boot ? 0 : -ENOMEM;
}
