/* SPDX-License-Identifier: GPL-2.0-only */
/* A guest's reads and writes on its buses, through a VM without KVM: 12 bytes per access. */
#include <errno.h>

#include "base/file.h"
#include "fuzz.h"
#include "vmm/kvm/guest.h"

static int no_ioctl(void *data, int fd, unsigned long request, void *arg)
{
	(void)data;
	(void)fd;
	(void)request;
	(void)arg;
	return -EIO;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct kvm_sys sys = { .ioctl = no_ioctl };
	struct kvm_guest_config config = { .console_fd = -1 };
	struct kvm_guest g = { .sys = &sys, .config = &config, .split = size & 1 };
	if (lifecycle_init(&g.life) < 0 || devices_init(&g.devices, &g, NULL) < 0)
		abort();
	for (; size >= 12; data += 12, size -= 12) {
		uint8_t value[32] = { 0 };
		uint64_t address;
		memcpy(value, data + 4, 8);
		memcpy(&address, data + 4, sizeof(address));
		if (data[0] & 2)
			bus_memory(&g.bus, address, data[0] & 1, value, 1u << (data[1] & 3));
		else
			bus_port(&g.bus, (uint16_t)(data[2] | data[3] << 8), data[0] & 1, value, 1u << data[1] % 3,
				 1 + (data[1] >> 4 & 3));
	}
	devices_done(&g.devices);
	lifecycle_done(&g.life);
	return 0;
}
