/* SPDX-License-Identifier: GPL-2.0-only */
/* task_names.c -- see task_names.h. */
#include "run/task_names.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"

/* Both have the task as their first argument, and it has its name then. */
static const char *const places[TASK_NAMES_HOOKS] = {
	"wake_up_new_task", /* the name of its parent */
	"perf_event_comm",  /* called behind each change of a name */
};

enum { READ_PID, READ_NAME, READ_NAME_END };

static bool find_reads(struct observe_hook *h, const struct kernel_image *image)
{
	struct field pid = types_field(image->types, "task_struct", "pid");
	struct field name = types_field(image->types, "task_struct", "comm");
	if (!field_present(pid) || !field_present(name) || name.size != TASK_NAME_BYTES)
		return false;
	h->read[READ_PID] = (struct observe_read){ OBSERVE_ARGUMENT, (uint8_t)pid.size, 1, { pid.offset } };
	for (unsigned i = 0; i < 2; i++)
		h->read[READ_NAME + i] = (struct observe_read){ OBSERVE_ARGUMENT, 8, 1, { name.offset + i * 8 } };
	return true;
}

struct task_names *task_names_new(const struct kernel_image *image, uint32_t first)
{
	struct task_names *n = calloc(1, sizeof(*n));
	if (!n)
		return NULL;
	n->first = first;
	for (unsigned i = 0; i < TASK_NAMES_HOOKS; i++) {
		struct observe_hook hook = { .address = symbols_find(image->symbols, places[i]),
					     .id = first + i,
					     .kind = OBSERVE_RECORD };
		if (hook.address && find_reads(&hook, image))
			n->hook[n->hooks++] = hook;
	}
	return n;
}

bool task_names_record(struct task_names *n, const struct observe_record *r)
{
	if (r->hook < n->first || r->hook >= n->first + TASK_NAMES_HOOKS)
		return false;
	if (!r->missed && r->value[READ_PID] < TASK_NAMES_PIDS)
		memcpy(n->name[r->value[READ_PID]], &r->value[READ_NAME], TASK_NAME_BYTES);
	return true;
}

bool task_names_find(const struct task_names *n, int32_t pid, char out[4 * TASK_NAME_BYTES])
{
	if (pid <= 0 || pid >= TASK_NAMES_PIDS || !n->name[pid][0])
		return false;
	text_copy_line(out, (size_t)4 * TASK_NAME_BYTES, n->name[pid], strnlen(n->name[pid], TASK_NAME_BYTES));
	return true;
}
