/* SPDX-License-Identifier: GPL-2.0-only */
/* The kept schedule: events come back as they were, old ones are dropped in whole blocks, damage is noticed. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/zstd_stream.h"
#include "schedule/log_reader.h"
#include "t.h"
#include "trace/excerpt.h"

#define CPUS 4

static struct schedule_event random_event(struct rng *rng, uint64_t *time)
{
	struct schedule_event e = { .kind = (uint32_t)rng_below(rng, SCHEDULE_KIND_COUNT),
				    .cpu = (uint32_t)rng_below(rng, CPUS),
				    .time_ns = *time += rng_below(rng, 5000) - 4 };
	bool has_task = e.kind != SCHEDULE_TICK && e.kind != SCHEDULE_OFFLINE && e.kind != SCHEDULE_ONLINE;
	e.pid = has_task ? (int32_t)rng_below(rng, 300) + 1 : 0;
	e.task = has_task ? 0xffff888000000000 + (uint64_t)e.pid * 4096 : 0;
	if (e.kind == SCHEDULE_SWITCH && rng_below(rng, 2)) {
		e.next_pid = e.pid + 1;
		e.next = e.task + 4096;
	}
	if (e.kind == SCHEDULE_ENQUEUE || e.kind == SCHEDULE_SWITCH) {
		e.group = rng_below(rng, 3);
		e.allowed_words = (uint8_t)rng_below(rng, SCHEDULE_WORDS + 1);
		for (unsigned i = 0; i < e.allowed_words; i++)
			e.allowed[i] = rng_next(rng) >> rng_below(rng, 64);
	}
	e.clock_ns = rng_below(rng, 10) ? 0 : rng_next(rng);
	e.reason = (uint8_t)rng_below(rng, SCHEDULE_REASON_COUNT);
	e.leaving = (uint8_t)rng_below(rng, SCHEDULE_DEAD + 1);
	e.task_class = (uint8_t)rng_below(rng, SCHEDULE_CLASS_COUNT);
	return e;
}

static void describe(const struct schedule_log *l, const char *more, char *out, size_t size)
{
	snprintf(out, size,
		 "{\"schema\":{\"name\":\"ktstr.schedule\",\"version\":1},\"test\":\"t\",\"cpus\":%d,\"events\":%lu%s}",
		 CPUS, schedule_log_events(l), more);
}

static void same(const struct schedule_event *a, const struct schedule_event *b)
{
	ck_assert_uint_eq(a->time_ns, b->time_ns);
	ck_assert_uint_eq(a->kind, b->kind);
	ck_assert_uint_eq(a->cpu, b->cpu);
	ck_assert_uint_eq(a->task, b->task);
	ck_assert_int_eq(a->pid, b->pid);
	ck_assert_uint_eq(a->next, b->next);
	ck_assert_int_eq(a->next_pid, b->next_pid);
	ck_assert_uint_eq(a->group, b->group);
	ck_assert_uint_eq(a->clock_ns, b->clock_ns);
	ck_assert_uint_eq(a->reason << 16 | a->leaving << 8 | a->task_class,
			  b->reason << 16 | b->leaving << 8 | b->task_class);
	ck_assert_uint_eq(a->allowed_words, b->allowed_words);
	ck_assert(!memcmp(a->allowed, b->allowed, sizeof(a->allowed)));
}

/* Reads all events, which are those that the generator with @seed makes after the first @skip. */
static void check_events(struct schedule_log_reader *r, uint64_t seed, uint64_t skip, uint64_t count)
{
	struct rng rng = { seed };
	struct schedule_event e;
	uint64_t time = 1000000;
	for (uint64_t i = 0; i < skip; i++)
		random_event(&rng, &time);
	for (uint64_t i = 0; i < count; i++) {
		const struct schedule_event want = random_event(&rng, &time);
		ck_assert_int_eq(schedule_log_next(r, &e, NULL), 1);
		same(&want, &e);
	}
	ck_assert_int_eq(schedule_log_next(r, &e, NULL), 0);
}

static struct schedule_log *make_log(uint64_t seed, uint64_t count, size_t bytes)
{
	struct rng rng = { seed };
	uint64_t time = 1000000;
	struct schedule_log *l = schedule_log_new(bytes);
	ck_assert_ptr_nonnull(l);
	for (uint64_t i = 0; i < count; i++) {
		const struct schedule_event e = random_event(&rng, &time);
		schedule_log_add(l, &e);
	}
	return l;
}

