/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * devices.c -- gives a guest's disk and networks a place in guest time.
 *
 * QEMU serves a disk's requests by threads of its own, and its main loop tells the guest when one is done: at a moment
 * that depends on the host. Here the function by which QEMU's block layer hands work to those threads is replaced
 * (thread_pool_submit_co()). The vCPU's thread does the work at once, which is quick because the disk's file is in the
 * host's page cache, and the request then sleeps until a timer of the virtual clock is due. That timer runs on the
 * vCPU's thread, too. So a request takes the same guest time on every host, whatever its own disk does meanwhile.
 *
 * A request that needs no work, such as a flush after which nothing was written, is over at once. QEMU then tells the
 * guest by its main loop, which it wakes by a file. The main loop gets a turn when that happens (handoff_watch()): it
 * would else get one only after some thousand turns of the guest, which are seconds if the guest mostly sleeps.
 *
 * The device has ioeventfd=off, so that its queue is served inside the guest's instruction, on the vCPU's thread. What
 * other threads hand over, when QEMU opens and closes the disk, does not sleep.
 *
 * A network is a hub with two ports. The second port is ours: what it gets, it sends back, and the hub passes it to the
 * device, in the same call. The device itself sends by a timer of the virtual clock (tx=timer).
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "vmm/qemu/preload/call_site.h"
#include "vmm/qemu/preload/devices.h"
#include "vmm/qemu/preload/handoff.h"
#include "vmm/qemu/preload/internals.h"

#define DEVICES_VARIABLE "KTSTR_TCG_DEVICES" /* the number of networks; set if there is a disk or a network */
#define REQUEST_NS	 100000		     /* guest time of a request, as of a solid-state disk */
#define CLIENT_BYTES	 4096		     /* QEMU's struct NetClientState is 376 bytes in 7.2 */
#define NAME_BYTES	 16

struct net_client; /* NetClientState */
struct coroutine;  /* Coroutine */

/* The beginning of QEMU's NetClientInfo, the same since 1.2. All that follows is NULL: the client has no such call. */
struct net_client_info {
	int type; /* 0: none of those that QEMU knows */
	size_t size;
	ssize_t (*receive)(struct net_client *client, const uint8_t *packet, size_t size);
	void *others[32];
};

/* QEMU's QEMUTimer is 48 bytes in 7.2. */
struct timer {
	uint64_t room[32];
};

struct device_calls {
	void (*timer_init)(struct timer *t, void *group, int clock, int scale, int attributes, void (*due)(void *),
			   void *userdata);
	void (*timer_set)(struct timer *t, int64_t at_ns);
	int64_t (*clock_ns)(int clock);
	struct coroutine *(*self)(void);
	void (*yield)(void);
	void (*wake)(struct coroutine *c);
	unsigned char *submit; /* the function that is replaced */
	void *(*main_context)(void);
	void (*wake_main)(void *context);
	struct net_client *(*new_client)(struct net_client_info *info, struct net_client *peer, const char *model,
					 const char *name);
	struct net_client *(*add_port)(int hub, const char *name, struct net_client *peer);
	ssize_t (*send)(struct net_client *client, const uint8_t *packet, int size);
};

static const char *const names[] = { "timer_init_full",	      "timer_mod_ns",	      "qemu_clock_get_ns",
				     "qemu_coroutine_self",   "qemu_coroutine_yield", "aio_co_wake",
				     "thread_pool_submit_co", "qemu_get_aio_context", "aio_notify",
				     "qemu_new_net_client",   "net_hub_add_port",     "qemu_send_packet" };

_Static_assert(sizeof(struct device_calls) == sizeof(names), "a name for each");

/* A request that is done, and sleeps until its guest time; on the stack of its coroutine. */
struct sleeper {
	struct sleeper *next;
	struct coroutine *coroutine;
	int64_t due;
};

/* Global, because QEMU's calls take no context. */
static struct {
	struct device_calls call;
	struct timer timer;
	struct sleeper *first, **last; /* all sleep equally long, so the first is due first */
	bool asked;
} here = { .last = &here.first };

static const char *find_calls(void)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		void *f = dlsym(RTLD_DEFAULT, names[i]);
		if (!f)
			return names[i];
		memcpy((char *)&here.call + i * sizeof(f), &f, sizeof(f));
	}
	return NULL;
}

/* --- the disk ----------------------------------------------------------------------------------------------------- */

static void sleep_until_due(void)
{
	struct sleeper s = { .coroutine = here.call.self(), .due = here.call.clock_ns(CLOCK_VIRTUAL) + REQUEST_NS };
	if (!here.first)
		here.call.timer_set(&here.timer, s.due);
	*here.last = &s;
	here.last = &s.next;
	here.call.yield();
}

static void on_due(void *userdata)
{
	int64_t now = here.call.clock_ns(CLOCK_VIRTUAL);
	(void)userdata;
	while (here.first && here.first->due <= now) {
		struct sleeper *s = here.first;
		here.first = s->next;
		if (!here.first)
			here.last = &here.first;
		here.call.wake(s->coroutine); /* @s is gone then, and there may be new ones */
	}
	if (here.first)
		here.call.timer_set(&here.timer, here.first->due);
}

typedef int work_fn(void *arg);

static bool is_code(const void *p)
{
	Dl_info info;
	return dladdr(p, &info) != 0;
}

/* thread_pool_submit_co(pool, work, arg), without a pool since QEMU 8.1. */
static int submit(void *first, void *second, void *third)
{
	bool pool = !is_code(first);
	work_fn *work;
	memcpy(&work, pool ? &second : &first, sizeof(work));
	int r = work(pool ? third : second);
	if (handoff_is_vcpu())
		sleep_until_due();
	return r;
}

/* The file that wakes the main loop is the one to which QEMU writes when it wakes the main loop. */
static const char *watch_main_loop(void)
{
	handoff_take_written();
	here.call.wake_main(here.call.main_context());
	int fd = handoff_take_written();
	handoff_watch(fd);
	return fd < 0 ? "the file that wakes its main loop" : NULL;
}

/* --- networks ----------------------------------------------------------------------------------------------------- */

static ssize_t send_back(struct net_client *client, const uint8_t *packet, size_t size)
{
	here.call.send(client, packet, (int)size);
	return (ssize_t)size;
}

static const char *add_networks(unsigned count)
{
	static struct net_client_info info = { .size = CLIENT_BYTES, .receive = send_back };
	for (unsigned i = 0; i < count; i++) {
		char name[NAME_BYTES];
		snprintf(name, sizeof(name), "loop%u", i);
		struct net_client *client = here.call.new_client(&info, NULL, "loop", name);
		if (!client || !here.call.add_port((int)i, NULL, client))
			return "a hub for a network";
	}
	return NULL;
}

const char *devices_start(void)
{
	const char *networks = here.asked ? NULL : getenv(DEVICES_VARIABLE);
	here.asked = true;
	if (!networks)
		return NULL;
	const char *missing = find_calls();
	if (missing)
		return missing;
	here.call.timer_init(&here.timer, NULL, CLOCK_VIRTUAL, 1, 0, on_due, NULL);
	if (!call_site_replace(here.call.submit, __extension__(void *) submit))
		return "code that can be changed";
	missing = watch_main_loop();
	return missing ? missing : add_networks((unsigned)strtoul(networks, NULL, 10));
}
