/* SPDX-License-Identifier: GPL-2.0-only */
/* kept_schedule.c -- see kept_schedule.h. */
#include "run/kept_schedule.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/zstd_stream.h"
#include "run/plan.h"
#include "schedule/log_reader.h"
#include "trace/excerpt.h"
#include "trace/perfetto.h"
#include "verdict/exact_checks.h"
#include "verdict/phases.h"

#define REPORT_LINES 8 /* of each CPU in a failure report */
#define REPORT_CPUS  4

bool kept_schedule_any(const struct attempt *a)
{
	const struct exact *x = a->watch.exact;
	return x && x->log && !x->lack && schedule_log_events(x->log);
}

/* --- the time of the failure -------------------------------------------------------------------------------------- */

/* The longest wait of all workers. */
static struct finding_moment longest_wait(const struct evidence *e)
{
	struct finding_moment longest = { .cpu = -1 };
	for (uint32_t i = 0; i < e->worker_count; i++) {
		struct finding_moment m = exact_wait_moment(e, &e->worker[i].wire);
		if (m.to_ns - m.from_ns > longest.to_ns - longest.from_ns)
			longest = m;
	}
	return longest;
}

/*
 * The time that the first finding is about. If it is about none: that of the first failure that was seen from outside,
 * else of the longest wait, else the end.
 */
static struct finding_moment moment_of(const struct attempt *a)
{
	const struct detail *cause = judgement_cause(&a->judgement);
	if (cause && cause->moment.to_ns)
		return cause->moment;
	if (a->watch.failed_ns)
		return (struct finding_moment){ a->watch.failed_ns, a->watch.failed_ns, 0, -1 };
	const struct finding_moment wait = longest_wait(&a->evidence);
	if (wait.to_ns)
		return wait;
	uint64_t last = a->evidence.last_ns;
	return (struct finding_moment){ last, last, 0, -1 };
}

static json_t *failure_json(const struct attempt *a)
{
	const struct detail *cause = judgement_cause(&a->judgement);
	const struct finding_moment m = moment_of(a);
	json_t *o = json_object();
	json_put_u64(&o, "from_ns", m.from_ns);
	json_put_u64(&o, "to_ns", m.to_ns);
	json_put(&o, "pid", m.tid > 0 ? json_integer(m.tid) : json_null());
	json_put(&o, "cpu", m.cpu >= 0 ? json_integer(m.cpu) : json_null());
	json_put_text(&o, "text", cause ? cause->text : NULL);
	return o;
}

/* --- names -------------------------------------------------------------------------------------------------------- */

static const struct wire_worker *find_worker(const struct evidence *e, int32_t tid)
{
	for (uint32_t i = 0; i < e->worker_count; i++)
		if (e->worker[i].wire.tid == tid)
			return &e->worker[i].wire;
	return NULL;
}

static const char *load_name(const struct evidence *e, const struct wire_worker *w)
{
	return w && w->cgroup < e->cgroup_count ? e->cgroup[w->cgroup].name : NULL;
}

static json_t *tasks_json(const struct attempt *a)
{
	const struct exact *x = a->watch.exact;
	json_t *list = json_array();
	for (unsigned i = 0; i < schedule_tasks(x->model); i++) {
		int32_t pid = schedule_task(x->model, i)->pid;
		char name[4 * TASK_NAME_BYTES];
		if (pid <= 0)
			continue;
		json_t *o = json_object();
		json_put_int(&o, "pid", pid);
		json_put_text(&o, "name", task_names_find(x->names, pid, name) ? name : NULL);
		json_put_text(&o, "cgroup", load_name(&a->evidence, find_worker(&a->evidence, pid)));
		json_add(&list, o);
	}
	return list;
}

static bool has_id(const json_t *list, uint64_t id)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if ((uint64_t)json_integer_value(json_object_get(json_array_get(list, i), "id")) == id)
			return true;
	return false;
}

#define ROOT_GROUP 1 /* cgroup v2: the number of its first directory, to which the kernel moves tasks that end */

/* Control groups are known by their workers. */
static json_t *groups_json(const struct attempt *a)
{
	const struct schedule *s = a->watch.exact->model;
	json_t *list = json_array();
	for (uint32_t i = 0; i < a->evidence.worker_count; i++) {
		const struct wire_worker *w = &a->evidence.worker[i].wire;
		const struct schedule_task *t = schedule_find(s, w->tid);
		uint64_t id = t ? schedule_group(s, t->group)->id : 0;
		if (!id || id == ROOT_GROUP || !load_name(&a->evidence, w) || has_id(list, id))
			continue;
		json_t *o = json_object();
		json_put_u64(&o, "id", id);
		json_put_text(&o, "name", load_name(&a->evidence, w));
		json_add(&list, o);
	}
	return list;
}

