/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * net.c -- work types that send packets, through packet sockets (packet(7)) on one of the test's networks, or else on
 * the loopback device. Each packet comes back through the network's receiving softirq, which wakes the receiver; from a
 * network, after an interrupt of its device. No protocol is needed.
 *
 * Each worker derives an EtherType of its own from its tid, so that it receives no other worker's packets. Workers
 * whose tids differ by a multiple of TYPES share one. In a guest, that takes as many forks between the starts of two
 * concurrent workers.
 */
#include <arpa/inet.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/file.h"
#include "guest/devices.h"
#include "guest/work/work.h"

#define NETWORKS_BYTES_MAX 256
#define PACKET_BYTES	   1024
#define PACKETS		   16	   /* packets per turn of NET_TRAFFIC: all are sent, then all received */
#define TYPE_FIRST	   0x1000u /* the first of a range of EtherTypes that Linux uses for nothing else */
#define TYPES		   0x5000u

struct net_state {
	int fd;
	struct sockaddr_ll from, to; /* its own address; the receiver's address */
};

/* Groups of workers take the test's networks in turn, so that all members of a group have the same one. */
static void choose_interface(const struct ktstr_worker *w, char out[IFNAMSIZ])
{
	_cleanup_buf_ struct buf names = BUF_NULL;
	const char *at = file_read(DEVICES_NETWORKS, NETWORKS_BYTES_MAX, &names, NULL) == 0 ? buf_str(&names) : "lo";
	unsigned count = 1, group = (unsigned)(w->member_slot - w->worker_slot) / w->members;
	for (const char *c = at; *c; c++)
		count += *c == ',';
	for (unsigned skip = group % count; skip; skip--)
		at += strcspn(at, ",") + 1;
	snprintf(out, IFNAMSIZ, "%.*s", (int)strcspn(at, ","), at);
}

/* The device's own address is the receiver's, too. Without such an interface, the index is 0, and bind() fails. */
static struct sockaddr_ll address_of(const struct ktstr_worker *w, const struct worker_slot *slot)
{
	unsigned type = TYPE_FIRST + (unsigned)slot->report.tid % TYPES;
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons((uint16_t)type), .sll_halen = 6 };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq q = { 0 };
	choose_interface(w, q.ifr_name);
	a.sll_ifindex = (int)if_nametoindex(q.ifr_name);
	if (ioctl(fd, SIOCGIFHWADDR, &q) == 0)
		memcpy(a.sll_addr, q.ifr_hwaddr.sa_data, 6);
	return a;
}

/* Receiving times out, so that the worker notices a stop that came between its check of the flag and the wait. */
static int open_socket(struct net_state *s)
{
	static const struct timeval timeout = { .tv_usec = 100 * 1000 };
	s->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&s->from, sizeof(s->from)) < 0 ||
	    setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	return 0;
}

void net_begin(struct ktstr_worker *w)
{
	struct net_state *s = calloc(1, sizeof(*s));
	if (!s)
		worker_refuse(w, TROUBLE_WORK, -ENOMEM, "memory");
	s->from = address_of(w, w->slot);
	s->to = w->members > 1 ? address_of(w, &w->member_slot[!w->member]) : s->from;
	int r = open_socket(s);
	if (r < 0)
		worker_refuse(w, r == -EAFNOSUPPORT || r == -ENODEV ? TROUBLE_UNSUPPORTED : TROUBLE_WORK, r,
			      "packet sockets");
	w->state = s;
	atomic_store(&w->slot->ready, 1);
}

static bool send_packet(const struct net_state *s)
{
	uint8_t bytes[PACKET_BYTES] = { 0 };
	return sendto(s->fd, bytes, sizeof(bytes), 0, (const struct sockaddr *)&s->to, sizeof(s->to)) == sizeof(bytes);
}

/* Returns false if the worker was told to stop. */
static bool await_packet(const struct ktstr_worker *w, const struct net_state *s)
{
	uint8_t bytes[PACKET_BYTES];
	while (!ktstr_worker_stopped(w))
		if (recv(s->fd, bytes, sizeof(bytes), 0) > 0)
			return true;
	return false;
}

/*
 * Sends packets and receives them. On the loopback device, they are back already when sendto() returns, unless the
 * softirq was deferred to ksoftirqd. The wait is then for ksoftirqd, and on a network for the device.
 */
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
	/* A packet takes about as long as SPIN_UNITS units and counts as that many. */
	ktstr_worker_turn(w, PACKETS * SPIN_UNITS);
}

/* Waits until the partner's socket is open: earlier packets would be lost. */
static bool partner_listens(struct ktstr_worker *w)
{
	if (atomic_load(&w->member_slot[!w->member].ready))
		return true;
	sleep_for(w, NSEC_PER_MSEC);
	return false;
}

/* The first of the pair sends first; the other one waits for it. */
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
