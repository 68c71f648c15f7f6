/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A kept schedule with any content. What the reader takes, the model takes too, and it can be kept and read again: the
 * events are the same.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/bug.h"
#include "fuzz.h"
#include "schedule/log_reader.h"
#include "schedule/model.h"
#include "trace/excerpt.h"
#include "trace/perfetto.h"
#include "trace/picture.h"

#define EVENTS_MAX 4096

struct input {
	const uint8_t *at;
	size_t left;
};

static int take(void *data, void *to, size_t len, struct err **err)
{
	struct input *in = data;
	if (len > in->left)
		return FAIL(err, ERR_DATA, -ENODATA, "it ends too early");
	memcpy(to, in->at, len);
	in->at += len;
	in->left -= len;
	return 0;
}

/* Reads again what was kept of the @count events. */
static void compare(const struct schedule_log *kept, unsigned cpus, const struct schedule_event *event, size_t count)
{
	char about[128];
	struct schedule_log_reader *again;
	struct schedule_event e;
	snprintf(about, sizeof(about),
		 "{\"schema\":{\"name\":\"" SCHEDULE_ABOUT_NAME "\",\"version\":1},\"test\":\"t\",\"cpus\":%u,"
		 "\"events\":%zu}",
		 cpus, count);
	REQUIRE(schedule_log_open_memory(kept, about, &again, NULL) == 0);
	for (size_t i = 0; i < count; i++) {
		REQUIRE(schedule_log_next(again, &e, NULL) == 1);
		REQUIRE(!memcmp(&e, &event[i], sizeof(e)));
	}
	REQUIRE(schedule_log_next(again, &e, NULL) == 0);
	schedule_log_close(again);
}

static void read_all(struct schedule_log_reader *r)
{
	unsigned cpus = schedule_log_about(r)->cpus;
	const struct schedule_config config = { .cpus = cpus, .tasks = 8, .groups = 4, .intervals = 16 };
	struct schedule_event *event = calloc(EVENTS_MAX, sizeof(*event));
	struct schedule_log *kept = schedule_log_new(0);
	struct schedule *s;
	size_t count = 0;
	REQUIRE(event && kept && schedule_new(&config, &s) == 0);
	while (count < EVENTS_MAX && schedule_log_next(r, &event[count], NULL) == 1) {
		schedule_add(s, &event[count]);
		schedule_log_add(kept, &event[count++]);
	}
	REQUIRE(schedule_losses(s)->events == 0 && schedule_log_events(kept) == count);
	compare(kept, cpus, event, count);
	schedule_free(s);
	schedule_log_free(kept);
	free(event);
}

static struct schedule_log_reader *open_again(struct input *in)
{
	struct schedule_log_reader *r;
	REQUIRE(schedule_log_open(take, in, &r, NULL) == 0);
	return r;
}

static void show_words(struct input in)
{
	struct schedule_log_reader *r = open_again(&in);
	struct excerpt *x;
	struct buf text = BUF_NULL;
	const struct excerpt_config config = { .moment = schedule_log_about(r)->failure, .lines = 8, .cpu = -1 };
	if (excerpt_read(r, &config, &x, NULL) == 0) {
		excerpt_text(x, schedule_log_about(r), "", &text);
		json_decref(excerpt_json(x, schedule_log_about(r)));
		excerpt_free(x);
	}
	buf_done(&text);
	schedule_log_close(r);
}

static void show_picture(struct input in)
{
	struct schedule_log_reader *r = open_again(&in);
	const struct schedule_moment *m = &schedule_log_about(r)->failure;
	const struct picture_config config = { .from_ns = m->from_ns, .to_ns = m->to_ns, .moment = *m, .cpu = -1 };
	struct buf svg = BUF_NULL;
	picture_draw(r, &config, &svg, NULL);
	buf_done(&svg);
	schedule_log_close(r);
}

static void show_trace(struct input in)
{
	struct schedule_log_reader *r = open_again(&in);
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	REQUIRE(fd >= 0);
	perfetto_write(r, fd, NULL);
	close(fd);
	schedule_log_close(r);
}

static void read_file(const uint8_t *data, size_t size)
{
	struct schedule_log_reader *r;
	int fd = memfd_create("schedule", MFD_CLOEXEC);
	REQUIRE(fd >= 0 && write(fd, data, size) == (ssize_t)size && lseek(fd, 0, SEEK_SET) == 0);
	if (schedule_log_open_fd(fd, &r, NULL) == 0) {
		read_all(r);
		schedule_log_close(r);
	}
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	struct schedule_log_reader *r;
	if (size >= 4 && !memcmp(data, "\x28\xb5\x2f\xfd", 4))
		read_file(data, size);
	if (schedule_log_open(take, &in, &r, NULL) < 0)
		return 0;
	read_all(r);
	schedule_log_close(r);
	show_words((struct input){ data, size });
	show_picture((struct input){ data, size });
	show_trace((struct input){ data, size });
	return 0;
}
