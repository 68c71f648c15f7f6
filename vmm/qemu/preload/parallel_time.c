/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * parallel_time.c -- gives each vCPU of a QEMU with -icount a clock of its own, so that they run in parallel in guest
 * time. Preloaded into QEMU together with handoff.c.
 *
 * QEMU runs all vCPUs in one thread and counts their instructions with one counter: three busy vCPUs get a third of the
 * time each. Here the counter is set to the vCPU's own clock before its turn, and that clock is set to the counter
 * after it. The vCPU that is furthest behind has the next turn, and no turn takes it further ahead of the second than
 * the lag. So all clocks of busy vCPUs differ by at most the lag, and the order of the turns is a function of the guest
 * alone. This is the conservative synchronisation of parallel discrete-event simulation, with a window of one lag.
 * A receiver that is ahead gets an interrupt late by up to the lag. So the lag is short while vCPUs talk: for 40 times
 * the long lag after one has sent another an interrupt, or has executed PAUSE. What comes later is late by at most a
 * fortieth of the time since. Otherwise the lag is long, which costs the host less.
 *
 * Rules, in the order of the code below:
 *  - A sleeping vCPU has no clock. An interrupt wakes it at the sender's time, a timer at the timer's time.
 *  - An interrupt for another vCPU ends the sender's turn, so the receiver, which may be behind, is next.
 *  - Timers fire when the last of the vCPUs reaches their time; no turn goes beyond the next timer.
 *  - When all vCPUs sleep, their clocks become equal, and time jumps to the next timer.
 *  - What a guest reads of time never decreases, whichever vCPU reads: a task that migrates to a vCPU that is behind
 *    sees the latest time read so far until that vCPU has passed it.
 *  - PAUSE takes time. Else a vCPU that waits for another would return to the loop after each of its instructions.
 *    In a long wait it takes up to the lag, but at most a fortieth of the wait so far.
 *  - A vCPU can be held back in its turn, before it, or when it is interrupted: its clock moves on without it.
 *  - A turn that the lag ends does so between two of QEMU's blocks of instructions, so it may be shorter by less
 *    than a block (turn_end.c). All others end at the instruction, and so do those whose first block is too long.
 *  - A vCPU of less capacity takes more time for the same instructions: its clock moves on by more than it executed.
 *    That happens at the ends of turns, which are short for such a vCPU; what it reads in between is too early by less
 *    than one of them.
 *  - A turn in which somebody wants to look (struct observe_until) has two parts. The second goes on as if there had
 *    been no stop: no other vCPU runs in between, and the turn ends where it would have ended.
 *  - A machine that stops shows one time: that of the vCPU furthest ahead. When it goes on, so do all clocks as before.
 *
 * The loop takes the place of QEMU's (accel/tcg/tcg-accel-ops-rr.c, rr_cpu_thread_fn()), whose first call in each round
 * is the function that is replaced here, and never returns. It begins with KTSTR_TCG_LAG_NS=N; without it, functions
 * here do what QEMU's own do. With N = 0 the program ends as soon as it is clear whether this QEMU can do it.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vmm/qemu/observer/observer.h"
#include "vmm/qemu/preload/call_site.h"
#include "vmm/qemu/preload/capacity.h"
#include "vmm/qemu/preload/code_cache.h"
#include "vmm/qemu/preload/devices.h"
#include "vmm/qemu/preload/handoff.h"
#include "vmm/qemu/preload/internals.h"
#include "vmm/qemu/preload/turn_end.h"
#include "vmm/qemu/preload/turn_queue.h"

#define LAG_VARIABLE	   "KTSTR_TCG_LAG_NS"
#define PAUSE_NS	   400	/* about 140 cycles, as on current x86 processors */
#define TALK_LAG_NS	   1000 /* the most that the lag is while vCPUs talk */
#define TALK_LAGS	   40	/* they talk for this many long lags after an interrupt or a PAUSE */
#define SPIN_GAP_NS	   600	/* PAUSEs that are less apart are one wait: the kernel's loops take up to 0.2 us */
#define MAIN_LOOP_STEPS	   4096
#define STUCK_TURNS	   64
#define SLOW_LAGS	   8  /* the longest turn of a vCPU of less capacity, in lags */
#define STATUS_UNAVAILABLE 69 /* EX_UNAVAILABLE of sysexits.h */

