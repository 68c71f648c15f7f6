/* SPDX-License-Identifier: GPL-2.0-only */
/* log.c -- writes the event log (ktstr/wire.h) to the guest's own memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/time.h"
#include "guest/init/log.h"

int log_map(struct guest_log *l, uint64_t address, uint64_t size)
{
	if (size <= sizeof(struct wire_header) || size > (1u << 30))
		return -EINVAL;
	_cleanup_close_ int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)address);
	if (p == MAP_FAILED)
		return -errno;
	l->header = p;
	l->address = address;
	l->records = (uint8_t *)p + sizeof(struct wire_header);
	l->capacity = size - sizeof(struct wire_header);
	*l->header = (struct wire_header){ .version = WIRE_VERSION, .capacity = l->capacity };
	return 0;
}

uint64_t log_reserve(struct guest_log *l, uint64_t bytes, void **ret)
{
	if (!l->header || l->capacity < bytes || l->written > l->capacity - bytes)
		return 0;
	l->capacity -= bytes;
	*ret = l->records + l->capacity;
	memset(*ret, 0, bytes);
	return l->address + sizeof(struct wire_header) + l->capacity;
}

void log_publish(struct guest_log *l)
{
	if (!l->header)
		return;
	atomic_thread_fence(memory_order_release);
	l->header->magic = WIRE_MAGIC;
}

void log_record(struct guest_log *l, enum wire_type type, uint64_t time_ns, const void *head, size_t head_len,
		const void *tail, size_t tail_len)
{
	if (!l->header)
		return;
	struct wire_record r = {
		.magic = WIRE_RECORD_MAGIC,
		.type = (uint16_t)type,
		.time_ns = time_ns,
		.length = (uint32_t)(head_len + tail_len),
	};
	uint64_t at = l->written;
	uint64_t need = (sizeof(r) + r.length + 7) & ~(uint64_t)7;
	if (need > l->capacity - at) {
		l->header->dropped = ++l->dropped;
		return;
	}
	r.crc = crc32_update(0, &r.type, sizeof(r) - offsetof(struct wire_record, type));
	r.crc = crc32_update(r.crc, head, head_len);
	r.crc = crc32_update(r.crc, tail, tail_len);
	uint8_t *to = l->records + at;
	memcpy(to, &r, sizeof(r));
	if (head_len)
		memcpy(to + sizeof(r), head, head_len);
	if (tail_len)
		memcpy(to + sizeof(r) + head_len, tail, tail_len);
	memset(to + sizeof(r) + r.length, 0, need - sizeof(r) - r.length);
	/* Pairs with the reader's acquire load: a reader that sees `written` also sees the record. */
	l->written = at + need;
	__atomic_store_n(&l->header->written, l->written, __ATOMIC_RELEASE);
}

void log_put(struct guest_log *l, enum wire_type type, const void *payload, size_t len)
{
	log_record(l, type, (uint64_t)nsec_now(), payload, len, NULL, 0);
}

void log_text(struct guest_log *l, enum wire_stream stream, const char *text, size_t len)
{
	size_t *used = &l->stream_bytes[stream];
	struct wire_text head = { .stream = stream };
	len = MIN_OF(len, STREAM_BYTES_MAX - *used);
	*used += len;
	for (size_t max = WIRE_PAYLOAD_MAX - sizeof(head); len;) {
		size_t n = MIN_OF(len, max);
		log_record(l, WIRE_TEXT, (uint64_t)nsec_now(), &head, sizeof(head), text, n);
		text += n;
		len -= n;
	}
}

void log_error(struct guest_log *l, const char *fmt, ...)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	va_list ap;
	va_start(ap, fmt);
	buf_vappendf(&text, fmt, ap);
	va_end(ap);
	buf_puts(&text, "\n");
	log_text(l, WIRE_STREAM_INIT, buf_str(&text), text.len);
}
