/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The reader of event rings, with any content that a producer leaves in the shared memory at any time. The input is a
 * list of steps: four 16-bit words (the action, the place in the ring, how far the position moves in words of 8 bytes,
 * the number of bytes that follow), then bytes for the ring. After each step the reader reads for as long as there is
 * something.
 */
#include "base/bug.h"
#include "fuzz.h"
#include "reactor/shmring.h"
#include "vmm/kvm/events.h"

#define CAPACITY SHMRING_CAPACITY_MIN

enum { DO_ODD_TAIL = 1, DO_HUGE_TAIL = 2, DO_DROPS = 4, DO_HEAD = 8, DO_FINISH = 16, DO_ARM = 32 };

struct step {
	uint16_t what, where, words, bytes;
};

static struct {
	struct shmring_front front;
	struct shmring_shared shared;
	uint8_t rest[4096 - sizeof(struct shmring_front) - sizeof(struct shmring_shared)];
	uint8_t data[CAPACITY];
} memory __attribute__((aligned(4096)));
static struct shmring_batch batch;
static struct vm_tally_state tally;

/* Checks the guarantees of a batch, and that the position moves by exactly the published amount. */
static void drain(struct shmring_reader *r)
{
	uint64_t began = r->head, records = r->records;
	for (int n; (n = shmring_pop(r, &batch, NULL)) > 0;) {
		struct shmring_item item;
		int walked = 0;
		for (size_t at = 0; shmring_next(&batch, &at, &item); walked++) {
			const uint8_t *payload = item.payload;
			REQUIRE(item.type && item.length <= SHMRING_PAYLOAD_MAX && at <= sizeof(batch.bytes));
			REQUIRE(payload >= batch.bytes && payload + item.length <= batch.bytes + batch.len);
			/* Checks the totals of a machine's rings, whoever wrote them. */
			vm_tally_record(&tally, 2, &item);
		}
		REQUIRE(walked == n && r->head - began <= CAPACITY);
		records += (uint64_t)n;
	}
	REQUIRE(r->records == records && r->head <= r->tail && r->tail - r->head <= CAPACITY);
}

static void apply(const struct step *s, const uint8_t *bytes, struct shmring_reader *r, struct shmring_area *area)
{
	struct shmring_shared *shared = &memory.shared;
	for (uint16_t i = 0; i < s->bytes; i++)
		memory.data[(s->where + i) % CAPACITY] = bytes[i];
	uint64_t tail = shared->tail + s->words * 8u;
	tail += s->what & DO_ODD_TAIL ? 4 : 0;
	shared->tail = s->what & DO_HUGE_TAIL ? tail << 48 : tail;
	shared->dropped += s->what & DO_DROPS ? s->where - 2000u : 0;
	if (s->what & DO_HEAD)
		shared->head = s->where;
	if (s->what & DO_ARM)
		shmring_arm(area, r, 1);
	if (s->what & DO_FINISH)
		shmring_reader_finish(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct shmring_area area = { .front = &memory.front,
				     .size = sizeof(memory),
				     .rings = 1,
				     .capacity = CAPACITY,
				     .fd = -1,
				     .doorbell = -1 };
	struct shmring_reader r;
	struct step s;
	memset(&memory, 0, sizeof(memory));
	shmring_reader_init(&r, &area, 0);
	REQUIRE(r.data == memory.data);
	while (size >= sizeof(s)) {
		memcpy(&s, data, sizeof(s));
		data += sizeof(s);
		size -= sizeof(s);
		s.bytes = (uint16_t)(s.bytes < size ? s.bytes : size);
		apply(&s, data, &r, &area);
		data += s.bytes;
		size -= s.bytes;
		drain(&r);
	}
	return 0;
}
