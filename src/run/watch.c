/* SPDX-License-Identifier: GPL-2.0-only */
/* watch.c -- see watch.h. */
#include "run/watch.h"

#include <string.h>

#include "run/machine_card.h"
#include "run/watch_hooks.h"
#include "run/watch_look.h"

/* --- what to stop at ---------------------------------------------------------------------------------------------- */

static bool wants_hook(const struct watch *w, enum watch_hook id)
{
	if (id == HOOK_VERIFIED)
		return w->verifies;
	if (id == HOOK_CONSTANTS || id == HOOK_PROGRAM)
		return id == HOOK_PROGRAM ? w->profiler != NULL : w->constants.wanted != NULL;
	return !watch_hook_struct(id) || w->watchdog_s || w->verifies || w->recorder;
}

static void add_hooks(struct watch *w)
{
	for (enum watch_hook id = HOOK_FIRST; id < HOOK_END; id++) {
		uint64_t at = wants_hook(w, id) ? watch_hook_address(id, w->kernel->image.symbols) : 0;
		if (at)
			w->hook[w->observe.hook_count++] =
				(struct observe_hook){ .address = at, .id = id, .kind = OBSERVE_STOP };
	}
	w->observe.hooks = w->hook;
}

static void add_perturb(struct watch *w, const struct observe_perturb *p)
{
	if (!p || !perturb_on(p))
		return;
	w->observe.perturb = *p;
	w->observe.hook_count += perturb_hooks(w->kernel->image.symbols, p->at, w->hook + w->observe.hook_count);
}

static void add_probe(struct watch *w)
{
	const struct watch_probe *p = w->probe;
	if (!p)
		return;
	if (p->sample_ns)
		w->observe.sample_ns = p->sample_ns;
	w->observe.until = p->until;
	w->observe.hook_count += p->hooks(p->data, &w->kernel->image, w->hook + w->observe.hook_count);
}

static void take_record(void *data, const struct observe_record *r)
{
	struct watch *w = data;
	exact_record(w->exact, r);
}

/* False: no memory. */
static bool record_schedule(struct watch *w, const struct vm_config *config)
{
	w->exact = exact_new(&w->kernel->image, &config->topology);
	if (!w->exact)
		return false;
	w->observe.hook_count += exact_hooks(w->exact, w->hook + w->observe.hook_count);
	w->observe.record = take_record;
	w->observe.data = w;
	return true;
}

/* False: no memory. */
static bool count_instructions(struct watch *w, const struct watch_config *asked)
{
	const char *why;
	const struct code_lines *lines = asked->kernel_lines ? watched_kernel_lines(w->kernel, &why) : NULL;
	if (profiler_new(w->kernel->image.symbols, asked->program_lines, lines, &w->profiler) < 0)
		return false;
	profiler_prepare(w->profiler, &w->observe);
	return true;
}

static void give_up(struct watch *w)
{
	w->lack = "out of memory";
	w->kernel = NULL;
}

void watch_prepare(struct watch *w, struct watched_kernel *kernel, const struct kernel *k,
		   const struct vm_backend *backend, const struct watch_config *asked, struct vm_config *config)
{
	const struct captures captures = w->captures;
	free(w->hook);
	profiler_free(w->profiler);
	watched_constants_done(&w->constants);
	watch_live_done(w);
	*w = (struct watch){ .lack = watched_kernel_open(kernel, k, backend),
			     .patience = asked->patience,
			     .watchdog_s = asked->watchdog_s,
			     .recorder = asked->recorder,
			     .probe = asked->probe,
			     .verifies = asked->verifies,
			     .captures = captures };
	watched_constants_init(&w->constants, asked->constants);
	w->low_memory = machine_low_memory(k->arch, backend->name, config->memory_mib);
	if (!w->lack && backend->vcpu_times) {
		w->no_stops = backend->observer_lack(NULL, 0);
		w->kernel = kernel;
		if (!watch_live_prepare(w, config))
			give_up(w);
		return;
	}
	w->hook = w->lack ? NULL : calloc(WATCH_HOOKS_MAX, sizeof(*w->hook));
	if (!w->hook)
		w->lack = w->lack ? w->lack : "out of memory";
	if (w->lack)
		return;
	w->kernel = kernel;
	w->observe.sample_ns = OBSERVE_SAMPLE_PERIOD_NS;
	w->observe.at_end = !asked->probe;
	if (asked->profiles && !count_instructions(w, asked)) {
		give_up(w);
		return;
	}
	add_hooks(w);
	add_perturb(w, asked->perturb);
	add_probe(w);
	if (!w->recorder && !w->probe && !record_schedule(w, config)) {
		give_up(w);
		return;
	}
	if (w->recorder)
		recorder_prepare(w->recorder, &w->observe);
	if (config->kaslr)
		randomised_prepare(&w->randomised, &w->observe);
	config->observe = &w->observe;
}

