/* SPDX-License-Identifier: GPL-2.0-only */
#include "monitor/dump.h"

#include <string.h>

#include "base/time.h"
#include "monitor/dump_samples.h"
#include "monitor/maps.h"
#include "monitor/programs.h"
#include "monitor/queues.h"
#include "monitor/tasks.h"

/* The sections of a dump: member, and the member that says why it is missing. */
static const struct {
	const char *section, *unavailable;
} sections[] = {
	{ "maps", "maps_unavailable" },
	{ "vcpu_regs", "vcpu_regs_unavailable" },
	{ "prog_runtime_stats", "prog_runtime_stats_unavailable" },
	{ "per_cpu_time", "per_cpu_time_unavailable" },
	{ "task_enrichments", "task_enrichments_unavailable" },
	{ "rq_scx_states", "rq_scx_states_unavailable" },
	{ "dsq_states", "scx_walker_unavailable" },
	{ "scx_sched_state", "scx_sched_state_unavailable" },
	{ "scx_exit", "scx_exit_unavailable" },
	{ "sample", "sample_unavailable" },
	{ "event_counter_timeline", "event_counter_timeline_unavailable" },
	{ "per_node_numa", "per_node_numa_unavailable" },
	{ "sdt_allocations", "sdt_alloc_unavailable" },
};

static const char *unavailable_key(const char *section)
{
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		if (strcmp(sections[i].section, section) == 0)
			return sections[i].unavailable;
	return "unavailable";
}

/* Puts a section, or why it is missing. Takes @value over. */
static void put_section(json_t **dump, const char *section, json_t *value, const char *why)
{
	bool empty = !value || (json_is_array(value) && json_array_size(value) == 0);
	if (empty) {
		json_decref(value);
		json_put_text(dump, unavailable_key(section), why ? why : "there are none");
	} else {
		json_put(dump, section, value);
	}
}

static bool late(const struct dump_config *config)
{
	return config->deadline_nsec && nsec_now() > config->deadline_nsec;
}

/* --- sections ----------------------------------------------------------------------------------------------------- */

static void put_kernel(struct inspector *in, json_t **dump)
{
	uint64_t uts = view_symbol(in->view, "init_uts_ns"), oops = view_symbol(in->view, "oops_in_progress"), value;
	json_t *kernel = json_object();
	inspect_put_text(in, &kernel, "release", LAYOUT_UTS_RELEASE, uts);
	inspect_put_text(in, &kernel, "version", LAYOUT_UTS_VERSION, uts);
	json_put_u64(&kernel, "cpus", in->view->cpus);
	json_put_u64(&kernel, "jiffies", in->jiffies);
	json_put_u64(&kernel, "clock_ns", in->clock_ns);
	if (in->hz)
		json_put_u64(&kernel, "hz", in->hz);
	if (oops && view_read_u64(in->view, oops, 4, &value))
		json_put_bool(&kernel, "oops_in_progress", value != 0);
	json_put(dump, "kernel", kernel);
}

static void put_registers(struct inspector *in, json_t **dump)
{
	json_t *list = json_array();
	for (unsigned i = 0; in->config.registers && i < in->config.registers_count; i++) {
		const struct cpu_registers *r = &in->config.registers[i];
		char name[SYMBOL_TEXT_MAX];
		json_t *json = json_object();
		inspect_put_address(&json, "instruction_pointer", r->ip);
		inspect_put_address(&json, "stack_pointer", r->sp);
		inspect_put_address(&json, "page_table_root", r->page_root);
		json_put_bool(&json, "user", r->user);
		if (!r->user && inspect_code(in, r->ip, false, name))
			json_put_text(&json, "symbol", name);
		json_add(&list, json);
	}
	put_section(dump, "vcpu_regs", list, "the registers of the CPUs are not known: a core file has none");
}

static const char *no_tasks(const struct task_list *list)
{
	return list->seen ? "no task waits, runs or is blocked" : "the list of tasks could not be read";
}

static void put_tasks(struct inspector *in, const struct dump_config *config, json_t **dump)
{
	struct task_list list;
	json_t *records = json_array();
	unsigned shown = 0;
	if (task_list_take(in, config->all_tasks, &list) < 0)
		json_put(dump, "kernel", NULL); /* out of memory: no dump at all */
	for (; shown < MIN_OF(list.count, TASKS_SHOWN_MAX + 0u) && !late(config); shown++)
		json_add(&records, task_record(in, list.brief[shown].task));
	if (shown < list.count)
		json_put_u64(dump, "tasks_truncated", list.count - shown);
	if (list.end != WALK_WHOLE)
		json_put_text(dump, "tasks_incomplete",
			      list.end == WALK_CAPPED ? "there are more tasks, or their list loops"
						      : "the list of tasks is torn");
	json_put_u64(dump, "tasks_seen", list.seen);
	json_put_u64(dump, "tasks_waiting", list.waiting);
	json_put_u64(dump, "tasks_blocked", list.blocked);
	put_section(dump, "task_enrichments", records,
		    late(config) ? "the time for the dump was over" : no_tasks(&list));
	task_list_done(&list);
}

