/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Event rings: records that go in come out, dropped records are counted, and the reader survives any content of the
 * ring.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/rng.h"
#include "reactor/shmpump.h"
#include "t.h"

#define SMALL SHMRING_CAPACITY_MIN

static struct shmring_area area;
static struct shmring_writer w;
static struct shmring_reader r;
static struct shmring_batch batch;

static void begin(uint32_t rings, uint32_t capacity)
{
	t_ok(shmring_area_new(rings, capacity, &area, NULL));
	shmring_writer_init(&w, &area, 0);
	shmring_reader_init(&r, &area, 0);
}

static void end(void)
{
	shmring_area_done(&area);
}

/* A payload that is determined by its length and number. */
static void fill(uint8_t *out, uint64_t number, uint16_t length)
{
	struct rng rng = { number * 65536 + length };
	for (uint16_t i = 0; i < length; i++)
		out[i] = (uint8_t)rng_next(&rng);
}

static bool put(uint64_t number, uint16_t length)
{
	uint8_t payload[SHMRING_PAYLOAD_MAX];
	fill(payload, number, length);
	return shmring_put(&w, (uint16_t)(1 + number % 1000), payload, length);
}

static void check_item(const struct shmring_item *item, uint64_t number, uint16_t length)
{
	uint8_t payload[SHMRING_PAYLOAD_MAX];
	fill(payload, number, length);
	ck_assert_uint_eq(item->type, 1 + number % 1000);
	ck_assert_uint_eq(item->length, length);
	ck_assert_mem_eq(item->payload, payload, length);
}

static struct shmring_item pop_one(void)
{
	struct shmring_item item = { 0 };
	size_t at = 0;
	ck_assert_int_eq(shmring_pop(&r, &batch, NULL), 1);
	ck_assert(shmring_next(&batch, &at, &item));
	return item;
}

static unsigned rung(void)
{
	uint64_t count = 0;
	struct pollfd p = { .fd = area.doorbell, .events = POLLIN };
	if (poll(&p, 1, 0) == 1)
		t_ok(fd_read_full(area.doorbell, &count, sizeof(count)));
	return (unsigned)count;
}

/* --- in and out --------------------------------------------------------------------------------------------------- */

START_TEST(every_length_comes_back)
{
	begin(1, SMALL);
	for (uint16_t length = 0; length <= SHMRING_PAYLOAD_MAX; length++) {
		ck_assert(put(length, length));
		struct shmring_item item = pop_one();
		check_item(&item, length, length);
	}
	ck_assert_int_eq(shmring_pop(&r, &batch, NULL), 0);
	ck_assert_uint_eq(r.records, SHMRING_PAYLOAD_MAX + 1);
	end();
}
END_TEST

/* Thousands of laps; the ring is sometimes full, sometimes empty; both sides draw the lengths from one seed. */
START_TEST(wrapping_loses_and_changes_nothing)
{
	struct rng in = { 1 }, out = { 1 }, dice = { 2 };
	uint64_t wrote = 0, got = 0;
	begin(1, SMALL);
	while (got < 50000) {
		for (uint64_t n = rng_below(&dice, 100); n--;) {
			struct rng peek = in;
			uint16_t length = (uint16_t)rng_below(&peek, SHMRING_PAYLOAD_MAX + 1);
			if (!shmring_has_room(&w, length))
				break;
			ck_assert(put(wrote++, length));
			in = peek;
		}
		int count = shmring_pop(&r, &batch, NULL);
		struct shmring_item item;
		size_t at = 0;
		for (int i = 0; i < count; i++) {
			ck_assert(shmring_next(&batch, &at, &item));
			check_item(&item, got++, (uint16_t)rng_below(&out, SHMRING_PAYLOAD_MAX + 1));
			ck_assert_uint_eq(item.lost, 0);
		}
		ck_assert(!shmring_next(&batch, &at, &item));
	}
	ck_assert_uint_eq(w.dropped, 0);
	end();
}
END_TEST

START_TEST(a_batch_ends_at_a_whole_record)
{
	begin(1, 1u << 16);
	unsigned all = 0;
	while (put(all, 1000))
		all++;
	ck_assert_uint_gt(all * 1008, 2 * SHMRING_BATCH_BYTES);
	unsigned got = 0;
	for (int n; (n = shmring_pop(&r, &batch, NULL)) != 0;) {
		struct shmring_item item;
		t_ok(n);
		for (size_t at = 0; shmring_next(&batch, &at, &item);)
			check_item(&item, got++, 1000);
	}
	ck_assert_uint_eq(got, all);
	end();
}
END_TEST

