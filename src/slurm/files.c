/* SPDX-License-Identifier: GPL-2.0-only */
/* files.c -- see files.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/json.h"
#include "slurm/files.h"

#define CHUNK	       ((size_t)16 << 10)
#define LINE_BYTES_MAX ((size_t)1 << 20)

int files_init(struct task_files *w, const struct slurm_record *record, struct follow *follow,
	       files_result_fn *on_result, void *data)
{
	*w = (struct task_files){ .record = record,
				  .follow = follow,
				  .sidecar = calloc(record->count + 1, sizeof(*w->sidecar)),
				  .on_result = on_result,
				  .data = data };
	return w->sidecar ? reported_read(record->dir, &w->reported) : -ENOMEM;
}

void files_done(struct task_files *w)
{
	for (size_t i = 0; w->sidecar && i < w->record->count; i++)
		free(w->sidecar[i]);
	free(w->sidecar);
	for (size_t i = 0; i < w->room; i++)
		free(w->task[i].attempt);
	free(w->task);
	buf_done(&w->text);
	reported_done(&w->reported);
	*w = (struct task_files){ 0 };
}

static bool make_room(struct task_files *w)
{
	size_t need = w->follow->tasks;
	if (need <= w->room)
		return true;
	struct task_file *task = reallocarray(w->task, need, sizeof(*task));
	if (!task)
		return false;
	memset(task + w->room, 0, (need - w->room) * sizeof(*task));
	w->task = task;
	w->room = need;
	return true;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

/* The task's path of the directory may differ from ours: only the name counts. */
static char *sidecar_here(const char *dir, const json_t *event)
{
	const char *said = json_string_value(json_object_get(event, "sidecar"));
	return said ? path_join(dir, path_basename(said)) : NULL;
}

/* An attempt that ended has the time of the follower's grace until its last files must be here. */
static enum attempt_life life_of(const struct task_files *w, uint32_t task, uint32_t attempt)
{
	const struct follow_task *t = &w->follow->task[task];
	if (attempt + 1 < w->task[task].attempts || (slurm_state_ended(t->state) && t->late + 1 >= FOLLOW_GRACE))
		return ATTEMPT_ENDED;
	return t->seen && t->state == SLURM_RUNNING ? ATTEMPT_RUNS : ATTEMPT_UNKNOWN;
}

/* False: the sidecar has not arrived here yet, or it is not known whether it counts: the line is read again later. */
static bool take_result(struct task_files *w, uint32_t task, uint32_t attempt, const json_t *event)
{
	int test = slurm_record_find(w->record, json_string_value(json_object_get(event, "name")) ?: "");
	_cleanup_free_ char *dir = slurm_task_path(w->record, task, (int)attempt);
	_cleanup_free_ char *sidecar = dir ? sidecar_here(dir, event) : NULL;
	/* A result that could not be stored is none: the test is lost. */
	if (test < 0 || !sidecar)
		return true;
	const struct reported_result this = { task, attempt, (uint32_t)test };
	bool reported = reported_has(&w->reported, this);
	enum result_use use =
		reported ? RESULT_COUNTS : slurm_result_use(dir, event, sidecar, life_of(w, task, attempt));
	if (use != RESULT_COUNTS)
		return use == RESULT_VOID;
	if (!slurm_result_is_sound(event, sidecar))
		return true;
	if (follow_result(w->follow, task, attempt, (uint32_t)test) != FOLLOW_NEW)
		return true;
	if (!reported && strcmp(json_string_value(json_object_get(event, "verdict")) ?: "", "pass"))
		reported_add(w->record->dir, this);
	w->sidecar[test] = TAKE_PTR(sidecar);
	if (w->on_result)
		w->on_result(w->data, (uint32_t)test, task, event, w->sidecar[test]);
	return true;
}

static void note_begun(struct task_files *w, uint32_t task, const json_t *event)
{
	int test = slurm_record_find(w->record, json_string_value(json_object_get(event, "name")) ?: "");
	if (test >= 0)
		follow_begun(w->follow, task, (uint32_t)test);
}

static bool take_line(struct task_files *w, uint32_t task, uint32_t attempt, const char *line, size_t len)
{
	json_auto_t *event = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL);
	const char *kind = json_string_value(json_object_get(event, "event"));
	if (!event) {
		w->damaged++;
		return true;
	}
	if (kind && !strcmp(kind, "test-started"))
		note_begun(w, task, event);
	if (!kind || strcmp(kind, "test-finished") || !json_is_true(json_object_get(event, "final")))
		return true;
	return take_result(w, task, attempt, event);
}