/* --- looking ------------------------------------------------------------------------------------------------------ */

static void keep_registers(struct watch *w)
{
	const struct observe_stop *s = w->vm->stop;
	free(w->registers);
	w->registers_count = 0;
	w->registers = calloc(s->vcpus, sizeof(*w->registers));
	for (; w->registers && w->registers_count < s->vcpus; w->registers_count++) {
		const struct observe_registers *from = &s->registers[w->registers_count];
		w->registers[w->registers_count] = (struct cpu_registers){ .ip = from->rip,
									   .sp = from->general[RSP],
									   .bp = from->general[RBP],
									   .page_root = from->cr3,
									   .user = from->rip < OBSERVE_ADDRESS_MIN };
	}
}

/* --- samples ------------------------------------------------------------------------------------------------------ */

/* The kernel names code that it has made, before it executes it. */
static void take_program(struct watch *w)
{
	const struct observe_stop *s = w->vm->stop;
	if (w->profiler && s->vcpu < s->vcpus && !watch_find_kernel(w, w->vm->backend->memory(w->vm)))
		profiler_take_program(w->profiler, w->vm, &w->kernel->layout, &w->view,
				      s->registers[s->vcpu].general[RDI]);
}

/* What the test itself wants to see: at a mark of it, or (NULL) at a sample. */
static void look_for_test(struct watch *w, const struct mark *mark)
{
	struct inspector in;
	const struct inspect_config config = watch_inspect(w);
	if (!w->captures.decl || (!mark && !captures_want_samples(&w->captures)) || inspect_begin(&in, &config) < 0)
		return;
	if (mark)
		captures_mark(&w->captures, &in, mark, w->vm->stop->guest_ns);
	else
		captures_sample(&w->captures, &in, w->vm->stop->guest_ns);
	inspect_end(&in);
}

/* The test's process has made the system call that is a mark. */
static void take_mark(struct watch *w)
{
	const struct observe_stop *s = w->vm->stop;
	struct mark mark;
	if (s->vcpu >= s->vcpus || watch_find_kernel(w, w->vm->backend->memory(w->vm)) ||
	    !mark_read(&w->view, w->kernel->mark, s->registers[s->vcpu].general[RDI], &mark))
		return;
	if (w->profiler)
		profiler_mark(w->profiler, w->vm, &mark);
	look_for_test(w, &mark);
}

/* Takes a sample; returns why a dump is due, or NULL. On the reactor's thread: it takes less than a millisecond. */
static const char *take_sample(struct watch *w)
{
	if (watch_find_kernel(w, w->vm->backend->memory(w->vm)))
		return NULL;
	if (sample_take(w->kernel->sampler, &w->view, SAMPLE_ALL, w->vm->stop->guest_ns, "/", &w->sample) < 0)
		return NULL;
	series_add(&w->series, w->kernel->sampler, &w->sample);
	look_for_test(w, NULL);
	verified_settle(&w->verified, &w->kernel->verified, &w->view);
	return !w->dump && watch_is_stalled(w, 0) ? WATCH_STALL_REASON : NULL;
}

/* --- the watchdog of sched_ext ------------------------------------------------------------------------------------ */

/*
 * The kernel takes its watchdog's time from the scheduler's timeout_ms while it attaches, so that is written. Writing
 * the kernel's own copy later would be too late: the watchdog is armed with the old time by then, and the tick would
 * take it to be stuck.
 */
static void set_watchdog(struct watch *w)
{
	const struct observe_stop *s = w->vm->stop;
	struct field f = types_field(w->kernel->image.types, watch_hook_struct(s->hook), "timeout_ms");
	uint32_t ms = w->watchdog_s * 1000;
	if (s->vcpu >= s->vcpus || f.size != sizeof(ms) || watch_find_kernel(w, w->vm->backend->memory(w->vm)))
		return;
	w->watchdog_set = view_write(&w->view, s->registers[s->vcpu].general[RDI] + f.offset, &ms, sizeof(ms)) == 0;
}

/* --- the BPF verifier --------------------------------------------------------------------------------------------- */

