/* SPDX-License-Identifier: GPL-2.0-only */
/* wirelog.c -- see wirelog.h. */
#include <string.h>

#include "base/hash.h"
#include "vmm/wirelog.h"

void wirelog_init(struct wirelog *l, const uint8_t *base, uint64_t size)
{
	*l = (struct wirelog){ .base = base, .size = size };
}

void wirelog_close(struct wirelog *l)
{
	l->base = NULL;
}

void wirelog_done(struct wirelog *l)
{
	buf_done(&l->record);
	*l = (struct wirelog){ 0 };
}

static uint64_t load_u64(const uint8_t *p)
{
	return __atomic_load_n((const uint64_t *)(const void *)p, __ATOMIC_ACQUIRE);
}

static uint32_t load_u32(const uint8_t *p)
{
	return __atomic_load_n((const uint32_t *)(const void *)p, __ATOMIC_ACQUIRE);
}

static bool has_header(const struct wirelog *l)
{
	return load_u32(l->base + offsetof(struct wire_header, magic)) == WIRE_MAGIC;
}

static uint64_t published_bytes(const struct wirelog *l)
{
	return load_u64(l->base + offsetof(struct wire_header, written));
}

bool wirelog_pending(const struct wirelog *l)
{
	return l->base && (has_header(l) ? published_bytes(l) != l->at : l->began);
}

static int fail_damaged(const struct wirelog *l, struct err **err, const char *what)
{
	return FAIL(err, ERR_DATA, -EBADMSG, "the guest's event log is damaged after %lu records: %s", l->records,
		    what);
}

/* Copies the record at l->at, which reaches at most to @end. */
static int copy_record(struct wirelog *l, uint64_t end, struct wire_record *ret, struct err **err)
{
	const uint8_t *from = l->base + sizeof(struct wire_header) + l->at;
	uint64_t room = end - l->at;
	if (room < sizeof(*ret))
		return fail_damaged(l, err, "a record is cut short");
	memcpy(ret, from, sizeof(*ret));
	if (ret->magic != WIRE_RECORD_MAGIC)
		return fail_damaged(l, err, "a record has no valid magic number");
	if (ret->length > WIRE_PAYLOAD_MAX || ret->length > room - sizeof(*ret))
		return fail_damaged(l, err, "a record is longer than the log");
	buf_clear(&l->record);
	buf_append(&l->record, ret, sizeof(*ret));
	buf_append(&l->record, from + sizeof(*ret), ret->length);
	if (l->record.failed)
		return FAIL_SYS(err, -ENOMEM, "read the guest's event log");
	const size_t covered = offsetof(struct wire_record, type);
	if (crc32_update(0, l->record.data + covered, l->record.len - covered) != ret->crc)
		return fail_damaged(l, err, "a record's checksum is wrong");
	if (!ret->type || ret->type >= WIRE_TYPE_MAX)
		return fail_damaged(l, err, "a record is of an unknown type");
	return 0;
}

int wirelog_next(struct wirelog *l, struct wire_item *ret, struct err **err)
{
	if (!l->base)
		return 0;
	if (!has_header(l))
		return l->began ? fail_damaged(l, err, "its header was overwritten") : 0;
	l->began = true;
	if (load_u32(l->base + offsetof(struct wire_header, version)) != WIRE_VERSION)
		return fail_damaged(l, err, "it has another version");
	uint64_t end = published_bytes(l);
	l->dropped = load_u64(l->base + offsetof(struct wire_header, dropped));
	if (end == l->at)
		return 0;
	if (end < l->at || end > l->size - sizeof(struct wire_header))
		return fail_damaged(l, err, "its length is impossible");
	struct wire_record record;
	int r = copy_record(l, end, &record, err);
	if (r < 0)
		return r;
	uint64_t stride = (sizeof(record) + record.length + 7) & ~(uint64_t)7;
	if (stride > end - l->at)
		return fail_damaged(l, err, "a record is cut short");
	l->at += stride;
	l->records++;
	l->digest = crc32_update(l->digest, l->record.data, l->record.len);
	*ret = (struct wire_item){ .type = record.type,
				   .time_ns = record.time_ns,
				   .length = record.length,
				   .payload = l->record.data + sizeof(record) };
	return 1;
}
