/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net.c -- work types that send packets, by packet sockets (packet(7)) on the loopback device: what is sent there comes
 * back through the network's receiving softirq, which wakes who waits for it. It takes no protocol and no other device.
 *
 * A worker has an EtherType of its own, made from its thread's number, so that it hears nobody else's packets: numbers
 * that lie TYPES apart share one, which in a guest takes as many forks between two workers of one time.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>

#include "guest/work/work.h"

#define PACKET_BYTES 1024
#define PACKETS	     16	     /* a turn of NET_TRAFFIC, sent before they are received */
#define TYPE_FIRST   0x1000u /* of EtherTypes that Linux hands to nobody else */
#define TYPES	     0x5000u

struct net_state {
	int fd;
	struct sockaddr_ll from, to; /* itself; who it sends to */
};

static struct sockaddr_ll address_of(const struct worker_slot *slot)
{
	unsigned type = TYPE_FIRST + (unsigned)slot->report.tid % TYPES;
	return (struct sockaddr_ll){ .sll_family = AF_PACKET,
				     .sll_protocol = htons((uint16_t)type),
				     .sll_halen = 6,
				     .sll_ifindex = (int)if_nametoindex("lo") };
}

/* With a limit, so that a stop that comes between the look at it and the wait is noticed. */
static int open_socket(struct net_state *s)
{
	static const struct timeval patience = { .tv_usec = 100 * 1000 };
	s->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&s->from, sizeof(s->from)) < 0 ||
	    setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	return 0;
}

void net_begin(struct ktstr_worker *w)
{
	struct net_state *s = calloc(1, sizeof(*s));
	if (!s)
		worker_refuse(w, TROUBLE_WORK, -ENOMEM, "memory");
	s->from = address_of(w->slot);
	s->to = w->members > 1 ? address_of(&w->member_slot[!w->member]) : s->from;
	int r = open_socket(s);
	if (r < 0)
		worker_refuse(w, r == -EAFNOSUPPORT || r == -ENODEV ? TROUBLE_UNSUPPORTED : TROUBLE_WORK, r,
			      "packet sockets on the loopback device");
	w->state = s;
	atomic_store(&w->slot->ready, 1);
}

static bool send_packet(const struct net_state *s)
{
	uint8_t bytes[PACKET_BYTES] = { 0 };
	return sendto(s->fd, bytes, sizeof(bytes), 0, (const struct sockaddr *)&s->to, sizeof(s->to)) == sizeof(bytes);
}

/* False: told to stop. */
static bool await_packet(const struct ktstr_worker *w, const struct net_state *s)
{
	uint8_t bytes[PACKET_BYTES];
	while (!ktstr_worker_stopped(w))
		if (recv(s->fd, bytes, sizeof(bytes), 0) > 0)
			return true;
	return false;
}

/* They have come back already, unless the softirq was left to its thread: then it is that which is waited for. */
void net_traffic(struct ktstr_worker *w)
{
	struct net_state *s = w->state;
	unsigned sent = 0;
	while (sent < PACKETS && send_packet(s))
		sent++;
	worker_waits(w, true);
	while (sent && await_packet(w, s))
		sent--;
	worker_waits(w, false);
	/* A packet takes about as long as so many units, and is looked at as often. */
	ktstr_worker_turn(w, PACKETS * SPIN_UNITS);
}

/* Both must listen before the first packet: what nobody listens for is lost. */
static bool partner_listens(struct ktstr_worker *w)
{
	if (atomic_load(&w->member_slot[!w->member].ready))
		return true;
	sleep_for(w, NSEC_PER_MSEC);
	return false;
}

/* The first of the pair moves first; the other waits for it. */
void irq_wake(struct ktstr_worker *w)
{
	struct net_state *s = w->state;
	unsigned units = or_default(w->work->spin_iters, SPIN_UNITS);
	if (!partner_listens(w))
		return;
	if (w->member == 0 || w->slot->report.iterations) {
		ktstr_worker_spin(w, units);
		stamp(w, &w->member_slot[!w->member].stamp);
		send_packet(s);
	}
	ktstr_worker_block(w);
	bool woken = await_packet(w, s);
	worker_woken_since(w, &w->slot->stamp);
	if (woken)
		worker_count(w, units);
}
