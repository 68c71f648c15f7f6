/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ring_bench.c -- records per second from other processes to this one: event rings compared with pipes and socketpairs
 * (SOCK_SEQPACKET), in one run, with one producer and several, each with its own channel.
 *
 * Every record has 16 bytes, a number and its expected value, and is checked on arrival. The rounds of all channels are
 * interleaved. Prints one JSON object per line.
 */
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/file.h"
#include "reactor/shmpump.h"

#define ROUNDS	      7
#define PRODUCERS_MAX 8
#define RING_BYTES    (1u << 20)
#define RECORDS_RING  8000000u
#define RECORDS_FD    400000u
#define RECORDS_PACED 200000u
#define PACE	      (1000 * GROUP) /* nanoseconds from one group of records to the next */
#define GROUP	      16u	     /* records staged before one publication, where they are grouped */
#define FEW	      64	     /* records per round, below which the reader waits between looks */
#define LOOKS	      2000	     /* at empty rings, with a yield between, before the reader asks for the doorbell */

struct record {
	uint64_t number, check;
};

enum kind { RING_EACH, RING_GROUPS, RING_BELL, RING_REACTOR, RING_PACED, RING_FREE, PIPE, SEQPACKET, KIND_MAX };

static const struct {
	const char *name;
	uint32_t records;
} kinds[KIND_MAX] = {
	[RING_EACH] = { "ring, published one by one, reader looks", RECORDS_RING },
	[RING_GROUPS] = { "ring, published by 16, reader looks", RECORDS_RING },
	[RING_BELL] = { "ring, published one by one, reader sleeps on the doorbell", RECORDS_RING / 4 },
	[RING_REACTOR] = { "ring, published one by one, pump on the reactor", RECORDS_RING / 4 },
	[RING_PACED] = { "ring, 1 M records/s without waiting, pump on the reactor", RECORDS_PACED },
	[RING_FREE] = { "ring, producer that never waits", RECORDS_RING },
	[PIPE] = { "pipe", RECORDS_FD },
	[SEQPACKET] = { "socketpair, SOCK_SEQPACKET, recvmmsg", RECORDS_FD },
};

struct outcome {
	double rate;
	uint64_t received, dropped, wrong;
};

struct round {
	enum kind kind;
	unsigned producers;
	uint32_t records; /* a producer */
	struct shmring_area area;
	int fds[PRODUCERS_MAX][2];
	pid_t pid[PRODUCERS_MAX];
	uint64_t next[PRODUCERS_MAX]; /* number expected */
	uint64_t received, dropped, wrong;
	nsec_t began, ended;
	struct reactor *reactor;
	struct shmpump pump;
};

static bool is_ring(enum kind kind)
{
	return kind <= RING_FREE;
}

static bool waits_for_room(enum kind kind)
{
	return kind != RING_FREE && kind != RING_PACED;
}

static uint64_t check_of(uint64_t number)
{
	return number * 0x9e3779b97f4a7c15u;
}

static cpu_set_t allowed; /* before any process was pinned */

/* The reader gets the first CPU for itself, producers share the others. */
static void pin(unsigned who)
{
	cpu_set_t one;
	if (CPU_COUNT(&allowed) < 2)
		return;
	unsigned want = who ? 1 + (who - 1) % (unsigned)(CPU_COUNT(&allowed) - 1) : 0;
	CPU_ZERO(&one);
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && want-- == 0)
			CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}

/* --- producers ---------------------------------------------------------------------------------------------------- */

/* All producers together keep the pace; each checks the clock once per group. */
static void keep_pace(const struct round *r, uint64_t n, nsec_t began)
{
	if (n % GROUP == 0)
		while (nsec_now() < began + (nsec_t)(n / GROUP * PACE * r->producers))
			sched_yield();
}

static void fill_ring(struct round *r, unsigned index)
{
	struct shmring_writer w;
	nsec_t began = nsec_now();
	bool waits = waits_for_room(r->kind);
	shmring_writer_init(&w, &r->area, index);
	for (uint64_t n = 0; n < r->records; n++) {
		struct record record = { n, check_of(n) };
		for (unsigned spins = 0; waits && !shmring_has_room(&w, sizeof(record)); spins++) {
			shmring_publish(&w);
			if (spins > 100)
				sched_yield();
		}
		if (r->kind == RING_PACED)
			keep_pace(r, n, began);
		shmring_stage(&w, 1, &record, sizeof(record));
		if (r->kind != RING_GROUPS || n % GROUP == GROUP - 1)
			shmring_publish(&w);
	}
	shmring_publish(&w);
	/* The last record marks the end; it waits for room on every kind of channel. */
	while (!shmring_has_room(&w, 0))
		sched_yield();
	shmring_put(&w, 2, NULL, 0);
}

static void fill_fd(struct round *r, int fd)
{
	for (uint64_t n = 0; n < r->records; n++) {
		struct record record = { n, check_of(n) };
		if (write(fd, &record, sizeof(record)) != sizeof(record))
			_exit(1);
	}
}