START_TEST(events_come_back_as_they_were)
{
	struct schedule_log *l = make_log(7, 50000, 0);
	struct schedule_log_reader *r;
	char about[256];
	describe(l, "", about, sizeof(about));
	ck_assert_uint_eq(schedule_log_events(l), 50000);
	t_ok(schedule_log_open_memory(l, about, &r, NULL));
	check_events(r, 7, 0, 50000);
	schedule_log_close(r);
	schedule_log_free(l);
}
END_TEST

START_TEST(old_blocks_are_dropped)
{
	struct schedule_log *l = make_log(8, 200000, 2 * SCHEDULE_LOG_BLOCK);
	struct schedule_log_reader *r;
	char about[256];
	uint64_t kept = schedule_log_events(l), dropped = schedule_log_dropped(l);
	ck_assert_uint_eq(kept + dropped, 200000);
	ck_assert_uint_gt(kept, 1000);
	ck_assert_uint_gt(dropped, 1000);
	describe(l, "", about, sizeof(about));
	t_ok(schedule_log_open_memory(l, about, &r, NULL));
	check_events(r, 8, dropped, kept);
	schedule_log_close(r);
	schedule_log_free(l);
}
END_TEST

static int write_file(const struct schedule_log *l, const char *about)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	struct zstd_writer *w;
	struct buf head = BUF_NULL;
	const void *piece;
	size_t len;
	t_ok(zstd_writer_open(fd, &w, NULL));
	for (size_t i = 0; (len = schedule_log_piece(l, about, i, &head, &piece)); i++)
		t_ok(zstd_writer_put(w, piece, len, NULL));
	t_ok(zstd_writer_end(w, NULL));
	zstd_writer_free(w);
	buf_done(&head);
	lseek(fd, 0, SEEK_SET);
	return fd;
}

START_TEST(a_file_is_the_same_and_its_damage_is_noticed)
{
	struct schedule_log *l = make_log(9, 20000, 0);
	struct schedule_log_reader *r = NULL;
	struct schedule_event e;
	struct err *err = NULL;
	char about[256], byte;
	int code;
	describe(l, "", about, sizeof(about));
	int fd = write_file(l, about);
	t_ok(schedule_log_open_fd(fd, &r, NULL));
	check_events(r, 9, 0, 20000);
	schedule_log_close(r);
	off_t size = lseek(fd, 0, SEEK_END);
	ck_assert_int_eq(pread(fd, &byte, 1, size / 2), 1);
	byte ^= 0x55;
	ck_assert_int_eq(pwrite(fd, &byte, 1, size / 2), 1);
	lseek(fd, 0, SEEK_SET);
	code = schedule_log_open_fd(fd, &r, &err);
	while (code >= 0 && (code = schedule_log_next(r, &e, &err)) > 0)
		;
	ck_assert_int_eq(code, -EBADMSG);
	t_err_contains(&err, "damaged");
	schedule_log_close(r);
	t_ok(ftruncate(fd, size / 2));
	lseek(fd, 0, SEEK_SET);
	code = schedule_log_open_fd(fd, &r, NULL);
	while (code >= 0 && (code = schedule_log_next(r, &e, &err)) > 0)
		;
	ck_assert_int_lt(code, 0);
	err = err_free(err);
	schedule_log_close(r);
	close(fd);
	schedule_log_free(l);
}
END_TEST

START_TEST(wrong_descriptions_are_refused)
{
	static const struct {
		const char *about, *why;
	} rows[] = {
		{ "{", "not JSON" },
		{ "{}", "not that of a schedule" },
		{ "{\"schema\":{\"name\":\"ktstr.schedule\",\"version\":2}}", "version 2" },
		{ "{\"schema\":{\"name\":\"ktstr.schedule\",\"version\":1},\"test\":\"t\"}", "lacks 'cpus'" },
		{ "{\"schema\":{\"name\":\"ktstr.schedule\",\"version\":1},\"cpus\":4}", "lacks 'test'" },
		{ "{\"schema\":{\"name\":\"ktstr.schedule\",\"version\":1},\"test\":\"t\",\"cpus\":513}", "'cpus'" },
		{ "{\"schema\":{\"name\":\"ktstr.schedule\",\"version\":1},\"test\":\"a\\n\",\"cpus\":4}", "'test'" },
		{ "{\"schema\":{\"name\":\"ktstr.schedule\",\"version\":1},\"test\":\"t\",\"cpus\":4,\"tasks\":[{}]}",
		  NULL },
		{ "{\"schema\":{\"name\":\"ktstr.schedule\",\"version\":1},\"test\":\"t\",\"cpus\":4,\"tasks\":7}",
		  "'tasks'" },
	};
	struct schedule_log *l = schedule_log_new(0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct schedule_log_reader *r;
		struct err *err = NULL;
		int code = schedule_log_open_memory(l, rows[i].about, &r, &err);
		ck_assert_int_eq(code, rows[i].why ? -EBADMSG : 0);
		if (rows[i].why)
			t_err_contains(&err, rows[i].why);
		else
			schedule_log_close(r);
	}
	schedule_log_free(l);
}
END_TEST