/* Times are in instructions, as QEMU's counter. */
struct vcpu {
	struct cpu *cpu;
	int64_t at;	   /* its clock; without meaning while it sleeps */
	int64_t woken;	   /* when the last interrupt was raised for it */
	int64_t paused;	   /* when its last PAUSE ended */
	int64_t spins;	   /* when the wait began to which that belongs */
	bool asleep;	   /* known as of the last look; else it is in guest.awake */
	bool look;	   /* it is in guest.look: it may have fallen asleep or have been woken since */
	atomic_bool asked; /* someone wants it to stop, or to call a function */
	unsigned stuck;	   /* turns in a row without progress */
	int64_t capacity;  /* 1 .. CAPACITY_MAX: instructions in a unit of time, times CAPACITY_MAX */
	int64_t owed;	   /* the part of a unit of time that its clock has not moved on yet, times capacity */
};

/* Global, because the functions below replace those of QEMU, which take no context. */
static struct {
	struct qemu_internals qemu;
	struct vcpu *vcpu; /* NULL: QEMU's own loop runs */
	unsigned vcpus;
	struct turn_queue awake;
	struct vcpu **look; /* so many: */
	unsigned looks;
	int64_t lag, talk_lag, pause, spin_gap;
	int64_t talk_ends;    /* when the lag becomes long again */
	int64_t time;	      /* of the vCPU that is furthest behind */
	struct vcpu *running; /* NULL between turns */
	bool cut;	      /* its turn is to end: it sent an interrupt or armed a timer */
	bool by_lag;	      /* its turn ends because of the lag */
	int64_t began;	      /* its clock when its turn began */
	struct vcpu *split;   /* its turn is in two parts, of which this is the first, or the second is due; or NULL */
	int64_t rest;	      /* of that turn: its second part */
	int64_t split_pause;  /* of a PAUSE: what is later than the first part */
	int64_t held;	      /* added to its clock when its turn has ended */
	int64_t latest;	      /* ns: the latest time that the guest has read */
	atomic_bool asked;    /* some vcpu[].asked */
	unsigned steps;	      /* since the main loop's last turn */
} guest;

static struct vcpu *vcpu_of(const struct cpu *cpu)
{
	for (unsigned i = 0; i < guest.vcpus; i++)
		if (guest.vcpu[i].cpu == cpu)
			return &guest.vcpu[i];
	return NULL;
}

/* Also by other threads that raise interrupts: under QEMU's lock. */
static void ask_to_look(struct vcpu *v)
{
	if (!v->look)
		guest.look[guest.looks++] = v;
	v->look = true;
}

/* --- the instructions that are left of a turn --------------------------------------------------------------------- */

static int64_t turn_left(const struct vcpu *v)
{
	const struct qemu_internals *q = &guest.qemu;
	return FIELD(v->cpu, q->low, uint16_t) + FIELD(v->cpu, q->extra, int64_t);
}

static void set_turn_left(struct vcpu *v, int64_t left)
{
	const struct qemu_internals *q = &guest.qemu;
	uint16_t low = (uint16_t)min(left, UINT16_MAX);
	FIELD(v->cpu, q->low, uint16_t) = low;
	FIELD(v->cpu, q->extra, int64_t) = left - low;
}

/* The running vCPU's time; between turns, the time of the one furthest behind. */
static int64_t now(void)
{
	const struct qemu_internals *q = &guest.qemu;
	const struct vcpu *v = guest.running;
	return *q->icount + (v ? FIELD(v->cpu, q->budget, int64_t) - turn_left(v) : 0);
}

/* --- what QEMU calls ---------------------------------------------------------------------------------------------- */

static void talk(void)
{
	guest.talk_ends = max(guest.talk_ends, now() + TALK_LAGS * guest.lag);
}

