/* SPDX-License-Identifier: GPL-2.0-only */
/* gha.c -- see gha.h. The states of the look-up, then those of the upload, in the order in which they run. */
#include "kernel/gha.h"

#include <fcntl.h>
#include <nettle/sha2.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "kernel/entry_archive.h"
#include "net/call.h"

#define ARCHIVE_BYTES_MAX ((uint64_t)2 << 30)
#define ANSWER_BYTES_MAX  ((size_t)64 << 10)
#define PART_BYTES	  ((size_t)32 << 20) /* of an upload to the older service */
#define ASK_LIMIT	  (30 * NSEC_PER_SEC)
#define SEND_LIMIT	  (10 * NSEC_PER_MIN)
#define SHORT_DEADLINE	  (10 * NSEC_PER_MIN)
#define LONG_DEADLINE	  (30 * NSEC_PER_MIN)
#define ARCHIVE_NAME	  "gha.tar.zst"
#define FORMAT		  "ktstr kernel entry, tar.zst, 1" /* blobs of another format have another version */
#define TWIRP		  "twirp/github.actions.results.api.v1.CacheService/"
#define ACCEPT		  "Accept: application/json;api-version=6.0-preview.1"
#define REST		  "_apis/artifactcache/"

/* One look-up or upload. */
struct gha {
	struct machine machine;
	struct kernel_job *job;
	struct call call;
	struct fetch fetch;
	struct offload_job offload;
	struct unpack_progress unpack;
	struct err *err;
	struct buf body; /* of the request */
	void *map;	 /* the archive; NULL: it is not mapped */
	uint64_t size, sent, id;
	int fd;
	bool uploads, absent;
	char url[1024], blob[4096], auth[8192], range[96];
	const char *urls[2], *headers[6];
};