static void put_queues(struct inspector *in, json_t **dump)
{
	const char *why = NULL;
	json_t *value = queues_exit(in, &why);
	put_section(dump, "scx_exit", value, why);
	value = queues_scheduler(in, &why);
	put_section(dump, "scx_sched_state", value, why);
	put_section(dump, "rq_scx_states", queues_cpus(in), "the CPUs are not set up yet");
	why = "there are no queues";
	value = queues_dispatch(in, &why);
	put_section(dump, "dsq_states", value, why);
}

static void put_maps(struct inspector *in, const struct dump_config *config, json_t **dump)
{
	struct maps_found found = { .deadline_nsec = config->deadline_nsec };
	programs_find_active(in, &found.active);
	json_t *maps = maps_render(in, &found);
	if (*found.active.object)
		json_put_text(dump, "active_obj_name", found.active.object);
	json_t *active = json_array();
	for (unsigned i = 0; i < found.active.maps; i++) {
		char text[24];
		snprintf(text, sizeof(text), "0x%llx", (unsigned long long)found.active.map[i]);
		json_add(&active, json_text(text));
	}
	inspect_put_list(dump, "active_map_kvas", active);
	if (found.skipped)
		json_put_u64(dump, "maps_truncated", found.skipped);
	put_section(dump, "maps", maps, found.why);
}

static void put_samples(struct inspector *in, const struct dump_config *config, json_t **dump)
{
	const char *why = NULL;
	json_t *value = dump_sample(in, config->sampler, &why);
	put_section(dump, "sample", value, why);
	value = dump_timeline(config->series, &why);
	put_section(dump, "event_counter_timeline", value, why);
}

static void put_rest(struct inspector *in, json_t **dump)
{
	const char *why = NULL;
	json_t *programs = programs_list(in, &why);
	put_section(dump, "prog_runtime_stats", programs, why);
	put_section(dump, "per_cpu_time", queues_cpu_times(in), "the CPUs are not set up yet");
	put_section(dump, "per_node_numa", NULL, "not read from memory");
	put_section(dump, "sdt_allocations", NULL, "allocations inside arenas are not read");
}

json_t *dump_take(const struct dump_config *config)
{
	struct inspector in;
	nsec_t from = nsec_now();
	if (inspect_begin(&in, &config->inspect) < 0)
		return NULL;
	json_t *dump = json_object();
	json_put_text(&dump, "schema", DUMP_SCHEMA);
	json_put_text(&dump, "reason", config->reason ? config->reason : "not said");
	put_kernel(&in, &dump);
	put_queues(&in, &dump);
	put_registers(&in, &dump);
	put_tasks(&in, config, &dump);
	put_maps(&in, config, &dump);
	put_samples(&in, config, &dump);
	put_rest(&in, &dump);
	if (late(config))
		json_put_u64(&dump, "dump_truncated_at_us", (uint64_t)(nsec_now() - from) / 1000);
	json_put_u64(&dump, "bad_reads", in.view->bad_reads);
	inspect_end(&in);
	return dump;
}

json_t *dump_placeholder(const char *stage, const char *reason)
{
	json_t *dump = json_object();
	_cleanup_buf_ struct buf why = BUF_NULL;
	buf_appendf(&why, "%s: %s", stage, reason);
	json_put_text(&dump, "schema", DUMP_SCHEMA);
	json_put_bool(&dump, "is_placeholder", true);
	json_put_text(&dump, "reason", buf_str(&why));
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++)
		json_put_text(&dump, sections[i].unavailable, buf_str(&why));
	return dump;
}

int dump_check(const json_t *dump, struct err **err)
{
	const char *schema = json_string_value(json_object_get(dump, "schema"));
	if (!schema)
		return FAIL(err, ERR_DATA, -EBADMSG, "read the dump: it has no member \"schema\", so it is not a dump");
	if (strcmp(schema, DUMP_SCHEMA) != 0)
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "read the dump: its schema \"%s\" is not known; this program reads \"%s\"", schema,
			    DUMP_SCHEMA);
	return 0;
}
