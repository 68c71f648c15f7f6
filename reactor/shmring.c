/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * shmring.c -- see shmring.h.
 *
 * Memory ordering:
 *
 *  - Bytes before position. The producer writes a record and then stores `tail`; the consumer loads `tail` (acquire)
 *    and then copies. So a position that covers a record covers its bytes.
 *  - Copy before space. The consumer copies and then stores `head` (release); the producer loads `head` (acquire)
 *    before it overwrites the freed bytes.
 *  - No lost wake-up. The producer stores `tail` and then loads `armed`; the consumer stores `armed` and then loads
 *    `tail`. All four accesses are sequentially consistent, so at least one side sees the other's store: the producer
 *    rings the doorbell, or the consumer finds the record and does not sleep. A weaker store could pass the load after
 *    it on any processor with a store buffer. This store is the only costly instruction of publishing; staging several
 *    records before it costs it once.
 *
 * All other data is private to one side. Each side keeps a copy of the other's position and reads the shared one only
 * when the copy says "full" or "empty", so in a stream a cache line moves once in many records.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/bug.h"
#include "reactor/shmring.h"

#define PAGE_BYTES 4096u
#define PADDING	   0u

static size_t data_offset(uint32_t rings)
{
	size_t front = sizeof(struct shmring_front) + rings * sizeof(struct shmring_shared);
	return (front + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1);
}

static size_t area_size(uint32_t rings, uint32_t capacity)
{
	return data_offset(rings) + (size_t)rings * capacity;
}

static bool is_geometry(uint32_t rings, uint32_t capacity)
{
	return rings >= 1 && rings <= SHMRING_RINGS_MAX && capacity >= SHMRING_CAPACITY_MIN &&
	       capacity <= SHMRING_CAPACITY_MAX && (capacity & (capacity - 1)) == 0;
}

static struct shmring_shared *shared_of(const struct shmring_area *a, uint32_t ring)
{
	REQUIRE(a->front && ring < a->rings);
	return (struct shmring_shared *)(void *)(a->front + 1) + ring;
}

static uint8_t *data_of(const struct shmring_area *a, uint32_t ring)
{
	return (uint8_t *)a->front + data_offset(a->rings) + (size_t)ring * a->capacity;
}

static uint32_t stride_of(uint32_t length)
{
	return (uint32_t)sizeof(struct shmring_record) + ((length + 7) & ~7u);
}

/* --- the area ----------------------------------------------------------------------------------------------------- */

static int map_area(struct shmring_area *a, struct err **err)
{
	void *p = mmap(NULL, a->size, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, 0);
	if (p == MAP_FAILED)
		return FAIL_SYS(err, -errno, "map %zu bytes of event rings", a->size);
	a->front = p;
	return 0;
}

