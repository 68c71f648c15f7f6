/* SPDX-License-Identifier: GPL-2.0-only */
/* remote.c -- see remote.h. */
#include <fcntl.h>
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "kernel/entry_archive.h"
#include "kernel/remote.h"
#include "net/releases.h"

#define ARCHIVE_BYTES_MAX ((uint64_t)2 << 30)
#define ARCHIVE_NAME	  "remote.tar.zst"

#define SHORT_DEADLINE (10 * NSEC_PER_MIN)
#define LONG_DEADLINE  (60 * NSEC_PER_MIN)

enum remote_state { REMOTE_LOOK_UP, REMOTE_OBTAIN, REMOTE_ACCEPT, REMOTE_FINISH, REMOTE_STATE_MAX };

static struct kernel_job *job_of(struct machine *m)
{
	return container_of(m, struct kernel_job, remote.machine);
}

/* --- files of the store ------------------------------------------------------------------------------------------- */

/* Begins a fetch of the entry's file with @suffix. */
static int fetch_file(struct machine *m, const char *suffix, struct fetch_request *q)
{
	struct kernel_job *job = job_of(m);
	const char *store = environment_get(ENV_KERNEL_STORE);
	size_t len = strlen(store);
	while (len && store[len - 1] == '/')
		len--;
	int n = snprintf(job->remote.url, sizeof(job->remote.url), "%.*s/%s.tar.zst%s", (int)len, store, job->key,
			 suffix);
	if (n < 0 || (size_t)n >= sizeof(job->remote.url))
		return FAIL(&job->remote.err, ERR_USAGE, -ENAMETOOLONG, "its URL is too long");
	job->remote.urls[0] = job->remote.url;
	q->urls = job->remote.urls;
	q->refuse_html = true;
	fetch_start(&job->remote.fetch, job->config.http, m->reactor, q, m, NULL);
	machine_await(m, &job->remote.fetch.machine);
	return 0;
}

static int step_accept(void *arg)
{
	struct kernel_job *job = arg;
	_cleanup_free_ char *archive = path_join(job->work, ARCHIVE_NAME);
	return archive ? entry_accept(job, archive, &job->remote.offload.cancelled, &job->remote.unpack,
				      &job->remote.err)
		       : -ENOMEM;
}

/* --- states ------------------------------------------------------------------------------------------------------- */

static int look_up(struct machine *m, int result)
{
	struct fetch_request q = { .fd = -1 };
	(void)result;
	int r = fetch_file(m, ".sha256", &q);
	return r < 0 ? r : REMOTE_OBTAIN;
}

static int obtain(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	char name[sizeof(job->key) + 16];
	const struct buf *sum = &job->remote.fetch.body;
	_cleanup_free_ char *path = path_join(job->work, ARCHIVE_NAME);
	if (result < 0)
		return result;
	snprintf(name, sizeof(name), "%s.tar.zst", job->key);
	int r = sha256sums_find(buf_str(sum), sum->len, name, job->remote.sha256, &job->remote.err);
	if (r < 0 || !path)
		return r < 0 ? r : -ENOMEM;
	fetch_done(&job->remote.fetch);
	job->remote.fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (job->remote.fd < 0)
		return FAIL_SYS(&job->remote.err, -errno, "create '%s'", path);
	struct fetch_request q = { .fd = job->remote.fd,
				   .max_bytes = ARCHIVE_BYTES_MAX,
				   .sha256_hex = job->remote.sha256 };
	r = fetch_file(m, "", &q);
	return r < 0 ? r : REMOTE_ACCEPT;
}

static int accept_archive(struct machine *m, int result)
{
	struct kernel_job *job = job_of(m);
	if (result < 0)
		return result;
	machine_offload(m, &job->remote.offload, step_accept, job);
	return REMOTE_FINISH;
}

static int finish_lookup(struct machine *m, int result)
{
	(void)m;
	return result < 0 ? result : MACHINE_END;
}

static const struct machine_state states[REMOTE_STATE_MAX] = {
	[REMOTE_LOOK_UP] = { "look up", look_up, SHORT_DEADLINE, 0, TO(REMOTE_OBTAIN) },
	[REMOTE_OBTAIN] = { "obtain", obtain, SHORT_DEADLINE, 0, TO(REMOTE_ACCEPT) },
	[REMOTE_ACCEPT] = { "accept", accept_archive, LONG_DEADLINE, 0, TO(REMOTE_FINISH) },
	[REMOTE_FINISH] = { "finish", finish_lookup, SHORT_DEADLINE, 0, TO_END },
};

static const struct machine_type type = { "store", states, REMOTE_STATE_MAX, NULL };

/* ------------------------------------------------------------------------------------------------------------------ */

bool remote_start(struct machine *m, struct kernel_job *job)
{
	if (!environment_get(ENV_KERNEL_STORE) || !job->config.http || !job->key[0] || job->config.force ||
	    kernel_job_in_place(job))
		return false;
	job->remote.fd = -1;
	job->remote.started = true;
	machine_start(m->reactor, &job->remote.machine, &type, m, "%s", job->key);
	machine_await(m, &job->remote.machine);
	return true;
}

/* What came from the store must not be there when the kernel is built. Both are small or empty. */
static void remove_files(const struct kernel_job *job)
{
	_cleanup_free_ char *archive = path_join(job->work, ARCHIVE_NAME);
	if (archive)
		unlink(archive);
	entry_accept_clean(job);
}

void remote_done(struct kernel_job *job)
{
	if (!job->remote.started)
		return;
	job->remote.started = false;
	job->remote.fd = fd_close(job->remote.fd);
	job->remote.err = err_free(job->remote.err);
	fetch_done(&job->remote.fetch);
}

void remote_end(struct kernel_job *job, int result)
{
	_cleanup_buf_ struct buf why = BUF_NULL;
	const struct err *err = job->remote.err ?: job->remote.fetch.err;
	if (job->remote.fetch.absent)
		buf_puts(&why, "it is not there");
	else if (err)
		err_format(err, &why);
	else
		buf_puts(&why, strerror(-result));
	if (result < 0)
		snprintf(job->note, sizeof(job->note), "not taken from the store: %s", buf_str(&why));
	else
		snprintf(job->note, sizeof(job->note), "taken from the store");
	remote_done(job);
	remove_files(job);
}