static void cut_turn(void)
{
	guest.cut = true;
	guest.qemu.call.exit(guest.running->cpu);
}

/* With one vCPU there is nobody to go on first. */
static void hold(int64_t ns)
{
	if (guest.vcpus < 2 || !guest.running)
		return;
	guest.held += guest.qemu.call.to_instructions(ns);
	cut_turn();
}

static void hold_receiver(struct vcpu *v)
{
	bool may = guest.vcpus > 1 && guest.running != v && handoff_is_vcpu();
	int64_t late = may ? guest.qemu.call.to_instructions(observer_hold_interrupt(!guest.running)) : 0;
	v->woken += late;
	v->at += v->asleep ? 0 : late;
}

/* Raises interrupts for a vCPU. */
static void on_interrupt(struct cpu *cpu, int mask)
{
	const struct qemu_internals *q = &guest.qemu;
	if (!guest.vcpu) {
		internals_original(HANDLE_INTERRUPT).handle_interrupt(cpu, mask);
		return;
	}
	uint32_t before = FIELD(cpu, q->interrupt_request, uint32_t);
	q->handle_interrupt(cpu, mask);
	struct vcpu *v = vcpu_of(cpu);
	if (!v || !((uint32_t)mask & ~before))
		return;
	v->woken = now();
	ask_to_look(v);
	hold_receiver(v);
	if (guest.running && guest.running != v) {
		talk();
		cut_turn();
	}
}

/* Someone has a request for @cpu, or it armed a timer, which may be due before its turn ends. */
static void on_kick(struct cpu *cpu)
{
	if (!guest.vcpu) {
		internals_original(KICK_THREAD).kick_thread(cpu);
		return;
	}
	struct vcpu *v = vcpu_of(cpu);
	if (v)
		v->asked = true;
	guest.asked = true;
	if (handoff_is_vcpu() && guest.running)
		cut_turn();
}

/* The next block of the running vCPU has more instructions than are left of its turn. */
static void turn_ran_out(struct cpu *cpu)
{
	const struct qemu_internals *q = &guest.qemu;
	q->call.account(cpu);
	if (!guest.running || !guest.by_lag || *q->icount <= guest.began)
		return;
	int64_t left = FIELD(cpu, q->budget, int64_t) + (guest.split ? guest.rest : 0);
	if (guest.split && observer_next_block(cpu) <= left)
		return;
	FIELD(cpu, q->budget, int64_t) = 0;
}

/* What devices and RDTSC take for the time. */
static int64_t read_clock(void)
{
	int64_t t = guest.qemu.call.icount_ns();
	return guest.running ? guest.latest = max(guest.latest, t) : t;
}

/* --- requests ----------------------------------------------------------------------------------------------------- */

static void serve_requests(void)
{
	const struct qemu_functions *call = &guest.qemu.call;
	/* Mostly nobody has asked, and an exchange costs much more than a look. */
	if (!atomic_load_explicit(&guest.asked, memory_order_relaxed) || !atomic_exchange(&guest.asked, false))
		return;
	for (struct vcpu *v = guest.vcpu; v < guest.vcpu + guest.vcpus; v++) {
		if (!atomic_exchange(&v->asked, false))
			continue;
		*guest.qemu.current = v->cpu;
		call->serve(v->cpu);
		ask_to_look(v);
	}
}

static void ask_all(void)
{
	for (unsigned i = 0; i < guest.vcpus; i++)
		guest.vcpu[i].asked = true;
	guest.asked = true;
}

/* --- whose turn it is --------------------------------------------------------------------------------------------- */

static void look_at(struct vcpu *v)
{
	const struct qemu_functions *call = &guest.qemu.call;
	bool awake = call->can_run(v->cpu) && !call->is_idle(v->cpu);
	unsigned index = (unsigned)(v - guest.vcpu);
	if (awake && v->asleep)
		v->at = max(v->at, max(v->woken, guest.time));
	if (awake)
		turn_queue_put(&guest.awake, index, v->at);
	else
		turn_queue_remove(&guest.awake, index);
	v->asleep = !awake;
	v->look = false;
}