START_TEST(staged_is_not_yet_published)
{
	begin(1, SMALL);
	ck_assert(shmring_stage(&w, 1, "abcdefgh", 8));
	ck_assert(shmring_stage(&w, 2, NULL, 0));
	ck_assert_int_eq(shmring_pop(&r, &batch, NULL), 0);
	shmring_publish(&w);
	ck_assert_int_eq(shmring_pop(&r, &batch, NULL), 2);
	end();
}
END_TEST

/* --- full --------------------------------------------------------------------------------------------------------- */

START_TEST(the_last_byte_is_used_and_then_drops_are_counted)
{
	begin(1, SMALL);
	for (unsigned i = 0; i < SMALL / 16; i++)
		ck_assert(put(i, 8));
	ck_assert(!shmring_has_room(&w, 0));
	for (unsigned i = 0; i < 5; i++)
		ck_assert(!put(999, 8));
	ck_assert_uint_eq(w.dropped, 5);
	ck_assert_int_eq(shmring_pop(&r, &batch, NULL), SMALL / 16);
	ck_assert_uint_eq(r.dropped, 5);
	/* The next record reports the gap. */
	ck_assert(put(7, 8));
	ck_assert(put(8, 8));
	ck_assert_int_eq(shmring_pop(&r, &batch, NULL), 2);
	struct shmring_item item;
	size_t at = 0;
	ck_assert(shmring_next(&batch, &at, &item));
	ck_assert_uint_eq(item.lost, 5);
	ck_assert(shmring_next(&batch, &at, &item));
	ck_assert_uint_eq(item.lost, 0);
	end();
}
END_TEST

START_TEST(a_dropped_record_does_not_stop_a_smaller_one)
{
	begin(1, SMALL);
	while (put(0, 1000))
		;
	ck_assert(put(1, 0));
	ck_assert_uint_eq(w.dropped, 1);
	end();
}
END_TEST

/* --- the doorbell ------------------------------------------------------------------------------------------------- */

START_TEST(the_bell_rings_once_and_only_for_a_sleeper)
{
	begin(1, SMALL);
	put(0, 8);
	ck_assert_uint_eq(rung(), 0);
	ck_assert(!shmring_arm(&area, &r, 1));
	put(1, 8);
	ck_assert_uint_eq(rung(), 0);
	ck_assert_int_eq(shmring_pop(&r, &batch, NULL), 2);
	ck_assert(shmring_arm(&area, &r, 1));
	put(2, 8);
	put(3, 8);
	ck_assert_uint_eq(rung(), 1);
	end();
}
END_TEST

/* A writer may let records gather. The reader has them if it looks, and is woken later. */
START_TEST(records_may_gather_before_the_bell)
{
	uint64_t payload = 7;
	begin(1, SMALL);
	ck_assert(shmring_arm(&area, &r, 1));
	for (unsigned i = 0; i < 3; i++) {
		ck_assert(shmring_stage(&w, 1, &payload, sizeof(payload)));
		shmring_publish_quietly(&w);
	}
	ck_assert_uint_eq(rung(), 0);
	shmring_wake_reader(&w);
	shmring_wake_reader(&w);
	ck_assert_uint_eq(rung(), 1);
	ck_assert_int_eq(shmring_pop(&r, &batch, NULL), 3);
	end();
}
END_TEST

START_TEST(rings_share_one_bell)
{
	struct shmring_reader readers[3];
	struct shmring_writer other;
	begin(3, SMALL);
	shmring_writer_init(&other, &area, 2);
	for (uint32_t i = 0; i < 3; i++)
		shmring_reader_init(&readers[i], &area, i);
	ck_assert(shmring_arm(&area, readers, 3));
	ck_assert(shmring_put(&other, 1, NULL, 0));
	put(0, 8);
	ck_assert_uint_eq(rung(), 1);
	ck_assert(!shmring_arm(&area, readers, 3));
	ck_assert_int_eq(shmring_pop(&readers[0], &batch, NULL), 1);
	ck_assert(!shmring_arm(&area, readers, 3));
	ck_assert_int_eq(shmring_pop(&readers[2], &batch, NULL), 1);
	ck_assert(shmring_arm(&area, readers, 3));
	end();
}
END_TEST

/* --- hostile producers -------------------------------------------------------------------------------------------- */

static void expect_damage(const char *text)
{
	struct err *err = NULL;
	t_errno(shmring_pop(&r, &batch, &err), EBADMSG);
	t_err_contains(&err, text);
	ck_assert(r.damaged);
	/* The ring stays broken, even if the producer repairs the data. */
	atomic_store(&w.shared->tail, r.head);
	t_errno(shmring_pop(&r, &batch, NULL), EBADMSG);
	end();
}

static void begin_with(uint64_t tail, struct shmring_record header)
{
	begin(1, SMALL);
	memcpy(w.data, &header, sizeof(header));
	atomic_store(&w.shared->tail, tail);
}

