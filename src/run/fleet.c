/* SPDX-License-Identifier: GPL-2.0-only */
/* fleet.c -- starts attempts of the plan's items and reports their results. fleet_view.c shows them while they run. */
#include <signal.h>
#include <string.h>

#include "base/bug.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/message.h"
#include "base/text.h"
#include "reactor/signal.h"
#include "report/failure.h"
#include "report/host.h"
#include "report/payload_lines.h"
#include "run/devices.h"
#include "run/fleet.h"

/*
 * Host time limits for guests that hang; far more than a working guest needs. They grow with the number of CPUs: guest
 * CPUs come online one after the other, and on tcg they share one host thread.
 */
static void set_deadlines(const struct fleet *f, struct attempt *a)
{
	const struct plan_case *c = a->item;
	nsec_t cpus = topology_cpus(&c->topology);
	double scale = c->time_dilation * f->config.deadline_percent / 100.0;
	a->boot_deadline = (nsec_t)(scale * (3 * NSEC_PER_MIN + cpus * 10 * NSEC_PER_SEC));
	a->setup_deadline = (nsec_t)(scale * (2 * NSEC_PER_MIN + test_attach_timeout(c->test) * (9 + cpus)));
	a->run_deadline = (nsec_t)(scale * (2 * NSEC_PER_MIN + c->test->duration * (20 + cpus)));
}

static void start_attempt(struct fleet *f, size_t index, unsigned number);

/* --- output ------------------------------------------------------------------------------------------------------- */

/* Prints a text for the user. */
static void say(struct fleet *f, const struct buf *text)
{
	fleet_view_hide(f);
	output_buf(f->config.messages, text);
}

static void show_capture(struct fleet *f, const struct attempt *a)
{
	const struct evidence *e = &a->evidence;
	output_buf(f->config.messages, &e->console);
	for (size_t i = 1; i < WIRE_STREAM_MAX; i++)
		output_buf(f->config.messages, &e->text[i]);
}

static bool wants_report(const struct fleet *f, const struct result *r)
{
	enum ktstr_verdict v = r->judgement->verdict;
	if (r->known_outcome == KNOWN_XFAIL || f->config.no_reports || f->config.exploring)
		return false;
	return v == KTSTR_FAIL || v == KTSTR_INCONCLUSIVE ||
	       (v == KTSTR_PASS && (f->config.log_passes || f->config.no_capture));
}

/* One line of the event stream; the caller has made @event. */
static void put_stream(struct fleet *f, const json_t *event)
{
	_cleanup_buf_ struct buf line = BUF_NULL;
	json_print(event, false, &line);
	output_buf(f->config.stream, &line);
}

static void on_admitted(struct attempt *a)
{
	struct fleet *f = a->owner;
	if (!f->config.stream)
		return;
	json_auto_t *event = started_json(a->item->name, a->item->topology_text, a->number, a->seed);
	put_stream(f, event);
}

static void put_record(struct fleet *f, const struct plan_case *c, const char *sidecar, const char *why)
{
	if (f->config.records)
		run_records_add(f->config.records, c, sidecar, sidecar ? NULL : why);
}

/* Line and report are results, and go to the same output. Beside JSON lines, the report is a message for the user. */
static void report(struct fleet *f, const struct attempt *a)
{
	_cleanup_buf_ struct buf line = BUF_NULL, details = BUF_NULL, replay = BUF_NULL;
	struct event_layout layout = f->layout;
	struct result result;
	attempt_result(a, &replay, &result);
	layout.report_follows = wants_report(f, &result);
	fleet_view_hide(f);
	if (f->config.stream) {
		json_auto_t *event = event_json(&result);
		put_stream(f, event);
	}
	if (f->config.json) {
		json_auto_t *event = event_json(&result);
		json_print(event, false, &line);
	} else {
		event_line(&result, &layout, &f->config.out, &line);
		if (f->config.log_passes || f->config.no_capture)
			payload_lines(&result, &f->config.out, &line);
	}
	output_buf(f->config.events, &line);
	if (f->config.no_capture)
		show_capture(f, a);
	if (!layout.report_follows)
		return;
	failure_report(&result, f->config.json ? &f->config.err : &f->config.out, &details);
	output_buf(f->config.json ? f->config.messages : f->config.events, &details);
}

/* --- attempts ----------------------------------------------------------------------------------------------------- */