static void start_producers(struct round *r)
{
	for (unsigned i = 0; i < r->producers; i++) {
		r->pid[i] = fork();
		if (r->pid[i])
			continue;
		pin(1 + i);
		if (is_ring(r->kind))
			fill_ring(r, i);
		else
			fill_fd(r, r->fds[i][1]);
		_exit(0);
	}
}

/* --- the reader --------------------------------------------------------------------------------------------------- */

static void got(struct round *r, unsigned producer, const struct record *record)
{
	bool ok = record->check == check_of(record->number);
	ok &= waits_for_room(r->kind) ? record->number == r->next[producer] : record->number >= r->next[producer];
	r->wrong += !ok;
	r->next[producer] = record->number + 1;
	r->received++;
}

static unsigned ended_in_batch(struct round *r, unsigned ring, const struct shmring_batch *batch)
{
	struct shmring_item item;
	unsigned ended = 0;
	for (size_t at = 0; shmring_next(batch, &at, &item);) {
		if (item.type == 2)
			ended++;
		else
			got(r, ring, item.payload);
	}
	return ended;
}

static void read_rings(struct round *r)
{
	static struct shmring_batch batch;
	struct shmring_reader reader[PRODUCERS_MAX];
	unsigned left = r->producers, idle = 0;
	uint64_t rung;
	for (unsigned i = 0; i < r->producers; i++)
		shmring_reader_init(&reader[i], &r->area, i);
	while (left) {
		int taken = 0;
		for (unsigned i = 0; i < r->producers; i++) {
			int n = shmring_pop(&reader[i], &batch, NULL);
			r->wrong += n < 0;
			taken += n;
			left -= ended_in_batch(r, i, &batch);
		}
		idle = taken ? 0 : idle + 1;
		/* A reader that polls all the time takes the cache line from the writer. */
		if (taken < FEW && r->kind != RING_BELL)
			sched_yield();
		if (left && !taken && (r->kind == RING_BELL || idle > LOOKS) &&
		    shmring_arm(&r->area, reader, r->producers) && read(r->area.doorbell, &rung, sizeof(rung)) < 0)
			break;
	}
	for (unsigned i = 0; i < r->producers; i++)
		r->dropped += reader[i].dropped;
}

static void on_record(void *data, uint32_t ring, const struct shmring_item *item)
{
	struct round *r = data;
	if (item->type != 2)
		got(r, ring, item->payload);
	else if (--r->ended == 0)
		machine_cancel(&r->pump.machine);
}

static void read_on_reactor(struct round *r)
{
	struct shmpump_config config = { .area = &r->area, .record = on_record, .data = r };
	r->ended = r->producers;
	if (shmpump_start(&r->pump, r->reactor, NULL, &config, NULL) < 0)
		return;
	reactor_run(r->reactor);
	r->dropped = shmpump_dropped(&r->pump);
	shmpump_done(&r->pump);
}

/* Reads all data of one descriptor in as few calls as possible; false: its producer has ended. */
static bool read_packets(struct round *r, unsigned i)
{
	static struct record record[64];
	static struct mmsghdr msg[64];
	static struct iovec iov[64];
	for (unsigned k = 0; k < 64; k++) {
		iov[k] = (struct iovec){ &record[k], sizeof(record[k]) };
		msg[k].msg_hdr = (struct msghdr){ .msg_iov = &iov[k], .msg_iovlen = 1 };
	}
	int n = recvmmsg(r->fds[i][0], msg, 64, MSG_DONTWAIT, NULL);
	for (int k = 0; k < n; k++) {
		if (!msg[k].msg_len)
			return false;
		got(r, i, &record[k]);
	}
	return n > 0 || errno == EAGAIN;
}

static bool read_pipe(struct round *r, unsigned i)
{
	static struct record record[4096];
	ssize_t n = read(r->fds[i][0], record, sizeof(record));
	for (ssize_t k = 0; k < n / (ssize_t)sizeof(*record); k++)
		got(r, i, &record[k]);
	return n > 0;
}

static void read_fds(struct round *r)
{
	struct pollfd p[PRODUCERS_MAX];
	unsigned left = r->producers;
	for (unsigned i = 0; i < r->producers; i++) {
		p[i] = (struct pollfd){ .fd = r->fds[i][0], .events = POLLIN };
		fd_close(r->fds[i][1]);
	}
	while (left && poll(p, r->producers, -1) > 0) {
		for (unsigned i = 0; i < r->producers; i++) {
			if (!p[i].revents || (r->kind == PIPE ? read_pipe(r, i) : read_packets(r, i)))
				continue;
			p[i].fd = -1;
			left--;
		}
	}
	for (unsigned i = 0; i < r->producers; i++)
		fd_close(r->fds[i][0]);
}

/* --- a round ------------------------------------------------------------------------------------------------------ */

