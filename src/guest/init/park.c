/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * park.c -- the point at which a guest can be saved: everything that is the same for all tests is done, and the test is
 * not known yet. The write to the port stops the machine within that instruction. When the machine continues, its
 * memory holds the data for the clone. The guest cannot observe how long it was stopped.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest/arch.h"
#include "guest/init/park.h"
#include "guest/init/unpack.h"

static struct wire_clone_payload *clone_payload_of(struct guest_log *l)
{
	return (struct wire_clone_payload *)(void *)(l->records + l->capacity - sizeof(struct wire_clone_payload));
}

static int unpack_clone_payload(struct guest_log *l)
{
	const struct wire_clone_payload payload = *clone_payload_of(l);
	const uint8_t *end = l->records + l->capacity;
	if (payload.magic != WIRE_CLONE_PAYLOAD_MAGIC || payload.length > l->capacity - sizeof(payload))
		return -ENOMSG;
	_cleanup_close_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const uint8_t *image = end - sizeof(payload) - payload.length;
	/*
	 * The image stays in the log's buffer until records overwrite it. The reader ignores everything after the last
	 * record.
	 */
	*clone_payload_of(l) = (struct wire_clone_payload){ 0 };
	return root < 0 ? -errno : unpack_image(image, payload.length, root);
}

int park(struct init *i)
{
	if (!i->park_port)
		return 0;
	if (!i->log.header)
		return -ENODEV;
	*clone_payload_of(&i->log) = (struct wire_clone_payload){ .magic = WIRE_PARKED_MAGIC };
	__asm__ volatile("" : : : "memory");
	int r = arch_park(i->park_port);
	/* The VMM has changed the memory meanwhile, which the compiler cannot know. */
	__asm__ volatile("" : : : "memory");
	return r < 0 ? r : unpack_clone_payload(&i->log);
}