/* Sealed: if the other process could shrink the file, our accesses would be a SIGBUS. */
static int make_file(size_t size)
{
	_cleanup_close_ int fd = memfd_create("ktstr-rings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int shmring_area_new(uint32_t rings, uint32_t capacity, struct shmring_area *ret, struct err **err)
{
	REQUIRE(is_geometry(rings, capacity));
	struct shmring_area a = { .size = area_size(rings, capacity), .rings = rings, .capacity = capacity };
	a.doorbell = eventfd(0, EFD_CLOEXEC);
	int r = a.doorbell < 0 ? -errno : 0;
	a.fd = make_file(a.size);
	if (r == 0 && a.fd < 0)
		r = a.fd;
	if (r < 0)
		FAIL_SYS(err, r, "make %u event rings of %u bytes", rings, capacity);
	else
		r = map_area(&a, err);
	if (r < 0) {
		shmring_area_done(&a);
		return r;
	}
	a.front->version = SHMRING_VERSION;
	a.front->rings = rings;
	a.front->capacity = capacity;
	a.front->magic = SHMRING_MAGIC;
	*ret = a;
	return 0;
}

static int check_front(struct shmring_area *a, struct err **err)
{
	const struct shmring_front *f = a->front;
	if (f->magic != SHMRING_MAGIC || f->version != SHMRING_VERSION || !is_geometry(f->rings, f->capacity) ||
	    area_size(f->rings, f->capacity) != a->size)
		return FAIL(err, ERR_DATA, -EBADMSG, "the file of %zu bytes holds no event rings of version %u",
			    a->size, SHMRING_VERSION);
	a->rings = f->rings;
	a->capacity = f->capacity;
	return 0;
}

int shmring_area_attach(int fd, int doorbell, struct shmring_area *ret, struct err **err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return FAIL_SYS(err, -errno, "look at the event rings, descriptor %d", fd);
	struct shmring_area a = { .fd = fd, .doorbell = doorbell, .size = (size_t)st.st_size };
	if (a.size < sizeof(*a.front))
		return FAIL(err, ERR_DATA, -EBADMSG, "the file of %zu bytes holds no event rings", a.size);
	int r = map_area(&a, err);
	if (r < 0)
		return r;
	r = check_front(&a, err);
	if (r < 0) {
		munmap(a.front, a.size);
		return r;
	}
	*ret = a;
	return 0;
}

void shmring_area_done(struct shmring_area *a)
{
	if (a->front)
		munmap(a->front, a->size);
	fd_close(a->fd);
	fd_close(a->doorbell);
	*a = SHMRING_AREA_NULL;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

void shmring_writer_init(struct shmring_writer *w, const struct shmring_area *a, uint32_t ring)
{
	*w = (struct shmring_writer){ .shared = shared_of(a, ring),
				      .front = a->front,
				      .data = data_of(a, ring),
				      .capacity = a->capacity,
				      .doorbell = a->doorbell };
}

static bool fits_record(const struct shmring_writer *w, uint32_t bytes)
{
	uint64_t used = w->tail - w->head;
	return used <= w->capacity && bytes <= w->capacity - used;
}

/* Returns the padding in front of a record of @need bytes. */
static uint32_t padding_before(const struct shmring_writer *w, uint32_t need)
{
	uint32_t to_end = w->capacity - (uint32_t)(w->tail & (w->capacity - 1));
	return need > to_end ? to_end : 0;
}

static bool make_room(struct shmring_writer *w, uint32_t bytes)
{
	if (fits_record(w, bytes))
		return true;
	w->head = atomic_load_explicit(&w->shared->head, memory_order_acquire);
	return fits_record(w, bytes);
}

bool shmring_has_room(struct shmring_writer *w, uint16_t length)
{
	uint32_t need = stride_of(length);
	return make_room(w, need + padding_before(w, need));
}

static bool drop_record(struct shmring_writer *w)
{
	w->lost += w->lost != UINT32_MAX;
	atomic_store_explicit(&w->shared->dropped, ++w->dropped, memory_order_relaxed);
	return false;
}

static uint8_t *put_header(struct shmring_writer *w, uint16_t type, uint32_t length, uint32_t lost)
{
	uint8_t *at = w->data + (w->tail & (w->capacity - 1));
	struct shmring_record header = { .type = type, .length = (uint16_t)length, .lost = lost };
	memcpy(at, &header, sizeof(header));
	w->tail += stride_of(length);
	return at + sizeof(header);
}

bool shmring_stage(struct shmring_writer *w, uint16_t type, const void *payload, uint16_t length)
{
	REQUIRE(type != PADDING && length <= SHMRING_PAYLOAD_MAX);
	uint32_t need = stride_of(length);
	uint32_t pad = padding_before(w, need);
	if (!make_room(w, need + pad))
		return drop_record(w);
	if (pad)
		put_header(w, PADDING, pad - (uint32_t)sizeof(struct shmring_record), 0);
	uint8_t *at = put_header(w, type, length, w->lost);
	w->lost = 0;
	if (length)
		memcpy(at, payload, length);
	return true;
}

/* Never blocks: the doorbell is rung once per request, so its count stays far from the limit. */
static void ring_doorbell(struct shmring_writer *w)
{
	uint64_t one = 1;
	if (atomic_exchange_explicit(&w->front->armed, 0, memory_order_acq_rel)) {
		ssize_t n = write(w->doorbell, &one, sizeof(one));
		(void)n;
	}
}

void shmring_publish_quietly(struct shmring_writer *w)
{
	w->published = w->tail;
	atomic_store_explicit(&w->shared->tail, w->tail, memory_order_seq_cst);
}

void shmring_wake_reader(struct shmring_writer *w)
{
	if (atomic_load_explicit(&w->front->armed, memory_order_seq_cst))
		ring_doorbell(w);
}

void shmring_publish(struct shmring_writer *w)
{
	if (w->published == w->tail)
		return;
	shmring_publish_quietly(w);
	shmring_wake_reader(w);
}

bool shmring_put(struct shmring_writer *w, uint16_t type, const void *payload, uint16_t length)
{
	bool ok = shmring_stage(w, type, payload, length);
	shmring_publish(w);
	return ok;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

void shmring_reader_init(struct shmring_reader *r, const struct shmring_area *a, uint32_t ring)
{
	*r = (struct shmring_reader){
		.shared = shared_of(a, ring), .data = data_of(a, ring), .ring = ring, .capacity = a->capacity
	};
}

static int fail_damaged(struct shmring_reader *r, struct err **err, const char *what)
{
	r->damaged = true;
	return FAIL(err, ERR_DATA, -EBADMSG, "event ring %u is damaged after %lu records: %s", r->ring, r->records,
		    what);
}

/* Reads the producer's position once and checks it; later code uses only the checked copy. */
static int read_position(struct shmring_reader *r, struct err **err)
{
	if (r->last)
		return 0;
	uint64_t tail = atomic_load_explicit(&r->shared->tail, memory_order_acquire);
	uint64_t dropped = atomic_load_explicit(&r->shared->dropped, memory_order_relaxed);
	if (tail - r->head > r->capacity || tail % sizeof(struct shmring_record))
		return fail_damaged(r, err, "its position is impossible");
	if (dropped < r->dropped)
		return fail_damaged(r, err, "its count of drops decreases");
	r->tail = tail;
	r->dropped = dropped;
	return 0;
}

/* Returns what is wrong with a record, or NULL. @left published bytes remain, and @to_end bytes to the ring's end. */
static const char *check_record(const struct shmring_record *header, uint64_t left, uint64_t to_end)
{
	uint32_t stride = stride_of(header->length);
	if (stride > SHMRING_RECORD_MAX)
		return "a record is too long";
	if (stride > left || stride > to_end)
		return "a record is cut short";
	if (header->type == PADDING && stride != to_end)
		return "there is padding between records";
	return NULL;
}

/* Checks the @len bytes that were copied from our position; counts whole records and their bytes. */
static const char *check_records(const struct shmring_reader *r, struct shmring_batch *b, size_t len)
{
	uint64_t left = r->tail - r->head, to_end = r->capacity - (r->head & (r->capacity - 1));
	struct shmring_record header;
	for (; b->len < len; b->len += stride_of(header.length)) {
		memcpy(&header, b->bytes + b->len, sizeof(header));
		const char *what = check_record(&header, left - b->len, to_end - b->len);
		if (what)
			return what;
		if (stride_of(header.length) > len - b->len)
			break;
		b->records += header.type != PADDING;
	}
	return NULL;
}

/* Copies, checks only the copy, and frees the space. Damage after valid records is reported by the next call. */
static int copy_records(struct shmring_reader *r, struct shmring_batch *b, size_t len, struct err **err)
{
	memcpy(b->bytes, r->data + (r->head & (r->capacity - 1)), len);
	/* The compiler must not read the shared bytes again instead of the copy. */
	atomic_signal_fence(memory_order_seq_cst);
	const char *what = check_records(r, b, len);
	if (what && !b->len)
		return fail_damaged(r, err, what);
	r->records += b->records;
	r->head += b->len;
	atomic_store_explicit(&r->shared->head, r->head, memory_order_release);
	return (int)b->records;
}

int shmring_pop(struct shmring_reader *r, struct shmring_batch *b, struct err **err)
{
	b->len = 0;
	b->records = 0;
	if (r->damaged)
		return fail_damaged(r, err, "found by an earlier read");
	/*
	 * Twice: the rest before the end may be only padding. Padding is shorter than a record, so the second read
	 * finds records.
	 */
	for (int pass = 0; pass < 2; pass++) {
		int result = r->head == r->tail ? read_position(r, err) : 0;
		if (result < 0 || r->head == r->tail)
			return result;
		uint64_t at = r->head & (r->capacity - 1);
		uint64_t len = MIN_OF(r->tail - r->head, r->capacity - at);
		b->len = 0;
		result = copy_records(r, b, MIN_OF(len, SHMRING_BATCH_BYTES), err);
		if (result)
			return result;
	}
	return 0;
}

bool shmring_next(const struct shmring_batch *b, size_t *at, struct shmring_item *ret)
{
	struct shmring_record header;
	if (*at >= b->len)
		return false;
	memcpy(&header, b->bytes + *at, sizeof(header));
	if (header.type == PADDING)
		return false;
	*ret = (struct shmring_item){ .type = header.type,
				      .length = header.length,
				      .lost = header.lost,
				      .payload = b->bytes + *at + sizeof(header) };
	*at += stride_of(header.length);
	return true;
}

void shmring_reader_finish(struct shmring_reader *r)
{
	if (!r->damaged)
		read_position(r, NULL);
	r->last = true;
}

static bool has_more(const struct shmring_reader *r)
{
	if (r->damaged)
		return false;
	if (r->last || r->head != r->tail)
		return r->head != r->tail;
	return atomic_load_explicit(&r->shared->tail, memory_order_seq_cst) != r->head;
}

bool shmring_arm(struct shmring_area *a, const struct shmring_reader *readers, uint32_t count)
{
	atomic_store_explicit(&a->front->armed, 1, memory_order_seq_cst);
	for (uint32_t i = 0; i < count; i++) {
		if (has_more(&readers[i])) {
			atomic_store_explicit(&a->front->armed, 0, memory_order_relaxed);
			return false;
		}
	}
	return true;
}
