/* SPDX-License-Identifier: GPL-2.0-only */
/* observe.c -- see observe.h. */
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "observe.h"

static int perf[SEEN_MAX][COUNTERS];
static struct seen before[SEEN_MAX];
static char places[SEEN_MAX][8][64];

unsigned bits(uint64_t mask)
{
	return (unsigned)__builtin_popcountll(mask);
}

static uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static const char *slurp(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

static const char *proc(int pid, const char *leaf)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, leaf);
	return slurp(path);
}

static uint64_t number_after(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

/* --- counters ----------------------------------------------------------------------------------------------------- */

static int open_counter(int pid, enum counter c)
{
	struct perf_event_attr a = { .size = sizeof(a), .type = PERF_TYPE_SOFTWARE };
	static const uint64_t config[] = { PERF_COUNT_SW_CONTEXT_SWITCHES, PERF_COUNT_SW_CPU_MIGRATIONS,
					   PERF_COUNT_SW_PAGE_FAULTS_MIN };
	if (c == COUNT_SIGNALS) {
		a.type = PERF_TYPE_TRACEPOINT;
		a.config = strtoull(slurp("/sys/kernel/tracing/events/signal/signal_generate/id"), NULL, 10);
	} else {
		a.config = config[c];
	}
	return (int)syscall(SYS_perf_event_open, &a, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static uint64_t read_counter(int fd)
{
	uint64_t value = 0;
	return fd >= 0 && read(fd, &value, sizeof(value)) == sizeof(value) ? value : 0;
}

/* schedstat counts run time only up to the CPU's last tick, 1 ms ago. With four CPUs on one clock, it can be 30 ms. */
static void run_until_now(int pid, uint64_t *ns)
{
	clockid_t clock;
	struct timespec ts;
	if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &ts) == 0)
		*ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* --- one reading -------------------------------------------------------------------------------------------------- */

/*
 * CPUs that share one clock, or a host's CPU, run in turns of some 10 ms. If another CPU's turn comes between two
 * reads, they are tens of milliseconds apart: a tenth of the observation. So numbers that are compared are read several
 * times, and the fastest reading counts.
 */
#define APART_NS 2000000u
#define TRIES	 16

/* Field 10: proc(5). */
static uint64_t minor_faults(int pid)
{
	unsigned long faults = 0;
	const char *text = strrchr(proc(pid, "stat"), ')');
	if (text)
		sscanf(text, ") %*c %*d %*d %*d %*d %*d %*u %lu", &faults);
	return faults;
}

/* One reading of all numbers that tests compare. */
struct reading {
	struct seen worker[SEEN_MAX];
	uint64_t forks, packets, net_softirqs; /* of the whole machine */
	uint64_t at;			       /* when the turns were read */
};

static void read_machine(struct reading *r)
{
	r->forks = number_after(slurp("/proc/stat"), "\nprocesses ");
	r->packets = strtoull(slurp("/sys/class/net/lo/statistics/rx_packets"), NULL, 10);
	r->net_softirqs = 0;
	const char *at = strstr(slurp("/proc/softirqs"), "NET_RX:");
	char *end = at ? (char *)at + strlen("NET_RX:") : NULL;
	for (; end && *end != '\n' && *end;)
		r->net_softirqs += strtoull(end, &end, 10);
}

/* The number of turns is read directly after the bytes, because their ratio is checked most exactly. */
static void read_worker(struct ktstr_ctx *t, unsigned i, int pid, struct seen *w)
{
	struct ktstr_worker_view v = { 0 };
	w->faults = minor_faults(pid);
	const char *text = proc(pid, "io");
	w->read_bytes = number_after(text, "rchar:");
	w->written_bytes = number_after(text, "wchar:");
	w->reads = number_after(text, "syscr:");
	w->writes = number_after(text, "syscw:");
	ktstr_ctx_worker(t, i, &v);
	w->turns = v.iterations;
	w->units = v.work_units;
	text = proc(pid, "status");
	w->voluntary = number_after(text, "\nvoluntary_ctxt_switches:");
	w->involuntary = number_after(text, "\nnonvoluntary_ctxt_switches:");
	w->rss_kib = number_after(text, "\nVmRSS:");
	w->threads = (unsigned)number_after(text, "\nThreads:");
	for (enum counter c = 0; c < COUNTERS; c++)
		w->count[c] = read_counter(perf[i][c]);
}

static void read_all(struct ktstr_ctx *t, const struct sight *s, struct reading *r)
{
	read_machine(r);
	for (unsigned i = 0; i < s->workers; i++)
		read_worker(t, i, s->worker[i].pid, &r->worker[i]);
	r->at = now_ns();
}

/* Returns the reading that took the shortest time: no other CPU's turn came between its numbers. */
static void read_together(struct ktstr_ctx *t, const struct sight *s, struct reading *ret)
{
	static struct reading tried;
	uint64_t shortest = UINT64_MAX;
	for (unsigned n = 0; n < TRIES && shortest > APART_NS; n++) {
		uint64_t from = now_ns();
		read_all(t, s, &tried);
		uint64_t took = now_ns() - from;
		if (took < shortest)
			*ret = tried;
		shortest = took < shortest ? took : shortest;
	}
}

static void count_time(int pid, bool alone, struct seen *s)
{
	uint64_t from = 0;
	for (unsigned n = 0; n == 0 || (n < TRIES && s->ns - from > APART_NS); n++) {
		from = now_ns();
		sscanf(proc(pid, "schedstat"), "%lu %lu", &s->run_ns, &s->wait_ns);
		if (alone)
			run_until_now(pid, &s->run_ns);
		s->ns = now_ns();
	}
}

static void look_at_pages(struct seen *s)
{
	unsigned long most = 0;
	char *save = NULL, *text = (char *)proc(s->pid, "numa_maps");
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		uint64_t nodes = 0;
		unsigned long pages = 0, n;
		for (unsigned node = 0; node < 8; node++) {
			char key[8];
			snprintf(key, sizeof(key), " N%u=", node);
			n = strstr(line, key) ? number_after(line, key) : 0;
			pages += n;
			nodes |= n ? 1u << node : 0;
		}
		if (strstr(line, "anon=") && pages > most) {
			most = pages;
			s->nodes |= pages > 256 ? nodes : 0;
		}
	}
}

static void look_at_place(unsigned i, struct seen *s)
{
	const char *text = proc(s->pid, "cgroup"), *path = strrchr(text, '/');
	char name[64];
	snprintf(name, sizeof(name), "%.63s", path ? path + 1 : "");
	name[strcspn(name, "\n")] = '\0';
	memcpy(s->cgroup, name, sizeof(name));
	for (unsigned k = 0; k < 8; k++) {
		if (!strcmp(places[i][k], name))
			return;
		if (!places[i][k][0]) {
			memcpy(places[i][k], name, sizeof(name));
			s->cgroups++;
			return;
		}
	}
}

static void look(unsigned i, struct seen *s)
{
	unsigned long mask[16] = { 0 };
	unsigned cpu = 0, priority = 0;
	s->looks++;
	s->policies |= 1ull << (sched_getscheduler(s->pid) & 63);
	s->nices |= 1ull << ((getpriority(PRIO_PROCESS, (unsigned)s->pid) + 20) & 63);
	if (syscall(SYS_sched_getaffinity, s->pid, sizeof(mask), mask) > 0 && bits(mask[0]) == 1)
		s->pinned |= mask[0];
	const char *stat = strrchr(proc(s->pid, "stat"), ')');
	int dynamic = 0;
	/* Fields 18 (priority: -1 - real-time priority, if it has one) and 39 (CPU): proc(5). */
	if (stat && sscanf(stat,
			   ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %d %*d %*d %*d %*u %*u "
			   "%*d %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*d %u %u",
			   &dynamic, &cpu, &priority) >= 2) {
		s->cpus |= 1ull << (cpu & 63);
		s->priorities |= dynamic < 0 ? 1ull << ((-1 - dynamic) & 63) : 0;
	}
	look_at_place(i, s);
	if (access("/sys/devices/system/node/node1", F_OK) == 0)
		look_at_pages(s);
}

/* --- all workers -------------------------------------------------------------------------------------------------- */

/*
 * Start and end are read in the same order, so that all differences are over the same time. Counters are opened before,
 * because it takes some time: the kernel patches its code for a tracepoint.
 */
static void begin(struct ktstr_ctx *t, bool signals, struct sight *s)
{
	struct ktstr_worker_view v;
	memset(s, 0, sizeof(*s));
	memset(places, 0, sizeof(places));
	for (; s->workers < SEEN_MAX && ktstr_ctx_worker(t, s->workers, &v) == 0; s->workers++) {
		s->worker[s->workers] = (struct seen){ .pid = v.pid, .member = v.member };
		for (enum counter c = 0; c < COUNTERS; c++)
			perf[s->workers][c] = c != COUNT_SIGNALS || signals ? open_counter(v.pid, c) : -1;
	}
}

/* @sign 1 adds the time and the machine's counts to @s, -1 subtracts them, 0 does neither. */
static void count_all(struct ktstr_ctx *t, struct sight *s, struct seen *into, int64_t sign)
{
	static struct reading r;
	read_together(t, s, &r);
	for (unsigned i = 0; i < s->workers; i++) {
		into[i].faults = r.worker[i].faults;
		into[i].read_bytes = r.worker[i].read_bytes;
		into[i].written_bytes = r.worker[i].written_bytes;
		into[i].reads = r.worker[i].reads;
		into[i].writes = r.worker[i].writes;
		into[i].turns = r.worker[i].turns;
		into[i].units = r.worker[i].units;
		into[i].voluntary = r.worker[i].voluntary;
		into[i].involuntary = r.worker[i].involuntary;
		into[i].rss_kib = r.worker[i].rss_kib;
		memcpy(into[i].count, r.worker[i].count, sizeof(into[i].count));
		count_time(s->worker[i].pid, r.worker[i].threads == 1, &into[i]);
	}
	s->ns += sign * r.at;
	s->forks += sign * r.forks;
	s->packets += sign * r.packets;
	s->net_softirqs += sign * r.net_softirqs;
}

static void end(struct sight *s)
{
	for (unsigned i = 0; i < s->workers; i++) {
		struct seen *w = &s->worker[i], *b = &before[i];
		for (enum counter c = 0; c < COUNTERS; c++) {
			w->count[c] -= b->count[c];
			if (perf[i][c] >= 0)
				close(perf[i][c]);
		}
		w->ns -= b->ns;
		w->turns -= b->turns;
		w->units -= b->units;
		w->faults -= b->faults;
		w->voluntary -= b->voluntary;
		w->involuntary -= b->involuntary;
		w->read_bytes -= b->read_bytes;
		w->written_bytes -= b->written_bytes;
		w->reads -= b->reads;
		w->writes -= b->writes;
		w->run_ns -= b->run_ns;
		w->wait_ns -= b->wait_ns;
		w->slack_ns = strtoull(proc(w->pid, "timerslack_ns"), NULL, 10);
	}
}

void observe(struct ktstr_ctx *t, unsigned ms, unsigned step_us, bool signals, struct sight *ret)
{
	begin(t, signals, ret);
	count_all(t, ret, before, 0); /* the first reading of a process is slow */
	count_all(t, ret, before, -1);
	uint64_t until = now_ns() + (uint64_t)ms * 1000000u;
	while (now_ns() < until) {
		for (unsigned i = 0; i < ret->workers; i++)
			look(i, &ret->worker[i]);
		ktstr_ctx_sleep_us(t, step_us);
	}
	count_all(t, ret, ret->worker, 1);
	end(ret);
}

void sight_print(const struct sight *s, const char *title)
{
	printf("%s: %lu us, %lu forks, %lu packets, %lu network softirqs\n", title, s->ns / 1000, s->forks, s->packets,
	       s->net_softirqs);
	for (unsigned i = 0; i < s->workers; i++) {
		const struct seen *w = &s->worker[i];
		printf(" %u: turns %lu units %lu run %lu us wait %lu us faults %lu/%lu vol %lu inv %lu switches %lu "
		       "migr %lu "
		       "sig %lu r %lu/%lu w %lu/%lu rss %lu pol %lx nice %lx prio %lx cpus %lx pin %lx cg %u (%s) "
		       "nodes %lx slack "
		       "%lu looks %u\n",
		       w->member, w->turns, w->units, w->run_ns / 1000, w->wait_ns / 1000, w->faults,
		       w->count[COUNT_FAULTS], w->voluntary, w->involuntary, w->count[COUNT_SWITCHES],
		       w->count[COUNT_MIGRATIONS], w->count[COUNT_SIGNALS], w->read_bytes, w->reads, w->written_bytes,
		       w->writes, w->rss_kib, w->policies, w->nices, w->priorities, w->cpus, w->pinned, w->cgroups,
		       w->cgroup, w->nodes, w->slack_ns, w->looks);
	}
}