static void keep_error(struct fleet *f, struct attempt *a)
{
	if (!f->err)
		f->err = TAKE_PTR(a->err);
}

/* A judged result could not be stored: prints an error now, and notes the name for the end of the run. */
static void note_lost(struct fleet *f, const struct attempt *a, int result)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (a->err)
		err_format(a->err, &text);
	else
		buf_appendf(&text, "keep the result of '%s': %s", a->item->name, strerror(-result));
	fleet_view_hide(f);
	message(f->config.messages, &f->config.err, MESSAGE_ERROR, "%s", buf_str(&text));
	buf_appendf(&f->lost, "%s%s", f->lost.len ? ", " : "", a->item->name);
	f->lost_count++;
}

/* Counts a result that concerns a known failure; false: it does not. */
static bool count_known(struct fleet *f, const struct attempt *a)
{
	switch (attempt_known(a)) {
	case KNOWN_XFAIL:
		f->counts.xfailed++;
		return true;
	case KNOWN_XPASS:
		f->counts.xpassed++;
		f->counts.xallowed += a->item->known_fail->flaky;
		return true;
	case KNOWN_NONE:
		return false;
	}
	return false;
}

/* Tests that run come to their end; those that wait for CPUs do not start. */
static void stop_starting(struct fleet *f, const char *why)
{
	if (f->stopped)
		return;
	f->stopped = why;
	for (size_t i = 0; i < f->config.plan->count; i++)
		if (f->live[i])
			attempt_cancel_unstarted(f->live[i]);
}

static void count_verdict(struct fleet *f, const struct attempt *a, enum ktstr_verdict v)
{
	switch (v) {
	case KTSTR_PASS:
		f->counts.passed++;
		f->counts.flaky += a->outcome.flaky;
		break;
	case KTSTR_FAIL:
		f->counts.failed++;
		break;
	case KTSTR_INCONCLUSIVE:
		f->counts.inconclusive++;
		f->counts.allowed += a->item->test->allow_inconclusive;
		break;
	case KTSTR_SKIP:
		f->counts.skipped++;
		break;
	}
}

static void stop_at_failures(struct fleet *f)
{
	if (f->config.failures_most && f->counts.failed + f->noted_failures >= f->config.failures_most)
		stop_starting(f, "the run ended at an earlier failure (--fail-fast, --max-fail)");
}

static void offer_verdict(struct fleet *f, const struct attempt *a, enum ktstr_verdict v)
{
	if (f->config.judged && f->config.judged(f->config.data, a, v))
		stop_starting(f, "there were enough different failures (--until-signatures)");
}

/*
 * The last try of a test was judged, and is to be stored. It counts from now on for what ends the run, so that no other
 * test starts on its CPUs first.
 */
static void on_judged(struct attempt *a)
{
	struct fleet *f = a->owner;
	enum ktstr_verdict v = attempt_known(a) != KNOWN_NONE ? KTSTR_PASS : a->judgement.verdict;
	if (!a->outcome.final)
		return;
	a->noted = true;
	a->noted_failed = v == KTSTR_FAIL;
	f->noted_failures += a->noted_failed;
	offer_verdict(f, a, v);
	stop_at_failures(f);
}

/* Counts the last try of a test and offers it to the closing summary. */
static void count(struct fleet *f, const struct attempt *a)
{
	_cleanup_buf_ struct buf replay = BUF_NULL;
	struct result result;
	const struct flake_policy policy = attempt_policy(a);
	/* Not final: the run was interrupted when this try ended, so no other try follows. */
	enum ktstr_verdict v = a->outcome.final ? a->judgement.verdict
						: flake_fold(&policy, attempt_history(a), /* cut= */ true).verdict;
	attempt_result(a, &replay, &result);
	put_record(f, a->item, a->sidecar, "its result could not be stored");
	closing_add(f->config.closing, &result, v);
	eta_note(&f->eta, a->wall, a->item->estimate);
	if (count_known(f, a))
		v = KTSTR_PASS;
	else
		count_verdict(f, a, v);
	if (a->noted)
		f->noted_failures -= a->noted_failed;
	else
		offer_verdict(f, a, v);
}