/* The vCPU that is furthest behind; of equals, the first. NULL: all sleep. */
static struct vcpu *choose(void)
{
	if (!guest.qemu.call.is_running()) /* nobody falls asleep or is woken */
		return NULL;
	while (guest.looks)
		look_at(guest.look[--guest.looks]);
	return turn_queue_empty(&guest.awake) ? NULL : &guest.vcpu[turn_queue_first(&guest.awake)];
}

/* --- timers ------------------------------------------------------------------------------------------------------- */

static void run_timers(void)
{
	guest.qemu.call.notify_clock(CLOCK_VIRTUAL);
	guest.qemu.call.run_timers(CLOCK_VIRTUAL);
}

/*
 * All vCPUs sleep: their clocks become equal, and jump to the next timer. If there is none, or the machine is stopped,
 * the thread waits.
 */
static void sleep_until_timer(void)
{
	const struct qemu_functions *call = &guest.qemu.call;
	const bool running = call->is_running();
	int64_t latest = guest.time;
	for (unsigned i = 0; i < guest.vcpus; i++)
		latest = max(latest, guest.vcpu[i].at);
	internals_set_icount(&guest.qemu, latest);
	for (unsigned i = 0; running && i < guest.vcpus; i++)
		guest.vcpu[i].at = guest.time = latest;
	*guest.qemu.current = guest.vcpu[0].cpu;
	if (running && call->deadline(CLOCK_VIRTUAL, ATTRIBUTES_ALL) >= 0) {
		call->skip_idle();
		run_timers();
		return;
	}
	while (call->all_idle())
		call->wait(guest.qemu.halt_condition);
	ask_all();
}

/* --- a turn ------------------------------------------------------------------------------------------------------- */

/* How long a PAUSE takes. Long waits do not count as talk: nobody has said anything for long. */
static int64_t pause_time(struct vcpu *v)
{
	int64_t at = now();
	if (at - v->paused > guest.spin_gap)
		v->spins = at;
	int64_t pause = max(guest.pause, min((at - v->spins) / TALK_LAGS, guest.lag));
	if (pause < guest.lag)
		talk();
	v->paused = at + pause;
	return pause;
}

/*
 * The vCPU executed PAUSE, or its turn has ended. Returns whether it goes on. With one vCPU there is nobody to wait
 * for, and PAUSE costs what it costs with QEMU's own loop.
 */
static bool goes_on(struct vcpu *v)
{
	int64_t left = turn_left(v);
	if (guest.cut || guest.vcpus < 2 || left <= 0 || !guest.qemu.call.can_run(v->cpu))
		return false;
	int64_t pause = pause_time(v);
	set_turn_left(v, max(left - pause, 0));
	if (guest.split && pause >= left) {
		guest.split_pause = min(pause - left, guest.rest);
		guest.rest -= guest.split_pause;
	}
	return left > pause;
}

static int execute(struct vcpu *v, int64_t budget)
{
	const struct qemu_internals *q = &guest.qemu;
	int why;
	FIELD(v->cpu, q->budget, int64_t) = budget;
	FIELD(v->cpu, q->exit_request, uint8_t) = 0;
	set_turn_left(v, budget);
	guest.cut = false;
	guest.running = v;
	q->call.exec_start(v->cpu);
	do
		why = q->call.exec(v->cpu);
	while ((why == EXCP_INTERRUPT || why == EXCP_YIELD) && goes_on(v));
	q->call.exec_end(v->cpu);
	q->call.account(v->cpu);
	guest.running = NULL;
	set_turn_left(v, 0);
	FIELD(v->cpu, q->budget, int64_t) = 0;
	return why;
}

/* The time that a vCPU takes for instructions. */
static int64_t time_of(struct vcpu *v, int64_t instructions)
{
	int64_t scaled = instructions * CAPACITY_MAX + v->owed;
	v->owed = scaled % v->capacity;
	return scaled / v->capacity;
}