static struct gha *gha_of(struct machine *m)
{
	return container_of(m, struct gha, machine);
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

/* The results service; NULL: only the older one is there. */
static const char *results_url(void)
{
	const char *url = environment_get(ENV_ACTIONS_RESULTS_URL);
	return url && *url ? url : NULL;
}

static const char *cache_url(void)
{
	const char *url = environment_get(ENV_ACTIONS_CACHE_URL);
	return url && *url ? url : NULL;
}

static void put_version(char out[2 * SHA256_DIGEST_SIZE + 1])
{
	uint8_t sum[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha;
	sha256_init(&sha);
	sha256_update(&sha, strlen(FORMAT), (const uint8_t *)FORMAT);
	sha256_digest(&sha, sizeof(sum), sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

static void put_key(const struct gha *g, char out[256])
{
	snprintf(out, 256, "ktstr-%s", g->job->key);
}

static json_t *identity_json(const struct gha *g)
{
	char version[2 * SHA256_DIGEST_SIZE + 1], key[256];
	json_t *o = json_object();
	put_version(version);
	put_key(g, key);
	json_put_text(&o, "key", key);
	json_put_text(&o, "version", version);
	return o;
}

/* A request to the service itself, with the token. Takes over @body; NULL: none. */
static int ask_service(struct machine *m, const char *method, const char *path, json_t *body)
{
	struct gha *g = gha_of(m);
	const char *base = results_url() ?: cache_url(), *token = environment_get(ENV_ACTIONS_RUNTIME_TOKEN);
	size_t len = strlen(base);
	bool has_body = body != NULL;
	while (len && base[len - 1] == '/')
		len--;
	buf_clear(&g->body);
	if (has_body)
		json_print(body, false, &g->body);
	json_decref(body);
	int n = snprintf(g->url, sizeof(g->url), "%.*s/%s", (int)len, base, path);
	int k = snprintf(g->auth, sizeof(g->auth), "Authorization: Bearer %s", token);
	if (n >= (int)sizeof(g->url) || k >= (int)sizeof(g->auth) || g->body.failed)
		return FAIL(&g->err, ERR_DATA, -ENAMETOOLONG, "its URL or token is too long");
	g->headers[0] = g->auth;
	g->headers[1] = "Content-Type: application/json";
	g->headers[2] = ACCEPT;
	g->headers[3] = "Expect:";
	g->headers[4] = NULL;
	const struct call_request q = { .method = method,
					.url = g->url,
					.headers = g->headers,
					.body = has_body ? buf_str(&g->body) : NULL,
					.length = g->body.len,
					.max_bytes = ANSWER_BYTES_MAX,
					.limit = ASK_LIMIT };
	call_done(&g->call);
	call_start(&g->call, g->job->config.http, m->reactor, &q, m);
	machine_await(m, &g->call.machine);
	return 0;
}

/* URLs of blobs are secrets, so messages name the step only. */
static int check_answer(struct machine *m, int result, const char *what)
{
	struct gha *g = gha_of(m);
	const struct call *c = &g->call;
	if (result < 0)
		return result;
	if (c->end != CALL_ANSWERED)
		return FAIL(&g->err, ERR_MISSING, -EIO, "%s: %s", what, c->why);
	if (c->status < 200 || c->status > 299)
		return FAIL(&g->err, ERR_MISSING, -EIO, "%s: the server answered with status %ld", what, c->status);
	return 0;
}

static json_t *answer_json(struct gha *g)
{
	return json_loadb(g->call.answer.data ?: "", g->call.answer.len, JSON_REJECT_DUPLICATES, NULL);
}

static int bad_answer(struct gha *g, const char *what)
{
	return FAIL(&g->err, ERR_DATA, -EBADMSG, "%s: the answer is not one of a cache service", what);
}

static int set_blob_url(struct gha *g, const char *url)
{
	size_t len = strlen(url);
	if (len >= sizeof(g->blob) || (strncmp(url, "http://", 7) && strncmp(url, "https://", 8)))
		return bad_answer(g, "find its blob");
	memcpy(g->blob, url, len + 1);
	return 0;
}

/* --- LOOK_UP, OBTAIN, ACCEPT -------------------------------------------------------------------------------------- */

enum lookup_state { LOOKUP_ASK, LOOKUP_OBTAIN, LOOKUP_ACCEPT, LOOKUP_FINISH, LOOKUP_STATE_MAX };

static int look_up(struct machine *m, int result)
{
	struct gha *g = gha_of(m);
	char version[2 * SHA256_DIGEST_SIZE + 1], key[256], path[512];
	(void)result;
	put_version(version);
	put_key(g, key);
	snprintf(path, sizeof(path), REST "cache?keys=%s&version=%s", key, version);
	int r = results_url() ? ask_service(m, "POST", TWIRP "GetCacheEntryDownloadURL", identity_json(g))
			      : ask_service(m, "GET", path, NULL);
	return r < 0 ? r : LOOKUP_OBTAIN;
}

/* Services also find entries whose keys only begin like ours. */
static int find_blob(struct gha *g)
{
	json_auto_t *o = answer_json(g);
	bool v2 = results_url() != NULL;
	const char *url = json_string_value(json_object_get(o, v2 ? "signed_download_url" : "archiveLocation"));
	const char *found = json_string_value(json_object_get(o, v2 ? "matched_key" : "cacheKey"));
	char key[256];
	put_key(g, key);
	g->absent = g->call.status == 204 || (json_is_object(o) && v2 && !json_is_true(json_object_get(o, "ok")));
	if (g->absent)
		return -ENOENT;
	if (!url || !found)
		return bad_answer(g, "look it up");
	if (strcmp(found, key) != 0) {
		g->absent = true;
		return -ENOENT;
	}
	return set_blob_url(g, url);
}

static int obtain(struct machine *m, int result)
{
	struct gha *g = gha_of(m);
	_cleanup_free_ char *path = path_join(g->job->work, ARCHIVE_NAME);
	int r = check_answer(m, result, "look it up");
	r = r < 0 ? r : find_blob(g);
	if (r < 0 || !path)
		return r < 0 ? r : -ENOMEM;
	g->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (g->fd < 0)
		return FAIL_SYS(&g->err, -errno, "create '%s'", path);
	g->urls[0] = g->blob;
	const struct fetch_request q = { .urls = g->urls, .fd = g->fd, .max_bytes = ARCHIVE_BYTES_MAX };
	fetch_start(&g->fetch, g->job->config.http, m->reactor, &q, m, NULL);
	machine_await(m, &g->fetch.machine);
	return LOOKUP_ACCEPT;
}

static int step_accept(void *arg)
{
	struct gha *g = arg;
	_cleanup_free_ char *path = path_join(g->job->work, ARCHIVE_NAME);
	if (!path)
		return -ENOMEM;
	int r = entry_archive_check(path, &g->err);
	return r < 0 ? r : entry_accept(g->job, path, &g->offload.cancelled, &g->unpack, &g->err);
}

static int accept_blob(struct machine *m, int result)
{
	struct gha *g = gha_of(m);
	if (result < 0)
		return FAIL(&g->err, ERR_MISSING, result, "download its blob: status %ld, %lu bytes",
			    g->fetch.http_status, g->fetch.done);
	machine_offload(m, &g->offload, step_accept, g);
	return LOOKUP_FINISH;
}

static int finish_step(struct machine *m, int result)
{
	(void)m;
	return result < 0 ? result : MACHINE_END;
}

static const struct machine_state lookup_states[LOOKUP_STATE_MAX] = {
	[LOOKUP_ASK] = { "ask", look_up, SHORT_DEADLINE, 0, TO(LOOKUP_OBTAIN) },
	[LOOKUP_OBTAIN] = { "obtain", obtain, LONG_DEADLINE, 0, TO(LOOKUP_ACCEPT) },
	[LOOKUP_ACCEPT] = { "accept", accept_blob, LONG_DEADLINE, 0, TO(LOOKUP_FINISH) },
	[LOOKUP_FINISH] = { "finish", finish_step, SHORT_DEADLINE, 0, TO_END },
};
static const struct machine_type lookup_type = { "workflow cache", lookup_states, LOOKUP_STATE_MAX, NULL };

/* --- PACK, RESERVE, SEND, COMMIT ---------------------------------------------------------------------------------- */

enum upload_state { UPLOAD_PACK, UPLOAD_RESERVE, UPLOAD_SEND, UPLOAD_COMMIT, UPLOAD_FINISH, UPLOAD_STATE_MAX };

/* The file is mapped, so that it can be sent from memory and is in memory only as far as it is sent. */
static int map_archive(struct gha *g, const char *path)
{
	struct stat st;
	g->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (g->fd < 0 || fstat(g->fd, &st) < 0)
		return FAIL_SYS(&g->err, -errno, "open '%s'", path);
	g->size = (uint64_t)st.st_size;
	g->map = mmap(NULL, g->size, PROT_READ, MAP_PRIVATE, g->fd, 0);
	if (g->map != MAP_FAILED)
		return 0;
	g->map = NULL;
	return FAIL_SYS(&g->err, -errno, "map '%s'", path);
}

static int step_pack(void *arg)
{
	struct gha *g = arg;
	_cleanup_free_ char *path = path_join(g->job->work, ARCHIVE_NAME);
	if (!path)
		return -ENOMEM;
	int r = entry_pack(g->job->config.cache, g->job->key, path, &g->offload.cancelled, &g->err);
	return r < 0 ? r : map_archive(g, path);
}

static int pack(struct machine *m, int result)
{
	struct gha *g = gha_of(m);
	(void)result;
	machine_offload(m, &g->offload, step_pack, g);
	return UPLOAD_RESERVE;
}

static int reserve(struct machine *m, int result)
{
	struct gha *g = gha_of(m);
	if (result < 0)
		return result;
	json_t *body = identity_json(g);
	if (!results_url())
		json_put_u64(&body, "cacheSize", g->size);
	int r = ask_service(m, "POST", results_url() ? TWIRP "CreateCacheEntry" : REST "caches", body);
	return r < 0 ? r : UPLOAD_SEND;
}

/* Where to send it. The cache never replaces an entry: one that was uploaded meanwhile is as good as ours. */
static int take_reservation(struct gha *g)
{
	json_auto_t *o = answer_json(g);
	const char *url = json_string_value(json_object_get(o, "signed_upload_url"));
	const json_t *id = json_object_get(o, "cacheId");
	if (results_url() && json_is_object(o) && !json_is_true(json_object_get(o, "ok")))
		return FAIL(&g->err, ERR_BUSY, -EEXIST, "it is there already, or there is no room for it");
	if (results_url())
		return url ? set_blob_url(g, url) : bad_answer(g, "reserve an entry");
	if (!json_is_integer(id) || json_integer_value(id) < 0)
		return bad_answer(g, "reserve an entry");
	g->id = (uint64_t)json_integer_value(id);
	return 0;
}

static int send_blob(struct machine *m)
{
	static const char *const headers[] = { "x-ms-blob-type: BlockBlob", "Content-Type: application/octet-stream",
					       "Expect:", NULL };
	struct gha *g = gha_of(m);
	const struct call_request q = { .method = "PUT",
					.url = g->blob,
					.headers = headers,
					.body = g->map,
					.length = g->size,
					.max_bytes = ANSWER_BYTES_MAX,
					.limit = SEND_LIMIT };
	g->sent = g->size;
	call_done(&g->call);
	call_start(&g->call, g->job->config.http, m->reactor, &q, m);
	machine_await(m, &g->call.machine);
	return UPLOAD_COMMIT;
}

static int send_part(struct machine *m)
{
	struct gha *g = gha_of(m);
	const char *base = cache_url();
	size_t len = strlen(base), part = MIN_OF((size_t)(g->size - g->sent), PART_BYTES);
	while (len && base[len - 1] == '/')
		len--;
	snprintf(g->url, sizeof(g->url), "%.*s/" REST "caches/%lu", (int)len, base, g->id);
	snprintf(g->range, sizeof(g->range), "Content-Range: bytes %lu-%lu/*", g->sent, g->sent + part - 1);
	g->headers[0] = g->auth;
	g->headers[1] = "Content-Type: application/octet-stream";
	g->headers[2] = ACCEPT;
	g->headers[3] = "Expect:";
	g->headers[4] = g->range;
	g->headers[5] = NULL;
	const struct call_request q = { .method = "PATCH",
					.url = g->url,
					.headers = g->headers,
					.body = (const char *)g->map + g->sent,
					.length = part,
					.max_bytes = ANSWER_BYTES_MAX,
					.limit = SEND_LIMIT };
	g->sent += part;
	call_done(&g->call);
	call_start(&g->call, g->job->config.http, m->reactor, &q, m);
	machine_await(m, &g->call.machine);
	return g->sent < g->size ? UPLOAD_SEND : UPLOAD_COMMIT;
}

static int send_archive(struct machine *m, int result)
{
	struct gha *g = gha_of(m);
	int r = check_answer(m, result, g->sent ? "upload a part" : "reserve an entry");
	if (r == 0 && !g->sent)
		r = take_reservation(g);
	if (r < 0)
		return r;
	return results_url() ? send_blob(m) : send_part(m);
}

static int commit(struct machine *m, int result)
{
	struct gha *g = gha_of(m);
	char size[24], path[64];
	int r = check_answer(m, result, "upload it");
	if (r < 0)
		return r;
	snprintf(size, sizeof(size), "%lu", g->size);
	snprintf(path, sizeof(path), REST "caches/%lu", g->id);
	json_t *body = results_url() ? identity_json(g) : json_object();
	if (results_url())
		json_put_text(&body, "size_bytes", size); /* JSON of protocol buffers has 64-bit numbers as texts */
	else
		json_put_u64(&body, "size", g->size);
	r = ask_service(m, "POST", results_url() ? TWIRP "FinalizeCacheEntryUpload" : path, body);
	return r < 0 ? r : UPLOAD_FINISH;
}

static int finish_upload(struct machine *m, int result)
{
	struct gha *g = gha_of(m);
	int r = check_answer(m, result, "complete the upload");
	json_auto_t *o = r == 0 && results_url() ? answer_json(g) : NULL;
	if (r == 0 && results_url() && !json_is_true(json_object_get(o, "ok")))
		r = bad_answer(g, "complete the upload");
	return r < 0 ? r : MACHINE_END;
}

static const struct machine_state upload_states[UPLOAD_STATE_MAX] = {
	[UPLOAD_PACK] = { "pack", pack, LONG_DEADLINE, 0, TO(UPLOAD_RESERVE) },
	[UPLOAD_RESERVE] = { "reserve", reserve, SHORT_DEADLINE, 0, TO(UPLOAD_SEND) },
	[UPLOAD_SEND] = { "send", send_archive, LONG_DEADLINE, 0, TO(UPLOAD_COMMIT) },
	[UPLOAD_COMMIT] = { "commit", commit, SHORT_DEADLINE, 0, TO(UPLOAD_FINISH) },
	[UPLOAD_FINISH] = { "finish", finish_upload, SHORT_DEADLINE, 0, TO_END },
};
static const struct machine_type upload_type = { "workflow cache", upload_states, UPLOAD_STATE_MAX, NULL };

/* ------------------------------------------------------------------------------------------------------------------ */

static bool is_wanted(const struct kernel_job *job)
{
	const char *token = environment_get(ENV_ACTIONS_RUNTIME_TOKEN);
	return environment_is_on(ENV_GHA_CACHE) && (results_url() || cache_url()) && token && *token &&
	       job->config.http && job->key[0] && !kernel_job_in_place(job);
}

static bool start(struct machine *m, struct kernel_job *job, const struct machine_type *type)
{
	struct gha *g = is_wanted(job) ? calloc(1, sizeof(*g)) : NULL;
	if (!g)
		return false;
	*g = (struct gha){ .job = job, .fd = -1, .uploads = type == &upload_type };
	job->gha = g;
	machine_start(m->reactor, &g->machine, type, m, "%s", job->key);
	machine_await(m, &g->machine);
	return true;
}

bool gha_lookup_start(struct machine *m, struct kernel_job *job)
{
	return !job->config.force && start(m, job, &lookup_type);
}

bool gha_upload_start(struct machine *m, struct kernel_job *job)
{
	return start(m, job, &upload_type);
}

void gha_done(struct kernel_job *job)
{
	struct gha *g = TAKE_PTR(job->gha);
	_cleanup_free_ char *path = g && job->work ? path_join(job->work, ARCHIVE_NAME) : NULL;
	if (!g)
		return;
	if (g->map)
		munmap(g->map, g->size);
	fd_close(g->fd);
	err_free(g->err);
	fetch_done(&g->fetch);
	call_done(&g->call);
	buf_done(&g->body);
	if (path)
		unlink(path);
	free(g);
}

void gha_end(struct kernel_job *job, int result)
{
	_cleanup_buf_ struct buf why = BUF_NULL;
	const struct gha *g = job->gha;
	bool uploads = g->uploads;
	if (g->absent)
		buf_puts(&why, "it is not there");
	else if (g->err)
		err_format(g->err, &why);
	else
		buf_puts(&why, strerror(-result));
	if (result < 0)
		snprintf(job->note, sizeof(job->note), "not %s GitHub's cache: %.150s",
			 uploads ? "uploaded to" : "taken from", buf_str(&why));
	gha_done(job);
	if (!uploads)
		entry_accept_clean(job);
}