/* A program is about to be verified, or was. libbpf has some of its own verified first, of which nothing is noted. */
static void take_verification(struct watch *w)
{
	const struct observe_stop *s = w->vm->stop;
	const struct inspect_config config = watch_inspect(w);
	if (s->vcpu >= s->vcpus || watch_find_kernel(w, w->vm->backend->memory(w->vm)))
		return;
	if (s->hook == HOOK_CONSTANTS)
		return watched_constants_begin(&w->constants, &config);
	verified_note(&w->verified, &w->kernel->verified, &w->kernel->layout, &w->view,
		      s->registers[s->vcpu].general[RDI]);
	watched_constants_end(&w->constants, &config, /* own= */ w->verified.programs);
}

/* A scheduler is about to attach. Its code has addresses now, so its calls can be recorded. */
static void take_attach(struct watch *w)
{
	const struct inspect_config config = watch_inspect(w);
	if (w->watchdog_s)
		set_watchdog(w);
	if (w->recorder && w->vm->stop->hook == HOOK_ATTACH && !watch_find_kernel(w, w->vm->backend->memory(w->vm)))
		recorder_arm(w->recorder, w->vm, &config);
	if (w->verifies && !watch_find_kernel(w, w->vm->backend->memory(w->vm)))
		verified_settle(&w->verified, &w->kernel->verified, &w->view);
}

/* --- the machine -------------------------------------------------------------------------------------------------- */

enum { WATCH_WAIT, WATCH_DUMP, WATCH_PROBE, WATCH_AT_END, WATCH_COUNT };

static struct watch *watch_of(struct machine *m)
{
	return container_of(m, struct watch, machine);
}

static void go_on(struct watch *w)
{
	if (w->constants.all)
		w->vm->backend->kill(w->vm, false);
	else if (w->vm->stop)
		w->vm->backend->resume(w->vm);
}

/* Why a dump is due, or NULL. */
static const char *look(struct watch *w, const struct observe_stop *s)
{
	if (s->why == OBSERVE_AT_UNTIL || (s->why == OBSERVE_AT_HOOK && s->hook >= PROBE_FIRST_HOOK))
		return NULL;
	if (s->why == OBSERVE_AT_TIME)
		return take_sample(w);
	if (s->hook == HOOK_VERIFIED || s->hook == HOOK_CONSTANTS) {
		take_verification(w);
		return NULL;
	}
	if (watch_hook_struct(s->hook)) {
		take_attach(w);
		w->constants.all = w->constants.wanted;
		return NULL;
	}
	if (s->hook == HOOK_PROGRAM) {
		take_program(w);
		return NULL;
	}
	if (s->hook == HOOK_MARK)
		take_mark(w);
	return w->dump ? NULL : watch_hook_reason(s->hook);
}

static void note_failure(struct watch *w, const struct observe_stop *s, const char *reason)
{
	w->reason = reason;
	w->failure = s->why == OBSERVE_AT_TIME ? WATCH_STALLED : (enum watch_failure)s->hook;
	w->failed_ns = s->guest_ns;
	if (w->recorder)
		recorder_stop(w->recorder, s->guest_ns);
}

/* --- the probe ---------------------------------------------------------------------------------------------------- */

/* On the offload pool. */
static int probe_job(void *arg)
{
	struct watch *w = arg;
	const struct inspect_config config = watch_inspect_stacks(w);
	w->probe_next = w->probe->work(w->probe->data, w->vm, &config, &w->job.cancelled);
	return 0;
}

static int ask_probe(struct watch *w, const struct observe_stop *s, const char *failure)
{
	const char *first = w->failure ? NULL : failure;
	if (first)
		note_failure(w, s, first);
	enum probe_next next = PROBE_GO_ON;
	if (!watch_find_kernel(w, w->vm->backend->memory(w->vm))) {
		keep_registers(w);
		const struct inspect_config config = watch_inspect_stacks(w);
		next = w->probe->look(w->probe->data, w->vm, &config, s, first);
	}
	if (next == PROBE_WORK) {
		machine_offload(&w->machine, &w->job, probe_job, w);
		return WATCH_PROBE;
	}
	if (next == PROBE_END)
		w->vm->backend->kill(w->vm, false);
	else
		go_on(w);
	machine_wait_notice(&w->machine, &w->vm->stopped);
	return WATCH_WAIT;
}

/* Hooks are set as soon as it is known where the kernel is. */
static void find_randomised(struct watch *w)
{
	if (!randomised_is_due(&w->randomised, w->vm))
		return;
	watch_find_kernel(w, w->vm->backend->memory(w->vm));
	if (!w->found)
		w->lack = "the kernel was not found at the random place that it has";
	else if (randomised_set(&w->randomised, w->vm, &w->view) < 0)
		w->lack = "there are too many hooks";
	w->randomised.waits = false;
}

/* The stop is only for that. */
static bool is_search(const struct watch *w, const struct observe_stop *s)
{
	return s && w->randomised.waits && s->why == OBSERVE_AT_UNTIL;
}