/* @deadline: ns to the next timer; negative: there is none. */
static int64_t budget_of(const struct vcpu *v, int64_t deadline)
{
	int64_t budget = guest.qemu.call.to_instructions(deadline < 0 ? INT32_MAX : min(deadline, INT32_MAX));
	int64_t lag = v->at < guest.talk_ends ? guest.talk_lag : guest.lag, second;
	guest.by_lag = turn_queue_second(&guest.awake, &second) && second + lag - v->at < budget;
	if (guest.by_lag)
		budget = second + lag - v->at;
	if (v->capacity == CAPACITY_MAX)
		return max(budget, 1);
	guest.by_lag |= budget > SLOW_LAGS * guest.lag;
	return max(min(budget, SLOW_LAGS * guest.lag) * v->capacity / CAPACITY_MAX, 1);
}

/* The first part of a turn in which somebody wants to look: as long as it takes to get there. */
static int64_t split_turn(struct vcpu *v, int64_t budget)
{
	int64_t left_ns = observer_time_left((unsigned)(v - guest.vcpu));
	int64_t left = left_ns == INT64_MAX ? INT64_MAX : guest.qemu.call.to_instructions(max(left_ns, 1));
	guest.split = left < budget ? v : NULL;
	guest.rest = guest.split ? budget - left : 0;
	guest.split_pause = 0;
	return min(left, budget);
}

/* Whether the part of a turn ended only because somebody wants to look. */
static bool is_split_end(const struct vcpu *v, int why, int64_t end)
{
	return guest.split == v && why == EXCP_INTERRUPT && !guest.cut && *guest.qemu.icount == end &&
	       guest.qemu.call.can_run(v->cpu) && !guest.qemu.call.is_idle(v->cpu);
}

static void run_turn(struct vcpu *v, int64_t whole)
{
	const struct qemu_functions *call = &guest.qemu.call;
	int64_t budget = split_turn(v, whole), end = *guest.qemu.icount + budget;
	call->unlock();
	int why = execute(v, budget);
	if (!is_split_end(v, why, end))
		guest.split = NULL;
	v->stuck = *guest.qemu.icount == v->at ? v->stuck + 1 : 0;
	v->at += time_of(v, max(*guest.qemu.icount - v->at, 0)) + guest.split_pause + guest.held +
		 (v->stuck && v->stuck % STUCK_TURNS == 0);
	guest.held = guest.split_pause = 0;
	v->woken = v->at;
	if (why == EXCP_ATOMIC)
		call->exec_atomic(v->cpu);
	call->lock(__FILE__, __LINE__);
	ask_to_look(v);
	if (why == EXCP_DEBUG)
		call->handle_debug(v->cpu);
	/* It stopped the machine. The main loop stops the others, which must not go on until it has. */
	if (!call->can_run(v->cpu)) {
		v->asked = true;
		guest.asked = true;
		guest.steps = MAIN_LOOP_STEPS;
	}
}

/* Somebody looks in the middle of the turn of @v; then it goes on. */
static void look_and_go_on(struct vcpu *v)
{
	*guest.qemu.current = v->cpu;
	internals_set_icount(&guest.qemu, v->at);
	observer_reached((unsigned)(v - guest.vcpu));
	if (guest.rest > 0)
		run_turn(v, guest.rest);
	else
		guest.split = NULL;
}

static void take_turn(struct vcpu *v, int64_t deadline)
{
	guest.began = v->at;
	run_turn(v, budget_of(v, deadline));
	while (guest.split)
		look_and_go_on(guest.split);
}

/* --- the loop ----------------------------------------------------------------------------------------------------- */

static void let_main_loop_run(void)
{
	guest.steps = 0;
	guest.qemu.call.unlock();
	handoff_let_main_run();
	guest.qemu.call.lock(__FILE__, __LINE__);
}

static bool hold_turn(struct vcpu *v)
{
	int64_t ns = guest.vcpus < 2 ? 0 : observer_hold_turn((unsigned)(v - guest.vcpu));
	v->at += guest.qemu.call.to_instructions(ns);
	if (ns)
		ask_to_look(v);
	return ns;
}