static void on_ended(struct attempt *a, int result)
{
	struct fleet *f = a->owner;
	size_t index = (size_t)(a->item - f->config.plan->item);
	bool again = false;
	REQUIRE(f->live[index] == a);
	f->live[index] = NULL;
	if (a->judged) {
		again = !a->outcome.final && !f->counts.interrupted;
		report(f, a);
		if (!again)
			count(f, a);
		stop_at_failures(f);
		fleet_drop_cells(f, a);
	} else {
		f->counts.not_run++;
		put_record(f, a->item, NULL,
			   f->counts.interrupted ? "the run was interrupted"
			   : a->dropped		 ? a->dropped
			   : f->stopped		 ? f->stopped
						 : "it could not be started");
	}
	if (a->judged && !a->stored)
		note_lost(f, a, result);
	else if (result < 0 && result != -ECANCELED && !a->stored)
		keep_error(f, a);
	if (again)
		start_attempt(f, index, a->number + 1);
	else
		f->open--;
	/* attempt_judge() removes it, unless the attempt was never judged. */
	if (a->sandbox.path)
		sandbox_remove(&f->groups, &a->sandbox);
	attempt_done(a);
	free(a);
}

/* Try 1 has the seed of the run. Each further try has another seed, so that it does not repeat the same failure. */
static uint64_t seed_of(const struct fleet *f, unsigned number)
{
	return f->config.seed + (number - 1) * 0x9e3779b97f4a7c15u;
}

/* Notes that a test could not be started, as an error of the run. The caller has counted the test as open. */
static void give_up_attempt(struct fleet *f, const struct plan_case *c)
{
	if (!f->err)
		FAIL_SYS(&f->err, -ENOMEM, "start test '%s'", c->name);
	put_record(f, c, NULL, "it could not be started");
	f->counts.not_run++;
	f->open--;
}

static struct vm_config machine_of(struct fleet *f, const struct attempt *a, const struct plan_case *c)
{
	return (struct vm_config){ .arch = c->kernel->arch,
				   .topology = c->topology,
				   .memory_mib = c->memory_mib,
				   .kernel = fleet_boot_file(f, c->kernel),
				   .kargs = c->test->scheduler ? (const char *const *)c->test->scheduler->kargs : NULL,
				   .seed = a->seed,
				   .icount_shift = c->icount_shift,
				   .lag_ns = c->lag_ns,
				   .time_dilation = c->time_dilation,
				   .late_cpus = c->kernel->serial_smp,
				   .kaslr = c->test->kaslr,
				   .files = &f->files,
				   .perf = c->perf,
				   .verbose = f->config.verbose };
}

/* NULL: out of memory. Its fields are set one by one, as all of it is too large for a stack. */
static struct attempt *new_attempt(struct fleet *f, const struct plan_case *c, unsigned number)
{
	struct attempt *a = calloc(1, sizeof(*a));
	if (!a)
		return NULL;
	a->env = &f->env;
	a->item = c;
	a->owner = f;
	a->number = number;
	a->on_host = c->test->host_only;
	a->seed = seed_of(f, number);
	a->initrd_fd = a->initrd_common_fd = a->kernel_fd = -1;
	a->keep_memory = f->config.keep_memory;
	a->keep_cpus = f->config.failures_most || f->config.judged;
	a->covers = f->config.coverage != NULL;
	a->sandbox = SANDBOX_NULL;
	a->request = fleet_request(f, c);
	a->need = fleet_need(f, c);
	a->config = machine_of(f, a, c);
	set_deadlines(f, a);
	a->devices = devices_of(&c->test->devices);
	if (device_decl_any(&c->test->devices))
		a->config.devices = &a->devices;
	/* A disk's content is not part of a snapshot. */
	else if (!a->on_host)
		a->clone_template = fleet_clone_template(f, a);
	return a;
}

static void start_attempt(struct fleet *f, size_t index, unsigned number)
{
	const struct plan_case *c = &f->config.plan->item[index];
	struct attempt *a = new_attempt(f, c, number);
	if (!a) {
		give_up_attempt(f, c);
		return;
	}
	f->live[index] = a;
	attempt_start(f->reactor, a, NULL, c->name);
}

/* --- language model ----------------------------------------------------------------------------------------------- */

static struct machine *ask_model(struct attempt *a)
{
	struct fleet *f = a->owner;
	a->model = model_metrics_start(a, &f->model);
	return a->model ? &a->model->machine : NULL;
}

/* --- second runs -------------------------------------------------------------------------------------------------- */