static json_t *phase_list_json(const struct evidence *e)
{
	json_t *list = json_array();
	struct phases p;
	if (!e->phase_count || phases_of(e, &p) < 0)
		return list;
	for (unsigned i = 0; i < p.count; i++) {
		const struct phase *phase = &p.phase[i];
		char name[32];
		snprintf(name, sizeof(name), "step %u", phase->step);
		json_t *o = json_object();
		json_put_u64(&o, "from_ns", phase->from_ns);
		json_put_u64(&o, "to_ns", phase->to_ns);
		json_put_text(&o, "name", phase->baseline ? "baseline" : *phase->name ? phase->name : name);
		json_add(&list, o);
	}
	phases_done(&p);
	return list;
}

/* --- the description ---------------------------------------------------------------------------------------------- */

static json_t *describe(const struct attempt *a, bool with_failure)
{
	const struct plan_case *c = a->item;
	const struct exact *x = a->watch.exact;
	json_t *o = json_object(), *schema = json_object();
	char seed[24];
	snprintf(seed, sizeof(seed), "0x%lx", a->seed);
	json_put_text(&schema, "name", SCHEDULE_ABOUT_NAME);
	json_put_int(&schema, "version", 1);
	json_put(&o, "schema", schema);
	json_put_text(&o, "test", c->test->name);
	json_put_text(&o, "scheduler", c->test->scheduler ? c->test->scheduler->name : NULL);
	json_put_text(&o, "kernel", c->kernel->version ? c->kernel->version : c->kernel->name);
	json_put_text(&o, "topology", c->topology_text);
	json_put_text(&o, "seed", seed);
	json_put_u64(&o, "cpus", x->cpus);
	json_put_u64(&o, "events", schedule_log_events(x->log));
	json_put_u64(&o, "dropped", schedule_log_dropped(x->log));
	json_put_u64(&o, "began_ns", a->evidence.phase_count ? a->evidence.phase[0].time_ns : 0);
	json_put(&o, "failure", with_failure ? failure_json(a) : json_null());
	json_put(&o, "phases", phase_list_json(&a->evidence));
	json_put(&o, "cgroups", groups_json(a));
	json_put(&o, "tasks", tasks_json(a));
	return o;
}

int kept_schedule_describe(const struct attempt *a, bool with_failure, char **ret)
{
	json_auto_t *o = describe(a, with_failure);
	*ret = o ? json_dumps(o, JSON_COMPACT) : NULL;
	return *ret ? 0 : -ENOMEM;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

struct kept {
	const struct schedule_log *log;
	const char *about;
};

static int write_log(void *data, int fd, struct err **err)
{
	const struct kept *k = data;
	_cleanup_(zstd_writer_free_p) struct zstd_writer *w = NULL;
	_cleanup_buf_ struct buf head = BUF_NULL;
	const void *piece;
	size_t len;
	int r = zstd_writer_open(fd, &w, err);
	for (size_t i = 0; r == 0 && (len = schedule_log_piece(k->log, k->about, i, &head, &piece)); i++)
		r = zstd_writer_put(w, piece, len, err);
	if (r == 0 && head.failed)
		r = -ENOMEM;
	return r == 0 ? zstd_writer_end(w, err) : r;
}

int kept_schedule_write(const struct attempt *a, const char *about, int dir, const char *name, struct err **err)
{
	struct kept k = { a->watch.exact->log, about };
	return file_write_by(dir, name, 0644, write_log, &k, err);
}

static int write_trace(void *data, int fd, struct err **err)
{
	const struct kept *k = data;
	_cleanup_(schedule_log_close_p) struct schedule_log_reader *reader = NULL;
	int r = schedule_log_open_memory(k->log, k->about, &reader, err);
	return r == 0 ? perfetto_write(reader, fd, err) : r;
}

int kept_schedule_trace(const struct attempt *a, const char *about, const char *path, struct err **err)
{
	struct kept k = { a->watch.exact->log, about };
	return file_write_by(AT_FDCWD, path, 0644, write_trace, &k, err);
}

int kept_schedule_excerpt(const struct attempt *a, const char *about, struct buf *out, struct err **err)
{
	_cleanup_(schedule_log_close_p) struct schedule_log_reader *reader = NULL;
	_cleanup_(excerpt_free_p) struct excerpt *x = NULL;
	int r = schedule_log_open_memory(a->watch.exact->log, about, &reader, err);
	if (r < 0)
		return r;
	struct excerpt_config config = {
		.moment = schedule_log_about(reader)->failure, .lines = REPORT_LINES, .cpu = -1, .cpus_max = REPORT_CPUS
	};
	config.moment.text = NULL; /* the report begins with it */
	r = excerpt_read(reader, &config, &x, err);
	if (r == 0)
		excerpt_text(x, schedule_log_about(reader), "  ", out);
	return r;
}