/* The complete lines in the buffer. False: the rest has to be read again later. */
static bool take_lines(struct task_files *w, struct attempt_file *a, uint32_t task, uint32_t attempt)
{
	size_t at = 0;
	for (const char *end; (end = memchr(buf_str(&w->text) + at, '\n', w->text.len - at));) {
		size_t next = (size_t)(end - buf_str(&w->text)) + 1;
		if (!take_line(w, task, attempt, buf_str(&w->text) + at, next - 1 - at)) {
			a->offset += at;
			return false;
		}
		at = next;
	}
	a->offset += at;
	return true;
}

/* Reads on until the buffer has a whole line, or the file ends. */
static void read_line(struct task_files *w, int fd, uint64_t offset)
{
	char chunk[CHUNK];
	ssize_t n;
	buf_clear(&w->text);
	do {
		n = pread(fd, chunk, sizeof(chunk), (off_t)(offset + w->text.len));
		if (n > 0)
			buf_append(&w->text, chunk, (size_t)n);
	} while (n > 0 && !memchr(chunk, '\n', (size_t)n) && w->text.len < LINE_BYTES_MAX);
}

/* The file is opened each time: on NFS that is when another host's writes become visible. True: all is read. */
static bool read_events(struct task_files *w, uint32_t task, uint32_t attempt)
{
	struct attempt_file *a = &w->task[task].attempt[attempt];
	_cleanup_free_ char *dir = slurm_task_path(w->record, task, (int)attempt);
	_cleanup_free_ char *path = dir ? path_join(dir, EVENTS_FILE) : NULL;
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT;
	while (a->offset < (uint64_t)st.st_size) {
		uint64_t before = a->offset;
		read_line(w, fd, a->offset);
		if (!take_lines(w, a, task, attempt))
			return false;
		if (a->offset == before)
			break;
	}
	return true;
}

/* --- attempts ----------------------------------------------------------------------------------------------------- */

static bool attempt_exists(const struct task_files *w, uint32_t task, uint32_t attempt)
{
	_cleanup_free_ char *path = slurm_task_path(w->record, task, (int)attempt);
	return path && path_exists(path);
}

static enum follow_attempt_state read_done(const struct task_files *w, uint32_t task, uint32_t attempt)
{
	_cleanup_free_ char *dir = slurm_task_path(w->record, task, (int)attempt);
	_cleanup_free_ char *path = dir ? path_join(dir, DONE_FILE) : NULL;
	json_auto_t *done = NULL;
	if (!path || !path_exists(path) || json_read_file(path, &done, NULL) < 0)
		return FOLLOW_ATTEMPT_OPEN;
	return json_is_true(json_object_get(done, "given_back")) ? FOLLOW_ATTEMPT_GIVEN_BACK : FOLLOW_ATTEMPT_COMPLETE;
}

/* done.json is looked for before the events are read, which are complete if it is there. */
static void read_attempt(struct task_files *w, uint32_t task, uint32_t attempt)
{
	struct attempt_file *a = &w->task[task].attempt[attempt];
	if (a->state != FOLLOW_ATTEMPT_OPEN)
		return;
	enum follow_attempt_state state = read_done(w, task, attempt);
	/* While a result has not arrived, the attempt counts as open: the follower's grace limits how long. */
	a->state = read_events(w, task, attempt) ? state : FOLLOW_ATTEMPT_OPEN;
	follow_attempt(w->follow, task, attempt, a->state);
}

static int add_attempts(struct task_files *w, uint32_t task)
{
	struct task_file *t = &w->task[task];
	while (t->attempts < FOLLOW_ATTEMPTS_MAX && attempt_exists(w, task, t->attempts)) {
		struct attempt_file *more = reallocarray(t->attempt, t->attempts + 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		t->attempt = more;
		t->attempt[t->attempts++] = (struct attempt_file){ 0 };
	}
	return 0;
}

/* Earlier attempts, too: one may still run on a node that Slurm lost sight of. */
static int read_task(struct task_files *w, uint32_t task)
{
	int r = add_attempts(w, task);
	for (uint32_t i = 0; r == 0 && i < w->task[task].attempts; i++)
		read_attempt(w, task, i);
	return r;
}

int files_read(struct task_files *w)
{
	int r = make_room(w) ? 0 : -ENOMEM;
	for (uint32_t i = 0; r == 0 && i < w->follow->tasks; i++)
		if (follow_wants_files(w->follow, i))
			r = read_task(w, i);
	return w->text.failed ? -ENOMEM : r;
}