START_TEST(a_position_too_far)
{
	begin_with(SMALL + 8, (struct shmring_record){ 0 });
	expect_damage("its position is impossible");
}
END_TEST

START_TEST(a_position_far_behind)
{
	begin(1, SMALL);
	put(0, 8);
	pop_one();
	atomic_store(&w.shared->tail, 8);
	expect_damage("after 1 records: its position is impossible");
}
END_TEST

START_TEST(a_position_between_words)
{
	begin_with(12, (struct shmring_record){ .type = 1 });
	expect_damage("its position is impossible");
}
END_TEST

START_TEST(a_record_too_long)
{
	begin_with(SMALL, (struct shmring_record){ .type = 1, .length = SHMRING_PAYLOAD_MAX + 1 });
	expect_damage("too long");
	begin_with(SMALL, (struct shmring_record){ .type = 1, .length = UINT16_MAX });
	expect_damage("too long");
}
END_TEST

START_TEST(a_record_beyond_the_position)
{
	begin_with(16, (struct shmring_record){ .type = 1, .length = 16 });
	expect_damage("cut short");
}
END_TEST

START_TEST(a_record_beyond_the_end)
{
	begin(1, SMALL);
	for (unsigned i = 0; i < SMALL / 16 - 1; i++)
		put(i, 8);
	ck_assert_int_eq(shmring_pop(&r, &batch, NULL), SMALL / 16 - 1);
	struct shmring_record header = { .type = 1, .length = 16 };
	memcpy(w.data + SMALL - 16, &header, sizeof(header));
	atomic_store(&w.shared->tail, SMALL + 64);
	expect_damage("cut short");
}
END_TEST

START_TEST(padding_where_none_belongs)
{
	begin_with(64, (struct shmring_record){ .type = 0, .length = 8 });
	expect_damage("padding between records");
}
END_TEST

START_TEST(drops_taken_back)
{
	begin(1, SMALL);
	atomic_store(&w.shared->dropped, 5);
	ck_assert_int_eq(shmring_pop(&r, &batch, NULL), 0);
	ck_assert_uint_eq(r.dropped, 5);
	atomic_store(&w.shared->dropped, 4);
	expect_damage("count of drops decreases");
}
END_TEST

START_TEST(good_records_in_front_of_damage_are_kept)
{
	struct shmring_record header = { .type = 1, .length = UINT16_MAX };
	begin(1, SMALL);
	put(0, 8);
	put(1, 8);
	memcpy(w.data + 32, &header, sizeof(header));
	atomic_store(&w.shared->tail, 64);
	ck_assert_int_eq(shmring_pop(&r, &batch, NULL), 2);
	expect_damage("after 2 records: a record is too long");
}
END_TEST

START_TEST(the_shared_copy_of_our_position_is_nothing_to_us)
{
	begin(1, SMALL);
	put(0, 8);
	atomic_store(&w.shared->head, UINT64_MAX);
	pop_one();
	atomic_store(&w.shared->head, 12345);
	put(1, 8);
	struct shmring_item item = pop_one();
	check_item(&item, 1, 8);
	end();
}
END_TEST

/* A writer that accepted an impossible position would overwrite unread records. */
START_TEST(an_impossible_read_position_means_full)
{
	begin(1, SMALL);
	while (put(0, 8))
		;
	atomic_store(&w.shared->head, w.tail + 4096);
	ck_assert(!put(1, 8));
	atomic_store(&w.shared->head, 0);
	ck_assert_int_eq(shmring_pop(&r, &batch, NULL), SMALL / 16);
	end();
}
END_TEST

