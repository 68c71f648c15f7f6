/* SPDX-License-Identifier: GPL-2.0-only */
/* result_use.c -- see result_use.h. */
#include "slurm/result_use.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "slurm/record.h"

#define DOUBT		   (5 * NSEC_PER_SEC)  /* a job's processes do not get their signals at one instant */
#define WAIT		   (10 * NSEC_PER_SEC) /* longer than DOUBT, and than clocks of hosts differ */
#define REPORTED_BYTES_MAX ((size_t)64 << 20)

/* --- does it count? ----------------------------------------------------------------------------------------------- */

static bool modified(const char *path, nsec_t *ret)
{
	struct stat st;
	if (!path || lstat(path, &st) < 0)
		return false;
	*ret = st.st_mtim.tv_sec * NSEC_PER_SEC + st.st_mtim.tv_nsec;
	return true;
}

static nsec_t wall_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

static bool modified_in(const char *dir, const char *name, nsec_t *ret)
{
	_cleanup_free_ char *path = path_join(dir, name);
	return modified(path, ret);
}

/* The attempt came to its end, or it went on for some time after the result of @stored. */
static bool went_on(const char *dir, nsec_t stored, bool *ret_killed)
{
	_cleanup_free_ char *path = path_join(dir, DONE_FILE);
	json_auto_t *done = NULL;
	nsec_t event;
	if (path && path_exists(path) && json_read_file(path, &done, NULL) == 0) {
		*ret_killed = json_is_true(json_object_get(done, "killed"));
		if (!*ret_killed)
			return true;
	}
	return modified_in(dir, EVENTS_FILE, &event) && event > stored + DOUBT;
}

enum result_use slurm_result_use(const char *attempt_dir, const json_t *event, const char *sidecar,
				 enum attempt_life life)
{
	const char *verdict = json_string_value(json_object_get(event, "verdict")) ?: "";
	bool killed = false;
	nsec_t stored, told;
	if (!modified(sidecar, &stored))
		return RESULT_WAITS;
	if (!strcmp(verdict, "pass") || !strcmp(verdict, "skip"))
		return RESULT_COUNTS;
	if (modified_in(attempt_dir, ENDING_FILE, &told))
		return stored >= told - DOUBT ? RESULT_VOID : RESULT_COUNTS;
	if (went_on(attempt_dir, stored, &killed))
		return RESULT_COUNTS;
	if (killed || life == ATTEMPT_ENDED)
		return RESULT_VOID;
	return life == ATTEMPT_RUNS && wall_now() - stored > WAIT ? RESULT_COUNTS : RESULT_WAITS;
}

/* --- is it one? --------------------------------------------------------------------------------------------------- */

static bool same_text(const json_t *a, const json_t *b, const char *key)
{
	const char *x = json_string_value(json_object_get(a, key)), *y = json_string_value(json_object_get(b, key));
	return x && y && !strcmp(x, y);
}

bool slurm_result_is_sound(const json_t *event, const char *sidecar)
{
	_cleanup_close_ int fd = open(sidecar, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	json_auto_t *result = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
	return result && same_text(result, event, "name") && same_text(result, event, "verdict");
}

/* --- what was reported -------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct reported_result));
}

static bool take_line(const char *line, size_t len, struct reported_result *ret)
{
	char text[48];
	int end = 0;
	if (len >= sizeof(text))
		return false;
	memcpy(text, line, len);
	text[len] = '\0';
	return strspn(text, "0123456789 ") == len &&
	       sscanf(text, "%u %u %u%n", &ret->task, &ret->attempt, &ret->test, &end) == 3 && (size_t)end == len;
}

int reported_read(const char *run_dir, struct reported *ret)
{
	_cleanup_free_ char *path = path_join(run_dir, REPORTED_FILE);
	_cleanup_buf_ struct buf text = BUF_NULL;
	*ret = (struct reported){ 0 };
	if (!path)
		return -ENOMEM;
	if (!path_exists(path) || file_read(path, REPORTED_BYTES_MAX, &text, NULL) < 0)
		return 0;
	/* The shortest line is "0 0 0", and its end. */
	ret->item = calloc(text.len / 6 + 1, sizeof(*ret->item));
	if (!ret->item)
		return -ENOMEM;
	for (const char *line = buf_str(&text), *next; (next = strchr(line, '\n')); line = next + 1)
		ret->count += take_line(line, (size_t)(next - line), &ret->item[ret->count]);
	qsort(ret->item, ret->count, sizeof(*ret->item), compare);
	return 0;
}

void reported_done(struct reported *r)
{
	free(r->item);
	*r = (struct reported){ 0 };
}

bool reported_has(const struct reported *r, struct reported_result wanted)
{
	return r->count && bsearch(&wanted, r->item, r->count, sizeof(wanted), compare);
}

void reported_add(const char *run_dir, struct reported_result result)
{
	_cleanup_free_ char *path = path_join(run_dir, REPORTED_FILE);
	_cleanup_close_ int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644) : -1;
	char line[48];
	int len = snprintf(line, sizeof(line), "%u %u %u\n", result.task, result.attempt, result.test);
	if (fd >= 0)
		fd_write_full(fd, line, (size_t)len);
}
