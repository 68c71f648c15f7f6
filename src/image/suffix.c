/* SPDX-License-Identifier: GPL-2.0-only */
/* suffix.c -- the part of an initramfs that names the test of one boot; see image.h. */
#include <string.h>

#include "image/cpio.h"
#include "image/image.h"

static int put_line(struct buf *out, const char *key, const char *value, struct err **err)
{
	if (strchr(value, '\n'))
		return FAIL(err, ERR_DATA, -EINVAL, "%s: '%s' has a newline in it", key, value);
	buf_appendf(out, "%s=%s\n", key, value);
	return 0;
}

static int put_lines(struct buf *out, const char *key, const char *const *values, struct err **err)
{
	int r = 0;
	for (size_t i = 0; values && values[i] && r == 0; i++)
		r = put_line(out, key, values[i], err);
	return r;
}

static int put_devices(struct buf *conf, const struct image_devices *d, struct err **err)
{
	if (d->disk)
		buf_appendf(conf, "disk=%s\n", d->disk);
	if (d->disk && d->read_only)
		buf_puts(conf, "disk_ro=1\n");
	int r = d->mount ? put_line(conf, "disk_mount", d->mount, err) : 0;
	return r == 0 ? put_lines(conf, "network", d->networks, err) : r;
}

static int put_settings(struct buf *conf, const struct image_suffix_spec *s, struct err **err)
{
	const struct {
		const char *key;
		const char *const *values;
	} lists[] = {
		{ "builtin_enable", s->builtin_enable },
		{ "builtin_disable", s->builtin_disable },
		{ "sysctl", s->sysctls },
		{ "env", s->environment },
	};
	const struct {
		const char *key, *value;
	} texts[] = {
		{ "cgroup_parent", s->cgroup_parent },
		{ "workload_root", s->workload_root },
		{ "config_path", s->config_path },
	};
	int r = 0;
	for (size_t i = 0; i < ARRAY_SIZE(lists) && r == 0; i++)
		r = put_lines(conf, lists[i].key, lists[i].values, err);
	for (size_t i = 0; i < ARRAY_SIZE(texts) && r == 0; i++)
		if (texts[i].value)
			r = put_line(conf, texts[i].key, texts[i].value, err);
	return r;
}

static void put_session(struct buf *conf, struct cpio *cpio, const struct image_session *s)
{
	buf_appendf(conf, "session=%s\nsession_columns=%u\nsession_rows=%u\nsession_clock=%lu\n",
		    s->command ? "command" : "shell", s->columns, s->rows, s->clock);
	if (s->input)
		buf_puts(conf, "session_input=1\n");
	/* A file, because a command may have several lines. */
	if (s->command)
		cpio_file(cpio, "ktstr.exec", 0644, s->command, strlen(s->command));
}

static void put_coverage(struct buf *conf, struct cpio *cpio, const struct image_made *files)
{
	buf_puts(conf, "coverage=1\n");
	for (; files->to; files++)
		cpio_file(cpio, files->to, files->mode, files->content.data, files->content.len);
}

int image_suffix(const struct image_suffix_spec *s, struct buf *ret, struct err **err)
{
	_cleanup_buf_ struct buf conf = BUF_NULL;
	_cleanup_(cpio_done) struct cpio cpio = CPIO_NULL;
	int r = s->test ? put_line(&conf, "test", s->test, err) : 0;
	buf_appendf(&conf, "seed=%lu\nduration_ns=%lu\nlimit_ns=%lu\n", s->seed, s->duration_ns, s->limit_ns);
	if (r == 0 && s->scheduler)
		r = put_line(&conf, "scheduler", "/scheduler", err);
	for (unsigned i = 0; r == 0 && i < IMAGE_STAGED_MAX && s->staged[i].name; i++) {
		r = put_line(&conf, "staged", s->staged[i].name, err);
		buf_appendf(&conf, "staged_arg=/staged.%u\nstaged_attach_s=%u\n", i, s->staged[i].attach_timeout_s);
		if (r == 0)
			r = put_lines(&conf, "staged_arg", s->staged[i].args[0], err);
		if (r == 0)
			r = put_lines(&conf, "staged_arg", s->staged[i].args[1], err);
	}
	if (s->scheduler)
		buf_appendf(&conf, "attach_s=%u\n", s->attach_timeout_s);
	if (s->coverage)
		put_coverage(&conf, &cpio, s->coverage);
	if (s->load_cpu)
		buf_appendf(&conf, "load_cpu=%u\n", s->load_cpu);
	for (size_t i = 0; i < ARRAY_SIZE(s->sched_args) && r == 0; i++)
		r = put_lines(&conf, "sched_arg", s->sched_args[i], err);
	if (r == 0)
		r = put_settings(&conf, s, err);
	if (r == 0 && s->devices)
		r = put_devices(&conf, s->devices, err);
	if (r < 0)
		return r;
	if (s->session)
		put_session(&conf, &cpio, s->session);
	if (s->config)
		cpio_file(&cpio, "ktstr.config", 0644, s->config, strlen(s->config));
	if (s->describe)
		cpio_file(&cpio, "ktstr.describe", 0644, NULL, 0);
	if (s->scenario)
		cpio_file(&cpio, "ktstr.scenario", 0644, s->scenario, strlen(s->scenario));
	cpio_file(&cpio, "ktstr.conf", 0644, conf.data, conf.len);
	/* The last file of the last archive. If it is there, the kernel had room to unpack everything before it. */
	cpio_file(&cpio, ".ktstr_init_ok", 0644, NULL, 0);
	cpio_trailer(&cpio);
	r = conf.failed || cpio.out.failed ? -ENOMEM : 0;
	if (r == 0 && s->plain)
		buf_append(ret, cpio.out.data, cpio.out.len);
	else if (r == 0)
		r = lz4_legacy(&cpio.out, false, NULL, ret);
	r = ret->failed ? -ENOMEM : r;
	return r < 0 ? FAIL_SYS(err, r, "build the initramfs") : 0;
}