/* The same machine again, started in the same way. */
static struct attempt *make_second(struct attempt *a)
{
	struct fleet *f = a->owner;
	struct attempt *second = a->recorder_of_second ? new_attempt(f, a->item, a->number) : NULL;
	if (!second)
		return NULL;
	second->env = &f->second_env;
	second->keep_memory = false;
	second->covers = false;
	second->recorder = TAKE_PTR(a->recorder_of_second);
	return second;
}

/* --- items -------------------------------------------------------------------------------------------------------- */

/* Reports an item with a skip reason or a problem, without starting a machine. */
static void report_without_machine(struct fleet *f, size_t index)
{
	const struct plan_case *c = &f->config.plan->item[index];
	_cleanup_free_ struct attempt *a = calloc(1, sizeof(*a));
	if (!a) {
		give_up_attempt(f, c);
		return;
	}
	*a = (struct attempt){ .item = c,
			       .owner = f,
			       .number = 1,
			       .seed = f->config.seed,
			       .initrd_fd = -1,
			       .initrd_common_fd = -1,
			       .kernel_fd = -1,
			       .sandbox = SANDBOX_NULL };
	a->judgement.verdict = c->problem ? KTSTR_FAIL : KTSTR_SKIP;
	judgement_add(&a->judgement, c->problem ? DETAIL_HARNESS : DETAIL_SKIP, a->judgement.verdict, "%s",
		      c->problem ? c->problem : c->skip);
	if (f->config.skips_fail)
		judgement_refuse_skip(&a->judgement);
	a->outcome = (struct flake_outcome){ .final = true, .verdict = a->judgement.verdict };
	int r = attempt_store(a);
	report(f, a);
	if (r < 0)
		note_lost(f, a, r);
	count(f, a);
	attempt_done(a);
}

static void on_signal(void *data, int sig)
{
	struct fleet *f = data;
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (sig == SIGUSR1) {
		reactor_describe(f->reactor, &text);
		say(f, &text);
		return;
	}
	if (fleet_view_signal(f, sig))
		return;
	f->counts.interrupted = true;
	reactor_cancel_all(f->reactor);
}

static int fleet_init(struct fleet *f, struct reactor *r, const struct fleet_config *config)
{
	*f = (struct fleet){ .config = *config,
			     .reactor = r,
			     .files = CONSTANT_FILES_NULL,
			     .model = MODEL_SERVER_NULL,
			     .began = reactor_now(r),
			     .host = host_context() };
	f->slow_at = config->slow ? f->began + config->slow : NSEC_NEVER;
	f->env = (struct attempt_env){ .backend = config->accel->backend,
				       .admit = &f->resources.admit,
				       .prepare = attempt_prepare,
				       .on_host = attempt_on_host,
				       .foresee = attempt_foresee,
				       .judge = attempt_judge,
				       .store = attempt_store,
				       .admitted = on_admitted,
				       .started = fleet_show_machine,
				       .ask = ask_model,
				       .second = make_second,
				       .judged = on_judged,
				       .ended = on_ended };
	fleet_set_second_env(f);
	f->live = calloc(config->plan->count + 1, sizeof(*f->live));
	f->history = calloc(config->plan->count + 1, sizeof(*f->history));
	f->counts.total = (unsigned)config->plan->count;
	for (size_t i = 0; i < config->plan->count; i++) {
		const struct plan_case *c = &config->plan->item[i];
		f->layout.name = MAX_OF(f->layout.name, text_columns(c->name));
		f->layout.topology = MAX_OF(f->layout.topology, text_columns(c->topology_text));
	}
	f->watched = calloc(config->kernel_count + 1, sizeof(*f->watched));
	for (size_t i = 0; f->watched && i < config->kernel_count; i++)
		watched_kernel_init(&f->watched[i], f->config.image_cache);
	return f->live && f->history && f->watched ? fleet_make_boot_files(f) : -ENOMEM;
}

/* Prints once per run how many cached files were damaged: the disk may be failing. */
static void say_damaged(struct fleet *f)
{
	unsigned damaged = atomic_load(&f->damaged);
	if (!damaged)
		return;
	message(f->config.messages, &f->config.err, MESSAGE_NOTE,
		"%u cached file%s did not match %s checksum and %s created again", damaged, plural(damaged),
		damaged == 1 ? "its" : "their", damaged == 1 ? "was" : "were");
}

