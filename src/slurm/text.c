/* SPDX-License-Identifier: GPL-2.0-only */
/* text.c -- see text.h. */
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/text.h"
#include "slurm/text.h"

static const struct {
	const char *word;
	enum slurm_state state;
} words[] = {
	{ "PENDING", SLURM_PENDING },	    { "CONFIGURING", SLURM_PENDING }, { "REQUEUED", SLURM_PENDING },
	{ "REQUEUE_HOLD", SLURM_PENDING },  { "REQUEUE_FED", SLURM_PENDING }, { "SPECIAL_EXIT", SLURM_PENDING },
	{ "RESV_DEL_HOLD", SLURM_PENDING }, { "RUNNING", SLURM_RUNNING },     { "SUSPENDED", SLURM_RUNNING },
	{ "STOPPED", SLURM_RUNNING },	    { "RESIZING", SLURM_RUNNING },    { "SIGNALING", SLURM_RUNNING },
	{ "STAGE_OUT", SLURM_ENDING },	    { "COMPLETING", SLURM_ENDING },   { "COMPLETED", SLURM_COMPLETED },
	{ "CANCELLED", SLURM_CANCELLED },   { "REVOKED", SLURM_CANCELLED },   { "PREEMPTED", SLURM_PREEMPTED },
	{ "TIMEOUT", SLURM_TIMEOUT },	    { "DEADLINE", SLURM_TIMEOUT },    { "OUT_OF_MEMORY", SLURM_OUT_OF_MEMORY },
	{ "NODE_FAIL", SLURM_NODE_FAIL },   { "BOOT_FAIL", SLURM_NODE_FAIL }, { "FAILED", SLURM_FAILED },
};

enum slurm_state slurm_state_parse(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(words[i].word, word))
			return words[i].state;
	return SLURM_FAILED;
}

/* Copies the text up to the next '|'. Returns what follows it, or NULL: there is none, or it is too long. */
static const char *take_field(const char *at, char *out, size_t size)
{
	size_t len = strcspn(at, "|");
	if (at[len] != '|' || len >= size)
		return NULL;
	memcpy(out, at, len);
	out[len] = '\0';
	return at + len + 1;
}

bool slurm_row_parse(const char *line, struct slurm_row *ret)
{
	char state[32];
	*ret = (struct slurm_row){ 0 };
	const char *id = take_field(line, ret->name, sizeof(ret->name));
	const char *after = id ? strchr(id, '|') : NULL;
	const char *reason = after ? take_field(after + 1, state, sizeof(state)) : NULL;
	const char *node = reason ? strrchr(reason, '|') : NULL;
	if (!node)
		return false;
	/* Administrators write some reasons themselves. */
	text_copy_line(ret->reason, sizeof(ret->reason), reason, (size_t)(node++ - reason));
	ret->state = slurm_state_parse(state);
	text_copy_line(ret->node, sizeof(ret->node), node, strlen(node));
	const char *low = memchr(id, '_', (size_t)(after - id));
	ret->indices = low ? low + 1 : NULL;
	return true;
}

/* A decimal number; *@at moves behind it. */
static bool take_number(const char **at, uint32_t *ret)
{
	uint64_t n = 0;
	const char *p = *at;
	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		if ((n = 10 * n + (uint64_t)(*p - '0')) > UINT32_MAX)
			return false;
	*at = p;
	*ret = (uint32_t)n;
	return true;
}

/* "3", "3-5" or "3-9:2" */
static bool take_range(const char **at, uint32_t *from, uint32_t *to, uint32_t *step)
{
	*step = 1;
	if (!take_number(at, from))
		return false;
	*to = *from;
	if (**at == '-' && (++*at, !take_number(at, to)))
		return false;
	if (**at == ':' && (++*at, !take_number(at, step)))
		return false;
	return *from <= *to && *step;
}

bool slurm_indices(const char *text, uint32_t most, void (*each)(void *data, uint32_t index), void *data)
{
	bool list = *text == '[';
	const char *at = text + list;
	uint32_t from, to, step, count = 0;
	do {
		if (!take_range(&at, &from, &to, &step))
			return false;
		for (uint64_t i = from; i <= to; i += step) {
			if (count++ >= most)
				return false;
			each(data, (uint32_t)i);
		}
	} while (list && *at == ',' && at++);
	/* "%2" limits how many run at once. */
	return !list || *at == ']' || *at == '%';
}

/* A node that is up and not reserved for its administrator. Flags such as "~" (powered down) may follow. */
static bool is_usable(const char *state)
{
	static const char *const usable[] = { "idle", "mixed", "allocated", "completing", "planned", "reserved" };
	if (strchr(state, '*'))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(usable); i++)
		if (!strncmp(state, usable[i], strlen(usable[i])))
			return true;
	return false;
}

bool slurm_node_parse(const char *line, struct slurm_node *ret)
{
	char number[3][24];
	uint64_t memory;
	const char *at = line;
	*ret = (struct slurm_node){ 0 };
	for (size_t i = 0; i < ARRAY_SIZE(number); i++) {
		if (!(at = take_field(at, number[i], sizeof(number[i]))))
			return false;
		/* "64+": the smallest of several. */
		number[i][strcspn(number[i], "+")] = '\0';
	}
	if (parse_u32_range(number[0], 1, UINT32_MAX, &ret->count) < 0 ||
	    parse_u32_range(number[1], 1, UINT32_MAX, &ret->cpus) < 0 || parse_u64(number[2], &memory) < 0)
		return false;
	/* Slurm's default if the memory is not configured is 1 MiB; then Slurm does not count it. */
	ret->memory_mib = memory > 1 ? memory : UINT32_MAX;
	return is_usable(at);
}

bool slurm_named_node_parse(const char *line, struct slurm_node *ret)
{
	char name[SLURM_NODE_NAME_MAX];
	const char *rest = take_field(line, name, sizeof(name));
	if (!rest || !slurm_node_parse(rest, ret))
		return false;
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	return true;
}

bool slurm_config_number(const char *line, const char *key, uint64_t *ret)
{
	size_t len = strlen(key);
	char number[24];
	if (strncmp(line, key, len) || (line[len] != ' ' && line[len] != '='))
		return false;
	const char *at = line + len;
	at += strspn(at, " =");
	snprintf(number, sizeof(number), "%.*s", (int)strspn(at, "0123456789"), at);
	return parse_u64(number, ret) == 0;
}

bool slurm_job_number(const char *line, char ret[32])
{
	size_t len = strspn(line, "0123456789");
	if (!len || len >= 32 || (line[len] && line[len] != ';'))
		return false;
	snprintf(ret, 32, "%.*s", (int)len, line);
	return true;
}