/* --- an excerpt --------------------------------------------------------------------------------------------------- */

#define A 0xa000u
#define B 0xb000u
#define C 0xc000u

static void add(struct schedule_log *l, struct schedule_event e)
{
	e.pid = (int32_t)(e.task >> 12);
	e.next_pid = (int32_t)(e.next >> 12);
	e.time_ns *= 1000000;
	schedule_log_add(l, &e);
}

/* B waits from 30 to 90 ms, while A runs on CPU 0 and CPU 1 is idle for 40 ms of it. */
static struct schedule_log *make_wait(void)
{
	struct schedule_log *l = schedule_log_new(0);
	add(l, (struct schedule_event){ .kind = SCHEDULE_DEQUEUE, .time_ns = 10, .cpu = 1, .task = B });
	add(l, (struct schedule_event){ .kind = SCHEDULE_SWITCH, .time_ns = 10, .cpu = 1, .task = B });
	add(l, (struct schedule_event){ .kind = SCHEDULE_SWITCH, .time_ns = 20, .next = A });
	add(l, (struct schedule_event){ .kind = SCHEDULE_WAKE, .time_ns = 30, .task = B });
	add(l, (struct schedule_event){ .kind = SCHEDULE_ENQUEUE, .time_ns = 30, .task = B });
	add(l, (struct schedule_event){ .kind = SCHEDULE_SWITCH, .time_ns = 70, .cpu = 1, .next = C });
	add(l, (struct schedule_event){ .kind = SCHEDULE_SWITCH, .time_ns = 90, .task = A, .next = B });
	return l;
}

START_TEST(an_excerpt_says_who_waited_and_what_the_cpus_did)
{
	static const char *const wanted[] = {
		"from 30.000 to 90.000 ms after the guest's start (60 ms, from 0.030000 s of guest time), the CPUs did "
		"this:\n",
		"  CPU 0: a[10] 100 %\n",
		"  CPU 1: idle 67 %, task 12 33 %\n",
		"  CPU 2: not known\n",
		"CPU 2: no steps are recorded\n",
		"30.000 ms  ==> here it begins\n",
		"30.000 ms  task 11 of 'crowd' is ready to run here after a sleep of 20 ms, woken while a[10] ran\n",
		"90.000 ms  a[10] is preempted after 70 ms; now task 11 of 'crowd' runs, which waited for 60 ms, woken "
		"while a[10] ran\n",
	};
	struct schedule_log *l = make_wait();
	struct schedule_log_reader *r;
	struct excerpt *x;
	struct buf text = BUF_NULL;
	char about[512];
	describe(l,
		 ",\"failure\":{\"from_ns\":30000000,\"to_ns\":90000000},"
		 "\"tasks\":[{\"pid\":11,\"cgroup\":\"crowd\"},{\"pid\":10,\"name\":\"a\"}]",
		 about, sizeof(about));
	t_ok(schedule_log_open_memory(l, about, &r, NULL));
	const struct excerpt_config config = { .moment = schedule_log_about(r)->failure, .lines = 20, .cpu = -1 };
	t_ok(excerpt_read(r, &config, &x, NULL));
	excerpt_text(x, schedule_log_about(r), "", &text);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		ck_assert_msg(strstr(buf_str(&text), wanted[i]) != NULL, "lacks '%s':\n%s", wanted[i], buf_str(&text));
	excerpt_free(x);
	schedule_log_close(r);
	buf_done(&text);
	schedule_log_free(l);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, events_come_back_as_they_were);
	tcase_add_test(tc, old_blocks_are_dropped);
	tcase_add_test(tc, a_file_is_the_same_and_its_damage_is_noticed);
	tcase_add_test(tc, wrong_descriptions_are_refused);
	tcase_add_test(tc, an_excerpt_says_who_waited_and_what_the_cpus_did);
}

int main(void)
{
	return t_main("schedule_log", fill);
}
