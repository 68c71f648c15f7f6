/* SPDX-License-Identifier: GPL-2.0-only */
/* log_reader.c -- see log_reader.h. */
#include "schedule/log_reader.h"

#include <string.h>

#include "base/json.h"
#include "base/zstd_stream.h"

struct schedule_log_reader {
	schedule_log_source_fn *source;
	void *data;
	struct zstd_reader *zstd; /* owned, of a file */
	const struct schedule_log *log;
	const char *log_about; /* in memory: the pieces of the log, from `piece` on */
	struct buf head;
	const char *at;
	size_t piece, left;
	struct schedule_about about;
	uint8_t *block, *next, *end;
	uint32_t events_left; /* in the block */
	uint64_t events, time_ns;
	bool bad; /* the event that is being read */
	struct schedule_log_slot slot[SCHEDULE_LOG_SLOTS];
};

/* --- numbers ------------------------------------------------------------------------------------------------------ */

static uint8_t get_byte(struct schedule_log_reader *r)
{
	if (r->next == r->end) {
		r->bad = true;
		return 0;
	}
	return *r->next++;
}

static uint64_t get_number(struct schedule_log_reader *r)
{
	uint64_t n = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = get_byte(r);
		n |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return n;
	}
	r->bad = true;
	return 0;
}

static uint64_t get_key(struct schedule_log_reader *r)
{
	uint64_t key = 0;
	if ((size_t)(r->end - r->next) < sizeof(key)) {
		r->bad = true;
		return 0;
	}
	memcpy(&key, r->next, sizeof(key));
	r->next += sizeof(key);
	return key;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

/* The slot of the task that comes; a slot without a key: the idle task. */
static struct schedule_log_slot *get_task(struct schedule_log_reader *r)
{
	unsigned n = get_byte(r);
	struct schedule_log_slot *s = &r->slot[n & (SCHEDULE_LOG_SLOTS - 1)];
	if (n & 0x80) {
		*s = (struct schedule_log_slot){ .key = get_key(r) };
		int64_t pid = schedule_log_unzigzag(get_number(r));
		s->pid = (int32_t)pid;
		r->bad |= pid != s->pid;
	}
	r->bad |= n && (!s->key || s == r->slot);
	return s;
}

static void get_group(struct schedule_log_reader *r, unsigned flags, struct schedule_log_slot *s,
		      struct schedule_event *e)
{
	if (!(flags & LOG_HAS_GROUP))
		return;
	uint64_t group = flags & LOG_NEW_GROUP ? get_number(r) : s->group;
	r->bad |= !group;
	e->group = group;
	if (s->key)
		s->group = group;
}

static void get_allowed(struct schedule_log_reader *r, unsigned flags, struct schedule_log_slot *s,
			struct schedule_event *e)
{
	if (!(flags & LOG_HAS_ALLOWED))
		return;
	uint8_t words = flags & LOG_NEW_ALLOWED ? get_byte(r) : s->words;
	if (!words || words > SCHEDULE_WORDS) {
		r->bad = true;
		return;
	}
	e->allowed_words = words;
	for (unsigned i = 0; i < words; i++)
		e->allowed[i] = flags & LOG_NEW_ALLOWED ? get_number(r) : s->allowed[i];
	if (!s->key)
		return;
	s->words = words;
	memcpy(s->allowed, e->allowed, sizeof(s->allowed));
}

static bool is_event(const struct schedule_event *e, unsigned cpus)
{
	bool needs_task = e->kind != SCHEDULE_SWITCH && e->kind < SCHEDULE_TICK;
	return e->kind < SCHEDULE_KIND_COUNT && e->cpu < cpus && e->reason < SCHEDULE_REASON_COUNT &&
	       e->leaving <= SCHEDULE_DEAD && e->task_class < SCHEDULE_CLASS_COUNT && (!needs_task || e->task) &&
	       (e->kind != SCHEDULE_SWITCH || e->task != e->next);
}

static void get_event(struct schedule_log_reader *r, struct schedule_event *e)
{
	unsigned first = get_byte(r), flags = get_byte(r);
	memset(e, 0, sizeof(*e));
	e->kind = first & 0xf;
	e->reason = first >> 4 & 3;
	e->leaving = (uint8_t)(first >> 6);
	e->task_class = flags & LOG_CLASS;
	uint64_t cpu = get_number(r);
	e->cpu = cpu < SCHEDULE_CPUS_MAX ? (uint32_t)cpu : SCHEDULE_CPUS_MAX;
	e->time_ns = r->time_ns += (uint64_t)schedule_log_unzigzag(get_number(r));
	struct schedule_log_slot *s = get_task(r);
	e->task = s->key;
	e->pid = s->pid;
	get_group(r, flags, s, e);
	get_allowed(r, flags, s, e);
	if (flags & LOG_HAS_CLOCKS) {
		e->clock_ns = get_number(r);
		e->task_clock_ns = get_number(r);
		e->charged_ns = get_number(r);
	}
	if (e->kind != SCHEDULE_SWITCH)
		return;
	s = get_task(r);
	e->next = s->key;
	e->next_pid = s->pid;
}

/* --- blocks ------------------------------------------------------------------------------------------------------- */

static int get(struct schedule_log_reader *r, void *to, size_t len, struct err **err)
{
	return r->source(r->data, to, len, err);
}

static int damaged(struct err **err, const char *how)
{
	return FAIL(err, ERR_DATA, -EBADMSG, "the recorded schedule is damaged: %s", how);
}

/* 1: there is a block; 0: it was the end. */
static int begin_block(struct schedule_log_reader *r, struct err **err)
{
	uint32_t header[2];
	int err_code = get(r, header, sizeof(header), err);
	if (err_code < 0)
		return err_code;
	if (!header[0] && !header[1])
		return r->events == r->about.events ? 0 : damaged(err, "it does not have as many events as it says");
	if (!header[0] || !header[1] || header[0] > SCHEDULE_LOG_BLOCK)
		return damaged(err, "a block of wrong length");
	err_code = get(r, r->block, header[0], err);
	if (err_code < 0)
		return err_code;
	r->next = r->block;
	r->end = r->block + header[0];
	r->events_left = header[1];
	r->time_ns = 0;
	memset(r->slot, 0, sizeof(r->slot));
	return 1;
}

int schedule_log_next(struct schedule_log_reader *r, struct schedule_event *ret, struct err **err)
{
	if (!r->events_left) {
		int more = begin_block(r, err);
		if (more <= 0)
			return more;
	}
	get_event(r, ret);
	if (r->bad || !is_event(ret, r->about.cpus))
		return damaged(err, "an event that means nothing");
	r->events++;
	if (--r->events_left == 0 && r->next != r->end)
		return damaged(err, "bytes behind the last event of a block");
	return 1;
}

/* --- life --------------------------------------------------------------------------------------------------------- */

static int read_about(struct schedule_log_reader *r, uint32_t bytes, struct err **err)
{
	_cleanup_free_ char *text = malloc(bytes + 1);
	json_error_t why;
	if (!text)
		return -ENOMEM;
	int err_code = get(r, text, bytes, err);
	if (err_code < 0)
		return err_code;
	json_auto_t *json = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &why);
	if (!json)
		return FAIL(err, ERR_DATA, -EBADMSG, "its description is not JSON: line %d: %s", why.line, why.text);
	return schedule_about_read(json, &r->about, err);
}