static int go_on_and_wait(struct watch *w)
{
	go_on(w);
	machine_wait_notice(&w->machine, &w->vm->stopped);
	return WATCH_WAIT;
}

static int wait_to_leave(struct watch *w)
{
	w->at_end = true;
	notice_post(&w->vm->changed);
	machine_wait_notice(&w->machine, &w->leave);
	return WATCH_AT_END;
}

static int wait_for_stop(struct machine *m, int result)
{
	struct watch *w = watch_of(m);
	const struct observe_stop *s = w->vm->stop;
	(void)result;
	if (w->vm->ended || w->vm->observer_damaged)
		return MACHINE_END;
	if (s && s->why == OBSERVE_AT_END)
		return wait_to_leave(w);
	if (is_search(w, s)) {
		find_randomised(w);
		return go_on_and_wait(w);
	}
	const char *failure = s ? look(w, s) : NULL;
	if (s && w->probe)
		return ask_probe(w, s, failure);
	if (!failure && !w->captures.due)
		return go_on_and_wait(w);
	keep_registers(w);
	w->failure_due = failure;
	if (failure)
		note_failure(w, s, failure);
	machine_offload(m, &w->job, watch_dump_job, w);
	return WATCH_DUMP;
}

static int dumped(struct machine *m, int result)
{
	(void)result;
	go_on(watch_of(m));
	machine_nop(m);
	return WATCH_WAIT;
}

static int probed(struct machine *m, int result)
{
	struct watch *w = watch_of(m);
	if (result < 0 || w->probe_next == PROBE_END)
		w->vm->backend->kill(w->vm, false);
	else
		go_on(w);
	machine_wait_notice(m, &w->vm->stopped);
	return WATCH_WAIT;
}

static int left(struct machine *m, int result)
{
	struct watch *w = watch_of(m);
	(void)result;
	w->at_end = false;
	return go_on_and_wait(w);
}

static const struct machine_state states[WATCH_COUNT] = {
	[WATCH_WAIT] = { "wait", wait_for_stop, DEADLINE_NONE, 0,
			 TO(WATCH_WAIT) | TO(WATCH_DUMP) | TO(WATCH_PROBE) | TO(WATCH_AT_END) | TO_END },
	[WATCH_DUMP] = { "dump", dumped, DEADLINE_NONE, 0, TO(WATCH_WAIT), .shielded = true },
	[WATCH_PROBE] = { "probe", probed, DEADLINE_NONE, 0, TO(WATCH_WAIT) },
	[WATCH_AT_END] = { "at end", left, DEADLINE_NONE, 0, TO(WATCH_WAIT) },
};

static void watch_ended(struct machine *m, int result)
{
	struct watch *w = watch_of(m);
	(void)result;
	notice_post(&w->vm->changed);
}

static const struct machine_type watch_type = { "watch", states, WATCH_COUNT, watch_ended };

void watch_start(struct watch *w, struct reactor *r, struct vm *vm, struct machine *parent)
{
	if (!w->kernel)
		return;
	w->vm = vm;
	if (w->no_stops)
		watch_live_start(w, r, parent);
	else
		machine_start(r, &w->machine, &watch_type, parent, "watch");
}

void watch_leave(struct watch *w)
{
	notice_post(&w->leave);
}

void watch_end(struct watch *w, const struct vm *vm)
{
	if (w->profiler)
		profiler_end(w->profiler, vm);
	if (w->no_stops)
		watch_live_end(w);
}

bool watch_running(const struct watch *w)
{
	return w->machine.started && !w->machine.ended;
}

json_t *watch_take_dump(struct watch *w, const struct guestmem *memory)
{
	if (w->dump)
		return TAKE_PTR(w->dump);
	w->vm = NULL;
	free(TAKE_PTR(w->registers));
	w->registers_count = 0;
	if (!w->kernel)
		return dump_placeholder("the machine was not watched", w->lack ? w->lack : "it was not started");
	if (!memory->nodes)
		return dump_placeholder("at the end of the machine", "its memory was freed when it ended");
	return watch_dump(w, "the test failed; this is the guest's memory at its end", memory);
}

void watch_done(struct watch *w)
{
	json_decref(w->dump);
	free(w->hook);
	free(w->registers);
	watch_live_done(w);
	sample_done(&w->sample);
	series_done(&w->series);
	captures_done(&w->captures);
	exact_free(w->exact);
	profiler_free(w->profiler);
	verified_done(&w->verified);
	watched_constants_done(&w->constants);
	*w = (struct watch){ 0 };
}
