/* SPDX-License-Identifier: GPL-2.0-only */
/* watched_kernel.c -- see watched_kernel.h. */
#include "run/watched_kernel.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cachefile.h"
#include "base/file.h"
#include "kernel/cache.h"
#include "kernel/source_lines.h"

#define LINES_BYTES_MAX ((size_t)64 << 20)

void watched_kernel_init(struct watched_kernel *w, const char *cache_dir)
{
	*w = (struct watched_kernel){ .lock = PTHREAD_MUTEX_INITIALIZER, .cache_dir = cache_dir };
}

/* Takes @err over. */
static void note(char *out, size_t size, struct err *err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	err_format(err, &text);
	snprintf(out, size, "%s", buf_str(&text));
	err_free(err);
}

/* Where the kernel keeps the arguments of a system call, in their order. */
static const char *const mark_registers[WIRE_MARK_ARGUMENTS] = { "di", "si", "dx", "r10", "r8", "r9" };

static void open_files(struct watched_kernel *w, const char *vmlinux)
{
	struct err *err = NULL;
	if (symbols_open_cached(vmlinux, w->cache_dir, &w->image.symbols, &err) < 0 ||
	    types_open(vmlinux, &w->image.types, &err) < 0) {
		note(w->lack, sizeof(w->lack), err);
		return;
	}
	layout_init(&w->layout, w->image.types);
	stall_find_fields(&w->stall, w->image.types);
	for (unsigned i = 0; i < WIRE_MARK_ARGUMENTS; i++)
		w->mark[i] = types_field(w->image.types, "pt_regs", mark_registers[i]);
	verified_find_fields(w->image.types, &w->verified);
	w->sampler = sampler_new(&w->image);
	w->vmlinux = strdup(vmlinux);
	if (!w->sampler || !w->vmlinux)
		snprintf(w->lack, sizeof(w->lack), "out of memory");
}

/* The vmlinux lies beside the image that is booted, or is that image. */
static void open_beside(struct watched_kernel *w, const char *boot)
{
	_cleanup_buf_ struct buf path = BUF_NULL;
	buf_appendf(&path, "%.*s/vmlinux", (int)(strrchr(boot, '/') - boot), boot);
	open_files(w, access(buf_str(&path), R_OK) == 0 ? buf_str(&path) : boot);
}

static bool note_lack(struct watched_kernel *w, const char *boot, bool image, enum arch arch)
{
	if (!boot || !strchr(boot, '/') || image)
		snprintf(w->lack, sizeof(w->lack), "the kernel is an image without its vmlinux");
	else if (arch != ARCH_X86_64)
		snprintf(w->lack, sizeof(w->lack), "guests of %s are not observed", arch_names[arch].name);
	return *w->lack;
}

static void open_once(struct watched_kernel *w, const struct kernel *k, const struct vm_backend *backend)
{
	if (k->boot && !k->image && !backend->observer_lack) {
		snprintf(w->lack, sizeof(w->lack), "the backend '%s' has no observer", backend->name);
		return;
	}
	if (note_lack(w, k->boot, k->image, k->arch))
		return;
	/* Guests of some backends are not stopped, but looked at while they run. */
	const char *lack = backend->vcpu_times ? NULL : backend->observer_lack(w->lack, sizeof(w->lack));
	if (lack && lack != w->lack)
		snprintf(w->lack, sizeof(w->lack), "%s", lack);
	if (!lack)
		open_beside(w, k->boot);
}

const char *watched_kernel_open_file(struct watched_kernel *w, const char *boot, bool image, enum arch arch)
{
	if (!w->opened && !note_lack(w, boot, image, arch))
		open_beside(w, boot);
	w->opened = true;
	return *w->lack ? w->lack : NULL;
}

const char *watched_kernel_open(struct watched_kernel *w, const struct kernel *k, const struct vm_backend *backend)
{
	pthread_mutex_lock(&w->lock);
	if (!w->opened)
		open_once(w, k, backend);
	w->opened = true;
	pthread_mutex_unlock(&w->lock);
	return *w->lack ? w->lack : NULL;
}

const struct orc *watched_kernel_orc(struct watched_kernel *w, const char **why)
{
	struct err *err = NULL;
	pthread_mutex_lock(&w->lock);
	if (!w->orc_opened && w->vmlinux && orc_open(w->vmlinux, &w->orc, &err) < 0)
		note(w->no_orc, sizeof(w->no_orc), err);
	w->orc_opened = true;
	pthread_mutex_unlock(&w->lock);
	*why = w->no_orc;
	return w->orc;
}

/* The build has put a table into the cache's entry. Other kernels may still have their debug information. */
static int read_lines(const char *vmlinux, struct code_lines *ret, struct err **err)
{
	_cleanup_free_ char *dir = path_dirname(vmlinux), *path = dir ? path_join(dir, KERNEL_LINES_NAME) : NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	_cleanup_close_ int fd = dir ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (!path)
		return -ENOMEM;
	if (cachefile_check(fd, KERNEL_LINES_NAME, NULL) == -EBADMSG)
		return FAIL(err, ERR_DATA, -EBADMSG, "'%s' does not match its checksum", path);
	int r = file_read(path, LINES_BYTES_MAX, &text, NULL);
	if (r == 0)
		return source_lines_parse(text.data, text.len, ret, err);
	return source_lines_from_debug(vmlinux, ret, err);
}

const struct code_lines *watched_kernel_lines(struct watched_kernel *w, const char **why)
{
	struct err *err = NULL;
	pthread_mutex_lock(&w->lock);
	int r = w->lines_opened || !w->vmlinux ? 0 : read_lines(w->vmlinux, &w->lines, &err);
	if (err)
		note(w->no_lines, sizeof(w->no_lines), err);
	else if (r < 0)
		snprintf(w->no_lines, sizeof(w->no_lines), "its vmlinux has no debug information of kernel/sched");
	w->lines_opened = true;
	pthread_mutex_unlock(&w->lock);
	*why = w->no_lines;
	return w->lines.lines ? &w->lines : NULL;
}

void watched_kernel_done(struct watched_kernel *w)
{
	free(w->vmlinux);
	sampler_free(w->sampler);
	symbols_close(w->image.symbols);
	types_close(w->image.types);
	orc_close(w->orc);
	code_lines_done(&w->lines);
	pthread_mutex_destroy(&w->lock);
}