static int read_head(struct schedule_log_reader *r, struct err **err)
{
	struct {
		char magic[8];
		uint32_t version, about;
	} head;
	int err_code = get(r, &head, sizeof(head), err);
	if (err_code < 0)
		return err_code;
	if (memcmp(head.magic, SCHEDULE_LOG_MAGIC, sizeof(head.magic)) != 0)
		return FAIL(err, ERR_DATA, -EBADMSG, "it is not a recorded schedule");
	if (head.version != SCHEDULE_LOG_VERSION)
		return FAIL(err, ERR_DATA, -EBADMSG, "it has version %u, and this ktstr reads version %d", head.version,
			    SCHEDULE_LOG_VERSION);
	if (head.about > SCHEDULE_ABOUT_BYTES_MAX)
		return damaged(err, "its description is too long");
	return read_about(r, head.about, err);
}

static struct schedule_log_reader *make_reader(void)
{
	struct schedule_log_reader *r = calloc(1, sizeof(*r));
	if (r)
		r->block = malloc(SCHEDULE_LOG_BLOCK);
	if (r && r->block)
		return r;
	free(r);
	return NULL;
}

static int begin(struct schedule_log_reader *r, struct schedule_log_reader **ret, struct err **err)
{
	int err_code = read_head(r, err);
	if (err_code < 0)
		schedule_log_close(r);
	else
		*ret = r;
	return err_code;
}

int schedule_log_open(schedule_log_source_fn *source, void *data, struct schedule_log_reader **ret, struct err **err)
{
	struct schedule_log_reader *r = make_reader();
	if (!r)
		return -ENOMEM;
	r->source = source;
	r->data = data;
	return begin(r, ret, err);
}

static int read_zstd(void *data, void *to, size_t len, struct err **err)
{
	return zstd_reader_get(data, to, len, err);
}

int schedule_log_open_fd(int fd, struct schedule_log_reader **ret, struct err **err)
{
	struct schedule_log_reader *r = make_reader();
	if (!r)
		return -ENOMEM;
	int err_code = zstd_reader_open(fd, &r->zstd, err);
	if (err_code < 0) {
		schedule_log_close(r);
		return err_code;
	}
	r->source = read_zstd;
	r->data = r->zstd;
	return begin(r, ret, err);
}

static int read_pieces(void *data, void *to, size_t len, struct err **err)
{
	struct schedule_log_reader *r = data;
	for (char *out = to; len;) {
		const void *piece = r->at;
		if (!r->left)
			r->left = schedule_log_piece(r->log, r->log_about, r->piece++, &r->head, &piece);
		if (!r->left)
			return damaged(err, "it ends too early");
		size_t n = MIN_OF(len, r->left);
		memcpy(out, piece, n);
		r->at = (const char *)piece + n;
		r->left -= n;
		out += n;
		len -= n;
	}
	return 0;
}

int schedule_log_open_memory(const struct schedule_log *l, const char *about, struct schedule_log_reader **ret,
			     struct err **err)
{
	struct schedule_log_reader *r = make_reader();
	if (!r)
		return -ENOMEM;
	r->source = read_pieces;
	r->data = r;
	r->log = l;
	r->log_about = about;
	return begin(r, ret, err);
}

void schedule_log_close(struct schedule_log_reader *r)
{
	if (!r)
		return;
	schedule_about_done(&r->about);
	zstd_reader_free(r->zstd);
	buf_done(&r->head);
	free(r->block);
	free(r);
}

const struct schedule_about *schedule_log_about(const struct schedule_log_reader *r)
{
	return &r->about;
}