START_TEST(the_file_cannot_be_shrunk)
{
	begin(1, SMALL);
	ck_assert_int_eq(ftruncate(area.fd, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(area.fd, 1 << 20), -1);
	ck_assert_int_eq(fcntl(area.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	end();
}
END_TEST

/* --- attaching ---------------------------------------------------------------------------------------------------- */

static void refuse(uint64_t size, const void *front, size_t len)
{
	struct shmring_area other;
	struct err *err = NULL;
	_cleanup_close_ int fd = memfd_new("ktstr-test", size);
	t_ok(fd_pwrite_full(fd, front, len, 0));
	t_errno(shmring_area_attach(fd, -1, &other, &err), EBADMSG);
	t_err_contains(&err, "no event rings");
}

START_TEST(other_files_are_refused)
{
	begin(2, SMALL);
	uint64_t size = area.size;
	struct shmring_front good = {
		.magic = SHMRING_MAGIC, .version = SHMRING_VERSION, .rings = 2, .capacity = SMALL
	};
	struct shmring_front bad[] = { good, good, good, good, good, good };
	bad[0].magic++;
	bad[1].version++;
	bad[2].rings = 0;
	bad[3].rings = 3000;
	bad[4].capacity = SMALL + 8;
	bad[5].capacity = 2 * SMALL;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		refuse(size, &bad[i], sizeof(bad[i]));
	refuse(size - SMALL, &good, sizeof(good));
	refuse(0, "", 0);
	refuse(100, "", 1);
	end();
}
END_TEST

/* --- two processes ------------------------------------------------------------------------------------------------ */

static pid_t start_writer(uint64_t records)
{
	pid_t pid = fork();
	if (pid)
		return pid;
	struct shmring_area mine;
	if (shmring_area_attach(dup(area.fd), dup(area.doorbell), &mine, NULL) < 0)
		_exit(1);
	shmring_writer_init(&w, &mine, 0);
	for (uint64_t n = 0; n < records; n++) {
		while (!shmring_has_room(&w, (uint16_t)(n % 100)))
			sched_yield();
		put(n, (uint16_t)(n % 100));
	}
	shmring_area_done(&mine);
	_exit(0);
}

START_TEST(another_process_writes)
{
	const uint64_t all = 20000;
	uint64_t got = 0;
	begin(1, SMALL);
	pid_t pid = start_writer(all);
	while (got < all) {
		struct shmring_item item;
		uint64_t count;
		t_ok(shmring_pop(&r, &batch, NULL));
		for (size_t at = 0; shmring_next(&batch, &at, &item); got++)
			check_item(&item, got, (uint16_t)(got % 100));
		if (got < all && !batch.records && shmring_arm(&area, &r, 1))
			t_ok(fd_read_full(area.doorbell, &count, sizeof(count)));
	}
	int status = 1;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	end();
}
END_TEST

START_TEST(what_a_killed_process_wrote_is_whole)
{
	uint64_t got = 0;
	begin(1, SMALL);
	pid_t pid = start_writer(UINT64_MAX);
	for (int n = 0; got < 1000 || n;) {
		struct shmring_item item;
		n = shmring_pop(&r, &batch, NULL);
		t_ok(n);
		for (size_t at = 0; shmring_next(&batch, &at, &item); got++)
			check_item(&item, got, (uint16_t)(got % 100));
		if (got < 1000 || r.last)
			continue;
		ck_assert_int_eq(kill(pid, SIGKILL), 0);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		shmring_reader_finish(&r);
		n = 1;
	}
	ck_assert_uint_eq(r.records, got);
	end();
}
END_TEST

START_TEST(finish_is_the_end_whatever_comes_later)
{
	begin(1, SMALL);
	put(0, 8);
	shmring_reader_finish(&r);
	put(1, 8);
	pop_one();
	ck_assert_int_eq(shmring_pop(&r, &batch, NULL), 0);
	ck_assert(shmring_arm(&area, &r, 1));
	end();
}
END_TEST

static void fill_case(TCase *tc)
{
	tcase_add_test(tc, every_length_comes_back);
	tcase_add_test(tc, wrapping_loses_and_changes_nothing);
	tcase_add_test(tc, a_batch_ends_at_a_whole_record);
	tcase_add_test(tc, staged_is_not_yet_published);
	tcase_add_test(tc, the_last_byte_is_used_and_then_drops_are_counted);
	tcase_add_test(tc, a_dropped_record_does_not_stop_a_smaller_one);
	tcase_add_test(tc, the_bell_rings_once_and_only_for_a_sleeper);
	tcase_add_test(tc, records_may_gather_before_the_bell);
	tcase_add_test(tc, rings_share_one_bell);
	tcase_add_test(tc, a_position_too_far);
	tcase_add_test(tc, a_position_far_behind);
	tcase_add_test(tc, a_position_between_words);
	tcase_add_test(tc, a_record_too_long);
	tcase_add_test(tc, a_record_beyond_the_position);
	tcase_add_test(tc, a_record_beyond_the_end);
	tcase_add_test(tc, padding_where_none_belongs);
	tcase_add_test(tc, drops_taken_back);
	tcase_add_test(tc, good_records_in_front_of_damage_are_kept);
	tcase_add_test(tc, the_shared_copy_of_our_position_is_nothing_to_us);
	tcase_add_test(tc, an_impossible_read_position_means_full);
	tcase_add_test(tc, the_file_cannot_be_shrunk);
	tcase_add_test(tc, other_files_are_refused);
	tcase_add_test(tc, another_process_writes);
	tcase_add_test(tc, what_a_killed_process_wrote_is_whole);
	tcase_add_test(tc, finish_is_the_end_whatever_comes_later);
}

int main(void)
{
	return t_main("shmring", fill_case);
}
