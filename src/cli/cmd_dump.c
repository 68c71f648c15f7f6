/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_dump.c -- ktstr dump: shows what a guest's memory said about a failure. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/guest_core.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "monitor/dump.h"

#define ALL_CPUS       UINT64_MAX
#define CORE_DUMP_TIME (60 * NSEC_PER_SEC)

struct dump_args {
	struct strings operands;
	bool json, tasks, dsqs, cpus, maps, programs;
	const char *map, *vmlinux, *snapshot;
	uint64_t cpu; /* ALL_CPUS: not chosen */
};

static const struct option_row dump_options[] = {
	OPT_FLAG(struct dump_args, tasks, "tasks", 0, "only the tasks, and what each waits for"),
	OPT_FLAG(struct dump_args, dsqs, "dsqs", 0, "only the dispatch queues with their tasks"),
	OPT_FLAG(struct dump_args, cpus, "cpus", 0, "only the CPUs"),
	OPT_FLAG(struct dump_args, maps, "maps", 0, "only the BPF maps"),
	OPT_FLAG(struct dump_args, programs, "programs", 0, "only the BPF programs"),
	OPT_STRING(struct dump_args, map, "map", 0, "NAME", "only the BPF map of this name"),
	OPT_NUMBER(struct dump_args, cpu, "cpu", 0, "N", 0, 4095, ALL_CPUS, "only this CPU, its queue and its tasks"),
	OPT_STRING(struct dump_args, snapshot, "snapshot", 0, "NAME",
		   "the snapshot of this name, of a file NAME.snapshots.json"),
	OPT_STRING(struct dump_args, vmlinux, "vmlinux", 0, "FILE",
		   "the kernel that ran, for a memory image: a vmlinux with symbols and BTF"),
	ROW_JSON(struct dump_args, "the whole dump as JSON; docs/dump.schema.json describes it"),
	OPT_END,
};

/* --- a memory image ----------------------------------------------------------------------------------------------- */

static int from_core(const char *path, const char *vmlinux, json_t **ret, struct err **err)
{
	_cleanup_(guest_core_free_p) struct guest_core *c = NULL;
	int r = guest_core_open(path, vmlinux, &c, err);
	if (r < 0)
		return r;
	const struct dump_config config = {
		.inspect = { .view = &c->view, .layout = &c->layout, .orc = c->orc, .no_orc = "no unwind tables" },
		.reason = "a memory image",
		.sampler = c->sampler,
		.all_tasks = true,
		.deadline_nsec = nsec_now() + CORE_DUMP_TIME,
	};
	*ret = dump_take(&config);
	return *ret ? 0 : -ENOMEM;
}

/* --- a dump ------------------------------------------------------------------------------------------------------- */

/* Of several snapshots with that name, the last one. */
static const json_t *find_snapshot(const json_t *list, const char *name, struct buf *names)
{
	const json_t *found = NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *s = json_array_get(list, i);
		const char *its = json_string_value(json_object_get(s, "name"));
		if (name && its && !strcmp(its, name))
			found = s;
		buf_appendf(names, "%s%s", names->len ? ", " : "", its ? its : "?");
	}
	return found;
}

/* A file of snapshots: one of them is wanted. */
static int take_snapshot(json_t **file, const char *path, const char *name, struct err **err)
{
	_cleanup_buf_ struct buf names = BUF_NULL;
	const json_t *found = find_snapshot(json_object_get(*file, "snapshots"), name, &names);
	const char *lack = json_string_value(json_object_get(found, "lack"));
	json_t *dump = json_object_get(found, "dump");
	if (!found)
		return FAIL(err, name ? ERR_DATA : ERR_USAGE, -EINVAL,
			    "'%s' has %s; choose one with --snapshot NAME: %s", path,
			    name ? "no such snapshot" : "snapshots", names.len ? buf_str(&names) : "it is empty");
	if (!dump)
		return FAIL(err, ERR_DATA, -ENODATA, "the snapshot '%s' was not taken: %s", name,
			    lack ? lack : "it is not known why");
	json_incref(dump);
	json_decref(*file);
	*file = dump;
	return 0;
}

static int from_json(int fd, const char *path, const char *snapshot, json_t **ret, struct err **err)
{
	json_error_t why;
	*ret = json_loadfd(fd, JSON_REJECT_DUPLICATES, &why);
	if (!*ret)
		return FAIL(err, ERR_DATA, -EBADMSG, "read the dump '%s': line %d: %s", path, why.line, why.text);
	bool many = json_is_array(json_object_get(*ret, "snapshots"));
	int r = many ? take_snapshot(ret, path, snapshot, err) : 0;
	return r < 0 ? r : dump_check(*ret, err);
}

static int load(const struct dump_args *a, json_t **ret, struct err **err)
{
	const char *path = a->operands.item[0];
	char magic[4] = "";
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return FAIL_SYS(err, -errno, "open '%s'", path);
	if (pread(fd, magic, sizeof(magic), 0) == sizeof(magic) && !memcmp(magic, "\177ELF", sizeof(magic)))
		return from_core(path, a->vmlinux, ret, err);
	return from_json(fd, path, a->snapshot, ret, err);
}

static unsigned parts_of(const struct dump_args *a)
{
	unsigned parts = (a->tasks ? DUMP_TASKS : 0) | (a->dsqs ? DUMP_DSQS : 0) | (a->cpus ? DUMP_CPUS : 0) |
			 (a->maps || a->map ? DUMP_MAPS : 0) | (a->programs ? DUMP_PROGRAMS : 0);
	if (parts)
		return parts;
	return a->cpu != ALL_CPUS ? DUMP_CPUS | DUMP_DSQS | DUMP_TASKS : DUMP_ALL;
}

static int run_dump(void *args, struct err **err)
{
	struct dump_args *a = args;
	json_auto_t *dump = NULL;
	if (a->operands.count != 1)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "dump needs one file: NAME.failure-dump.json, NAME.snapshots.json or NAME.vmcore");
	int r = load(a, &dump, err);
	if (r < 0)
		return r;
	if (a->json) {
		out_json(dump, true);
		return 0;
	}
	_cleanup_buf_ struct buf text = BUF_NULL;
	const struct dump_view view = { .parts = parts_of(a),
					.map = a->map,
					.cpu = a->cpu != ALL_CPUS ? (int)a->cpu : -1 };
	dump_text(dump, &view, &text);
	out_buf(&text);
	return 0;
}

const struct command cmd_dump = {
	.name = "dump",
	.group = GROUP_TESTS,
	.summary = "Show what a guest's memory said about a failure",
	.operands = "FILE",
	.text = "A test that fails leaves a file NAME.failure-dump.json beside its sidecar: why the scheduler ended, "
		"the "
		"task that waited longest with its queue and kernel stack, CPUs, dispatch queues, tasks, and the BPF "
		"maps "
		"of the scheduler, all read from outside. FILE is such a file, or a memory image that 'ktstr test "
		"--keep-memory' kept, or a file NAME.snapshots.json of snapshots that a test asked for. Without an "
		"option that chooses parts, everything is shown.",
	.option = dump_options,
	.example =
		(const struct example[]){
			{ "ktstr dump starved-3fbe1d13877c5ff1.failure-dump.json",
			  "everything, the longest wait first" },
			{ "ktstr dump --dsqs --cpu 1 starved-3fbe1d13877c5ff1.failure-dump.json",
			  "the queues of CPU 1" },
			{ NULL },
		},
	OPERANDS(struct dump_args, operands),
	.run = run_dump,
};