/* One step of the guest: a turn, the timers that are due, or a jump to the next timer. */
static void step(void)
{
	serve_requests();
	struct vcpu *first = choose();
	if (!first) {
		sleep_until_timer();
		return;
	}
	bool again = guest.time == first->at;
	guest.time = first->at;
	*guest.qemu.current = first->cpu;
	if (*guest.qemu.icount != first->at)
		internals_set_icount(&guest.qemu, first->at);
	observer_between_turns();
	code_cache_make_room();
	if (hold_turn(first))
		return;
	int64_t deadline = guest.qemu.call.deadline(CLOCK_VIRTUAL, ATTRIBUTES_ALL);
	if (!again && deadline == 0)
		run_timers();
	else
		take_turn(first, deadline);
}

static void need(const char *missing)
{
	if (!missing)
		return;
	fprintf(stderr, "this QEMU does not show %s\n", missing);
	_exit(STATUS_UNAVAILABLE);
}

static void start(int64_t lag_ns)
{
	const struct qemu_functions *call = &guest.qemu.call;
	need(internals_find(&guest.qemu));
	if (observer_wanted())
		need(observer_start(&guest.qemu, hold));
	unsigned count = 0;
	while (call->get_cpu((int)count))
		count++;
	struct vcpu *v = calloc(count, sizeof(*v));
	guest.look = calloc(count, sizeof(*guest.look));
	if (!v || !guest.look || !turn_queue_init(&guest.awake, count))
		abort();
	guest.time = *guest.qemu.icount;
	for (unsigned i = 0; i < count; i++) {
		v[i] = (struct vcpu){ .cpu = call->get_cpu((int)i), .at = guest.time, .woken = guest.time };
		v[i].capacity = capacity_of(i);
	}
	guest.lag = max(call->to_instructions(lag_ns), 1);
	guest.talk_lag = min(guest.lag, max(call->to_instructions(TALK_LAG_NS), 1));
	guest.pause = call->to_instructions(PAUSE_NS);
	guest.spin_gap = call->to_instructions(SPIN_GAP_NS);
	guest.vcpus = count;
	guest.vcpu = v;
	need(turn_end_redirect(&guest.qemu, turn_ran_out));
	for (unsigned i = 0; i < guest.qemu.clocks; i++)
		*guest.qemu.clock[i] = read_clock;
	if (guest.qemu.kick)
		*guest.qemu.kick = on_kick;
	ask_all();
	handoff_by_request();
}

/* QEMU's own loop goes on, and calls this in each round. */
static void observe_round(void)
{
	static bool started;
	if (!started) {
		need(internals_find_clock(&guest.qemu));
		need(observer_start(&guest.qemu, NULL));
	}
	started = true;
	observer_between_turns();
}

/* QEMU's loop calls this first, with the big lock held. */
static void on_deadline(void)
{
	const char *lag = getenv(LAG_VARIABLE);
	need(devices_start());
	if (!lag) {
		if (observer_wanted())
			observe_round();
		code_cache_make_room();
		return internals_original(HANDLE_DEADLINE).handle_deadline();
	}
	start(atoll(lag));
	if (!atoll(lag)) /* asked only whether it is possible */
		_exit(0);
	for (;;) {
		step();
		if (++guest.steps >= MAIN_LOOP_STEPS || handoff_main_is_asked())
			let_main_loop_run();
	}
}

/* --- how QEMU comes to call these --------------------------------------------------------------------------------- */

EXPORT void icount_handle_deadline(void)
{
	on_deadline();
}

EXPORT void tcg_handle_interrupt(struct cpu *cpu, int mask)
{
	on_interrupt(cpu, mask);
}

EXPORT void rr_kick_vcpu_thread(struct cpu *cpu)
{
	on_kick(cpu);
}

/* The third is called through the accelerator's table, which start() changes. */
__attribute__((constructor)) static void replace_builtin(void)
{
	const struct call_site_replaced functions[] = {
		{ "icount_handle_deadline", __extension__(void *) on_deadline },
		{ "tcg_handle_interrupt", __extension__(void *) on_interrupt },
	};
	call_site_replace_builtin(functions, sizeof(functions) / sizeof(*functions));
}
