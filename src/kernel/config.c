/* SPDX-License-Identifier: GPL-2.0-only */
/* config.c -- see config.h. */
#include <ctype.h>
#include <string.h>

#include "base/hash.h"
#include "kernel/config.h"
#include "kernel/target.h"

extern const char blob_lean_x86_64_start[], blob_lean_x86_64_end[];
extern const char blob_lean_aarch64_start[], blob_lean_aarch64_end[];

const char *kconfig_lean(enum arch arch, size_t *ret_len)
{
	const char *const first[ARCH_COUNT] = { blob_lean_x86_64_start, blob_lean_aarch64_start };
	const char *const end[ARCH_COUNT] = { blob_lean_x86_64_end, blob_lean_aarch64_end };
	*ret_len = (size_t)(end[arch] - first[arch]);
	return first[arch];
}

uint32_t kconfig_lean_hash(enum arch arch)
{
	size_t len;
	const char *text = kconfig_lean(arch, &len);
	return crc32_update(0, text, len);
}

static const struct {
	const char *option, *remedy;
	bool scx; /* needed only if the tree has sched_ext */
} critical[] = {
	{ "CONFIG_SCHED_CLASS_EXT", "needs DEBUG_INFO_BTF and BPF_JIT", true },
	{ "CONFIG_DEBUG_INFO_BTF", "install pahole 1.16 or newer (Debian: pahole) and rebuild", false },
	{ "CONFIG_BPF_SYSCALL", "set CONFIG_BPF_SYSCALL=y", false },
	{ "CONFIG_FTRACE", "set CONFIG_FTRACE=y; some architectures' defconfig turns it off", false },
	{ "CONFIG_KPROBE_EVENTS", "set CONFIG_KPROBES=y and CONFIG_FTRACE=y", false },
	{ "CONFIG_BPF_EVENTS", "needs KPROBE_EVENTS and PERF_EVENTS", false },
	{ "CONFIG_CGROUPS", "set CONFIG_CGROUPS=y", false },
	{ "CONFIG_CPUSETS", "set CONFIG_CPUSETS=y", false },
	{ "CONFIG_DEVMEM", "set CONFIG_DEVMEM=y: the guest's event log is written through it", false },
	{ "CONFIG_RD_LZ4", "set CONFIG_RD_LZ4=y: the initramfs is packed with it", false },
};

bool kconfig_has(const char *text, const char *option)
{
	size_t len = strlen(option);
	for (const char *p = text; (p = strstr(p, option)); p += len)
		if ((p == text || p[-1] == '\n') && !strncmp(p + len, "=y", 2) && (p[len + 2] == '\n' || !p[len + 2]))
			return true;
	return false;
}

int kconfig_validate(enum arch arch, const char *text, bool has_scx, struct err **err)
{
	const struct kernel_target *target = &kernel_targets[arch];
	_cleanup_buf_ struct buf lost = BUF_NULL;
	for (size_t i = 0; i < ARRAY_SIZE(critical); i++)
		if ((has_scx || !critical[i].scx) && !kconfig_has(text, critical[i].option))
			buf_appendf(&lost, "%s%s not set (%s)", lost.len ? ", " : "", critical[i].option,
				    critical[i].remedy);
	if (!kconfig_has(text, target->console))
		buf_appendf(&lost, "%s%s not set (%s)", lost.len ? ", " : "", target->console, target->console_text);
	if (!lost.len)
		return 0;
	FAIL(err, ERR_DATA, -EINVAL, "critical config options are missing: %s", buf_str(&lost));
	if (err)
		err_hint(*err, "Kconfig silently drops options whose dependencies are not met");
	return -EINVAL;
}

/* --- configurations that are not ours ----------------------------------------------------------------------------- */

static bool is_option_line(const char *line, size_t len)
{
	static const char prefix[] = "CONFIG_";
	if (len < sizeof(prefix) || strncmp(line, prefix, strlen(prefix)))
		return false;
	size_t name = strlen(prefix);
	while (name < len && (isalnum((unsigned char)line[name]) || line[name] == '_'))
		name++;
	return name > strlen(prefix) && name < len && line[name] == '=';
}

static bool is_blank_or_comment(const char *line, size_t len)
{
	size_t at = 0;
	while (at < len && isspace((unsigned char)line[at]))
		at++;
	return at == len || line[at] == '#';
}

static bool is_unset_line(const char *line, size_t len)
{
	static const char prefix[] = "# CONFIG_", end[] = " is not set";
	return len > strlen(prefix) + strlen(end) && !strncmp(line, prefix, strlen(prefix)) &&
	       !strncmp(line + len - strlen(end), end, strlen(end));
}

int kconfig_check(const char *option, const char *path, const char *text, size_t len, struct err **err)
{
	bool any = false;
	unsigned number = 1;
	if (memchr(text, '\0', len))
		return FAIL(err, ERR_USAGE, -EINVAL, "%s: '%s' is not a kernel configuration: it is a binary file",
			    option, path);
	for (const char *line = text, *end = text + len; line < end; number++) {
		const char *stop = memchr(line, '\n', (size_t)(end - line)) ?: end;
		size_t n = (size_t)(stop - line);
		if (is_option_line(line, n) || is_unset_line(line, n))
			any = true;
		else if (!is_blank_or_comment(line, n))
			return FAIL(err, ERR_USAGE, -EINVAL,
				    "%s: '%s' is not a kernel configuration: line %u is neither CONFIG_NAME=VALUE "
				    "nor a comment",
				    option, path, number);
		line = stop + 1;
	}
	return any ? 0
		   : FAIL(err, ERR_USAGE, -EINVAL, "%s: '%s' is not a kernel configuration: it sets no option", option,
			  path);
}

void kconfig_fragment_for_others(const char *lean, size_t len, struct buf *out)
{
	/* The guest's event log is written through /dev/mem. */
	static const char needed_off[] = "CONFIG_STRICT_DEVMEM=n";
	for (const char *line = lean, *end = lean + len; line < end;) {
		const char *stop = memchr(line, '\n', (size_t)(end - line)) ?: end;
		size_t n = (size_t)(stop - line);
		bool off = n > 2 && !strncmp(line + n - 2, "=n", 2);
		if (!off || (n == strlen(needed_off) && !strncmp(line, needed_off, n)))
			buf_appendf(out, "%.*s\n", (int)n, line);
		line = stop + 1;
	}
}

void kconfig_compiler(const char *text, char *out, size_t size)
{
	static const char option[] = "CONFIG_CC_VERSION_TEXT=\"";
	const char *at = strstr(text, option);
	at = at ? at + strlen(option) : "";
	snprintf(out, size, "%.*s", (int)strcspn(at, "\"\n"), at);
}
