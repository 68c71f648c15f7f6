/* SPDX-License-Identifier: GPL-2.0-only */
/* stats.c -- see stats.h. */
#include <linux/kvm.h>
#include <string.h>

#include "base/file.h"
#include "vmm/kvm/stats.h"

#define NAME_BYTES_MAX	128
#define DESCRIPTORS_MAX 1024

const char *const kvm_stat_names[KVM_STAT_MAX] = {
	"exits",	"halt_exits",	       "halt_successful_poll", "halt_attempted_poll",
	"halt_wait_ns", "preemption_reported", "signal_exits",	       "hypercalls",
};

static int read_descriptor(int fd, const struct kvm_stats_header *head, uint32_t i, struct kvm_stats_map *map)
{
	union {
		struct kvm_stats_desc desc;
		uint8_t bytes[sizeof(struct kvm_stats_desc) + NAME_BYTES_MAX];
	} d = { 0 };
	size_t size = sizeof(d.desc) + head->name_size;
	int r = fd_pread_full(fd, &d, size, (off_t)(head->desc_offset + i * size));
	for (unsigned k = 0; r == 0 && k < KVM_STAT_MAX; k++)
		if (!strncmp((const char *)d.bytes + sizeof(d.desc), kvm_stat_names[k], head->name_size))
			map->offset[k] = (uint64_t)head->data_offset + d.desc.offset;
	return r;
}

int kvm_stats_open(int fd, struct kvm_stats_map *ret)
{
	struct kvm_stats_header head;
	*ret = (struct kvm_stats_map){ 0 };
	int r = fd_pread_full(fd, &head, sizeof(head), 0);
	if (r == 0 && (head.name_size >= NAME_BYTES_MAX || head.num_desc > DESCRIPTORS_MAX))
		r = -EPROTO;
	for (uint32_t i = 0; r == 0 && i < head.num_desc; i++)
		r = read_descriptor(fd, &head, i, ret);
	return r;
}

int kvm_stats_add(int fd, const struct kvm_stats_map *map, uint64_t sum[KVM_STAT_MAX])
{
	for (unsigned k = 0; k < KVM_STAT_MAX; k++) {
		uint64_t value = 0;
		if (!map->offset[k])
			continue;
		int r = fd_pread_full(fd, &value, sizeof(value), (off_t)map->offset[k]);
		if (r < 0)
			return r;
		sum[k] += value;
	}
	return 0;
}