static void fleet_finish(struct fleet *f, struct run_counts *ret, struct err **err)
{
	*ret = f->counts;
	buf_done(&f->lost);
	say_damaged(f);
	model_server_close(&f->model);
	constant_files_done(&f->files);
	host_resources_close(&f->resources);
	if (f->has_groups)
		sandboxes_close(&f->groups);
	json_decref(f->host);
	for (size_t i = 0; f->history && i < f->config.plan->count; i++)
		flake_done(&f->history[i]);
	free(f->history);
	for (size_t i = 0; f->boot && i < f->config.kernel_count; i++)
		fd_close(f->boot[i].fd);
	free(f->boot);
	for (size_t i = 0; f->watched && i < f->config.kernel_count; i++)
		watched_kernel_done(&f->watched[i]);
	free(f->watched);
	free(f->live);
	if (f->err && err && !*err)
		*err = f->err;
	else
		err_free(f->err);
}

/* Turns the reactor once. If nothing runs for a while, prints once which processes hold the CPUs. */
static int turn(struct fleet *f)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	const struct admit *a = &f->resources.admit;
	nsec_t until = f->config.until && !f->stopped ? f->config.until : NSEC_NEVER;
	int result = reactor_turn(f->reactor, MIN_OF(until, MIN_OF(f->report_holders_at, f->slow_at)));
	if (f->reactor->now >= until)
		stop_starting(f, "the time was over (--for)");
	if (f->reactor->now >= f->slow_at)
		fleet_report_slow(f);
	if (f->holders_reported && !list_empty(&a->held)) {
		char waited[TIME_TEXT_MAX];
		fleet_view_hide(f);
		message(f->config.messages, &f->config.err, MESSAGE_NOTE, "got CPUs after %s; the tests go on",
			nsec_format(f->reactor->now - f->began, waited));
		f->holders_reported = false;
	}
	if (result < 0 || f->reactor->now < f->report_holders_at || a->trying)
		return result;
	f->report_holders_at = NSEC_NEVER;
	if (!a->queue.count || !list_empty(&a->held))
		return result;
	admit_name_holders(a, &text);
	fleet_view_hide(f);
	f->holders_reported = true;
	message(f->config.messages, &f->config.err, MESSAGE_NOTE, "waiting for CPUs; held by %s (see 'ktstr locks')",
		buf_str(&text));
	return result;
}

static int run(struct fleet *f, struct signals *signals, struct err **err)
{
	const struct fleet_config *config = &f->config;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	if (fleet_view_wanted(f)) {
		sigaddset(&set, SIGWINCH);
		sigaddset(&set, SIGTSTP);
	}
	int result = signals_init(signals, f->reactor, &set, on_signal, f, err);
	for (size_t i = 0; i < config->plan->count && result == 0; i++) {
		if (f->stopped) {
			put_record(f, &config->plan->item[i], NULL, f->stopped);
			f->counts.not_run++;
			continue;
		}
		if (config->plan->item[i].skip || config->plan->item[i].problem) {
			report_without_machine(f, i);
			stop_at_failures(f);
			continue;
		}
		f->open++;
		start_attempt(f, i, 1);
	}
	if (result == 0 && fleet_view_wanted(f))
		fleet_view_start(f);
	/* Does not wait for other state machines of the reactor, such as kernel builds. */
	while (result == 0 && (f->open || (f->view.started && !f->view.ended)))
		result = turn(f);
	signals_done(signals);
	fleet_view_hide(f);
	return result;
}

int fleet_run(struct reactor *r, const struct fleet_config *config, struct run_counts *ret, struct err **err)
{
	struct fleet *f = calloc(1, sizeof(*f));
	struct signals signals;
	if (!f || fleet_init(f, r, config) < 0) {
		free(f);
		return FAIL_SYS(err, -ENOMEM, "start the run");
	}
	int result = fleet_open_admission(f, err);
	if (result == 0)
		result = run(f, &signals, err);
	if (result == 0 && f->err)
		result = -EIO;
	if (result == 0 && f->lost_count)
		result =
			FAIL(err, ERR_OUTPUT, -EIO, "%u result%s could not be stored: %s; the message of each says why",
			     f->lost_count, plural(f->lost_count), buf_str(&f->lost));
	fleet_finish(f, ret, err);
	free(f);
	return result;
}