static int open_channels(struct round *r)
{
	if (is_ring(r->kind))
		return shmring_area_new(r->producers, RING_BYTES, &r->area, NULL);
	for (unsigned i = 0; i < r->producers; i++) {
		int bad = r->kind == PIPE ? pipe2(r->fds[i], O_CLOEXEC)
					  : socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, r->fds[i]);
		if (bad)
			return -errno;
		/* As much room as the ring has, if the system allows it. */
		int size = RING_BYTES;
		if (r->kind == PIPE)
			fcntl(r->fds[i][1], F_SETPIPE_SZ, size);
		else
			setsockopt(r->fds[i][1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	}
	return 0;
}

static struct outcome run_round(struct reactor *reactor, enum kind kind, unsigned producers)
{
	static struct round r;
	r = (struct round){ .kind = kind,
			    .producers = producers,
			    .records = kinds[kind].records / producers,
			    .area = SHMRING_AREA_NULL,
			    .reactor = reactor };
	if (open_channels(&r) < 0)
		return (struct outcome){ .wrong = 1 };
	r.began = nsec_now();
	start_producers(&r);
	if (kind == RING_REACTOR || kind == RING_PACED)
		read_on_reactor(&r);
	else if (is_ring(kind))
		read_rings(&r);
	else
		read_fds(&r);
	r.ended = nsec_now();
	for (unsigned i = 0; i < producers; i++)
		waitpid(r.pid[i], NULL, 0);
	shmring_area_done(&r.area);
	uint64_t sent = (uint64_t)r.records * producers;
	return (struct outcome){ .rate = (double)sent / ((double)(r.ended - r.began) / 1e9),
				 .received = r.received,
				 .dropped = r.dropped,
				 .wrong = r.wrong + (r.received + r.dropped != sent) };
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double report(enum kind kind, unsigned producers, const struct outcome *o)
{
	double rate[ROUNDS];
	struct outcome sum = { 0 };
	for (int i = 0; i < ROUNDS; i++) {
		rate[i] = o[i].rate;
		sum.received += o[i].received;
		sum.dropped += o[i].dropped;
		sum.wrong += o[i].wrong;
	}
	qsort(rate, ROUNDS, sizeof(*rate), compare);
	printf("{\"name\":\"%s\",\"producers\":%u,\"n\":%d,\"min\":%.0f,\"median\":%.0f,\"max\":%.0f,\"unit\":"
	       "\"records/s\","
	       "\"received\":%lu,\"dropped\":%lu,\"wrong\":%lu}\n",
	       kinds[kind].name, producers, ROUNDS, rate[0], rate[ROUNDS / 2], rate[ROUNDS - 1], sum.received,
	       sum.dropped, sum.wrong);
	fflush(stdout);
	return rate[ROUNDS / 2];
}

static bool report_all(unsigned producers, struct outcome outcome[KIND_MAX][ROUNDS])
{
	double median[KIND_MAX];
	bool wrong = false;
	for (enum kind k = 0; k < KIND_MAX; k++) {
		median[k] = report(k, producers, outcome[k]);
		for (int i = 0; i < ROUNDS; i++)
			wrong |= outcome[k][i].wrong > 0;
	}
	printf("{\"name\":\"ring published one by one, beside the others\",\"producers\":%u,\"pipe_ratio\":%.1f,"
	       "\"seqpacket_ratio\":%.1f}\n",
	       producers, median[RING_EACH] / median[PIPE], median[RING_EACH] / median[SEQPACKET]);
	return wrong;
}

/* Writes up to the ring's last byte while nobody reads: the first drop may come only when the ring is full. */
static void report_capacity(void)
{
	struct shmring_area area = SHMRING_AREA_NULL;
	struct shmring_writer w;
	struct record record = { 0 };
	uint64_t fit = RING_BYTES / (sizeof(struct shmring_record) + sizeof(record)), kept = 0;
	if (shmring_area_new(1, RING_BYTES, &area, NULL) < 0)
		return;
	shmring_writer_init(&w, &area, 0);
	for (uint64_t n = 0; n < fit; n++)
		kept += shmring_put(&w, 1, &record, sizeof(record));
	printf("{\"name\":\"ring that nobody reads\",\"capacity\":%lu,\"kept\":%lu,\"dropped\":%lu}\n", fit, kept,
	       w.dropped);
	fflush(stdout);
	shmring_area_done(&area);
}

int main(void)
{
	static const unsigned producers[] = { 1, 4 };
	static struct outcome outcome[ARRAY_SIZE(producers)][KIND_MAX][ROUNDS];
	struct reactor *reactor;
	bool wrong = false;
	if (reactor_new(&reactor, NULL) < 0)
		return 69;
	sched_getaffinity(0, sizeof(allowed), &allowed);
	pin(0);
	report_capacity();
	for (size_t p = 0; p < ARRAY_SIZE(producers); p++) {
		for (int i = 0; i < ROUNDS; i++)
			for (enum kind k = 0; k < KIND_MAX; k++)
				outcome[p][k][i] = run_round(reactor, k, producers[p]);
		wrong |= report_all(producers[p], outcome[p]);
	}
	reactor_free(reactor);
	return wrong;
}
