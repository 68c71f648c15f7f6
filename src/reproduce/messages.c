/* SPDX-License-Identifier: GPL-2.0-only */
/* messages.c -- see messages.h. The formats are those of kernel/sched/ext.c, Linux 6.12 to 6.18. */
#include "reproduce/messages.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define LINE_MAX_BYTES 1024
#define CPUS_MAX       8192

/* --- lines -------------------------------------------------------------------------------------------------------- */

/* Skips "<3>", "[  12.345678] ", "[T123] "; one space is the separator, what follows is the message's own. */
static const char *skip_stamps(const char *at)
{
	if (*at == '<' && isdigit((unsigned char)at[1]) && strchr(at, '>'))
		at = strchr(at, '>') + 1;
	while (*at == '[') {
		const char *end = strchr(at, ']');
		size_t inside = strspn(at + 1, " 0123456789.TCtc");
		if (!end || at + 1 + inside != end)
			break;
		at = end + 1;
		at += *at == ' ';
	}
	return at;
}

/* The message of a line of a log: behind "kernel: " or "program[12]: " of a journal, and behind time stamps. */
static const char *message_of(const char *line)
{
	static const char *const marks[] = { " kernel: ", "]: " };
	const char *found = NULL;
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]) && !found; i++) {
		found = strstr(line, marks[i]);
		found = found && found - line < 120 ? found + strlen(marks[i]) : NULL;
	}
	return skip_stamps(found ? found : line);
}

static void copy(char *out, size_t size, const char *from, size_t len)
{
	text_copy_line(out, size, from, len);
}

static bool starts_with(const char *at, const char *with)
{
	return !strncmp(at, with, strlen(with));
}

/* --- the end of a scheduler --------------------------------------------------------------------------------------- */

/* "stress-ng[411] failed to run for 30.123s" */
static void find_victim(struct messages *m)
{
	const char *says = strstr(m->detail, "] failed to run for ");
	if (!says)
		return;
	const char *open = says;
	while (open > m->detail && *open != '[')
		open--;
	const char *from = open;
	while (from > m->detail && from[-1] != '(')
		from--;
	copy(m->victim, sizeof(m->victim), from, (size_t)(open - from));
	m->victim_pid = (int)(strtoul(open + 1, NULL, 10) & INT32_MAX);
	double seconds = strtod(says + strlen("] failed to run for "), NULL);
	m->victim_ms = seconds > 0 && seconds < 1e6 ? (int64_t)(seconds * 1000) : 0;
}

static bool has_any(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strstr(text, *words))
			return true;
	return false;
}

static enum scx_end kind_of(const struct messages *m)
{
	static const char *const stalls[] = { "stall", "watchdog", "stuck", "failed to run", NULL };
	static const char *const normal[] = { "unregistered", "sysrq", NULL };
	static const char *const checks[] = { "check_rq_for_timeouts", "scx_watchdog_workfn", "scx_tick", NULL };
	if (has_any(m->reason, stalls) || has_any(m->detail, stalls))
		return SCX_END_STALL;
	for (unsigned i = 0; i < m->frames; i++)
		if (has_any(m->frame[i], checks))
			return SCX_END_STALL;
	return has_any(m->reason, normal) ? SCX_END_NORMAL : SCX_END_ERROR;
}

/* A report begins: what an earlier one said does not count any more. */
static void begin_report(struct messages *m)
{
	unsigned reports = m->reports + 1;
	char scheduler[MESSAGES_NAME_MAX];
	memcpy(scheduler, m->scheduler, sizeof(scheduler));
	memset(m, 0, sizeof(*m));
	m->reports = reports;
	memcpy(m->scheduler, scheduler, sizeof(scheduler));
}

/* The kernel's own lines about an end and the debug dump of it may stand in any order. */
static void join_report(struct messages *m, unsigned said_by)
{
	if (!m->said || m->said & said_by)
		begin_report(m);
	m->said |= said_by;
}

/* BPF scheduler "simple" disabled (runnable task stall) */
static bool take_disabled(struct messages *m, const char *at)
{
	static const char head[] = "BPF scheduler \"", middle[] = "\" disabled (";
	const char *name = at + strlen(head), *end = starts_with(at, head) ? strstr(name, middle) : NULL;
	const char *close = end ? strrchr(end, ')') : NULL;
	if (!close || close < end + strlen(middle))
		return false;
	join_report(m, SAID_BY_KERNEL);
	copy(m->scheduler, sizeof(m->scheduler), name, (size_t)(end - name));
	end += strlen(middle);
	copy(m->reason, sizeof(m->reason), end, (size_t)(close - end));
	m->end = SCX_END_ERROR;
	return true;
}

static bool take_enabled(struct messages *m, const char *at)
{
	static const char head[] = "BPF scheduler \"", tail[] = "\" enabled";
	const char *name = at + strlen(head), *end = starts_with(at, head) ? strstr(name, tail) : NULL;
	if (!end)
		return false;
	if (!m->reports)
		copy(m->scheduler, sizeof(m->scheduler), name, (size_t)(end - name));
	return true;
}

/* "sched_ext: NAME: what happened", behind the line above. */
static bool take_detail(struct messages *m, const char *at)
{
	size_t len = strlen(m->scheduler);
	if (!m->reports || !len || strncmp(at, m->scheduler, len) != 0 || !starts_with(at + len, ": ") || *m->detail)
		return false;
	at += len + 2;
	copy(m->detail, sizeof(m->detail), at, strlen(at));
	return true;
}

static bool take_sched_ext(struct messages *m, const char *line)
{
	const char *at = strstr(line, "sched_ext: ");
	if (!at)
		return false;
	at += strlen("sched_ext: ");
	return take_disabled(m, at) || take_enabled(m, at) || take_detail(m, at);
}

/* --- the debug dump ----------------------------------------------------------------------------------------------- */

/* "swapper/0[0] triggered exit kind 1026:" */
static bool take_dump_head(struct messages *m, const char *at)
{
	if (!strstr(at, "] triggered exit kind "))
		return false;
	join_report(m, SAID_BY_DUMP);
	m->end = SCX_END_ERROR;
	return true;
}

/* "  runnable task stall (comm[12] failed to run for 30.1s)", behind the line above. */
static bool take_dump_reason(struct messages *m, const char *at)
{
	const char *open = strstr(at, " ("), *close = strrchr(at, ')');
	if (!starts_with(at, "  ") || !open || !close || close < open)
		return false;
	at += strspn(at, " ");
	if (open <= at)
		return false;
	if (!*m->reason)
		copy(m->reason, sizeof(m->reason), at, (size_t)(open - at));
	if (!*m->detail)
		copy(m->detail, sizeof(m->detail), open + 2, (size_t)(close - open - 2));
	return true;
}

static bool take_cpu(struct messages *m, const char *at)
{
	unsigned cpu;
	at += strspn(at, " ");
	if (!strstr(at, ": nr_run=") || sscanf(at, "CPU %u", &cpu) != 1 || cpu >= CPUS_MAX)
		return false;
	m->cpus = cpu + 1 > m->cpus ? cpu + 1 : m->cpus;
	return true;
}

static struct message_task *add_task(struct messages *m)
{
	if (m->tasks == MESSAGES_TASKS_MAX) {
		m->tasks_lost++;
		return NULL;
	}
	m->task[m->tasks] = (struct message_task){ 0 };
	return &m->task[m->tasks++];
}

/* " *R stress-ng[411] -30123ms": the marker shows the current task of the CPU. */
static bool take_task(struct messages *m, const char *at)
{
	size_t len = strlen(at);
	while (len && at[len - 1] == ' ')
		len--;
	if (len < 8 || strncmp(at + len - 2, "ms", 2) != 0)
		return false;
	size_t digits = len - 2;
	while (digits && isdigit((unsigned char)at[digits - 1]))
		digits--;
	if (digits < 3 || (at[digits - 1] != '-' && at[digits - 1] != '+') || at[digits - 2] != ' ' ||
	    at[digits - 3] != ']')
		return false;
	const char *close = at + digits - 3, *open = close;
	while (open > at && *open != '[')
		open--;
	const char *name = at + strspn(at, " ");
	bool runs = *name == '*';
	name += runs;
	if (open <= name + 2 || !isalpha((unsigned char)*name) || name[1] != ' ')
		return false;
	struct message_task *t = add_task(m);
	if (!t)
		return true;
	copy(t->comm, sizeof(t->comm), name + 2, (size_t)(open - name - 2));
	t->pid = (int)(strtoul(open + 1, NULL, 10) & INT32_MAX);
	t->waits_ms = at[digits - 1] == '-' ? (int64_t)(strtoul(at + digits, NULL, 10) & INT32_MAX) : 0;
	t->runs = runs;
	return true;
}

static bool take_cpus(struct messages *m, const char *at)
{
	char mask[256];
	at += strspn(at, " ");
	if (!m->tasks || !starts_with(at, "cpus="))
		return false;
	at += strlen("cpus=");
	snprintf(mask, sizeof(mask), "%.*s", (int)strspn(at, "0123456789abcdefABCDEF,"), at);
	struct message_task *t = &m->task[m->tasks - 1];
	if (!mask_to_list(mask, t->cpus, sizeof(t->cpus)))
		*t->cpus = '\0';
	return true;
}

/* "func+0x12/0x34", of the backtrace of the end, or, behind a task, of that task. */
static bool take_frame(struct messages *m, const char *at)
{
	at += strspn(at, " ");
	size_t len = strcspn(at, " +");
	unsigned long offset, size;
	if (!len || at[len] != '+' || sscanf(at + len, "+0x%lx/0x%lx", &offset, &size) != 2 || !m->reports)
		return false;
	if (m->tasks) {
		struct message_task *t = &m->task[m->tasks - 1];
		if (!*t->function)
			copy(t->function, sizeof(t->function), at, len);
	} else if (m->frames < MESSAGES_FRAMES_MAX) {
		copy(m->frame[m->frames++], MESSAGES_NAME_MAX, at, len);
	}
	return true;
}

/* --- the whole text ----------------------------------------------------------------------------------------------- */

/* Which kind of line came last decides what a line without a mark of its own is. */
static void take_line(struct messages *m, const char *line, bool *head)
{
	const char *at = message_of(line);
	if (*head && take_dump_reason(m, at)) {
		*head = false;
		return;
	}
	*head = take_dump_head(m, at);
	if (*head || take_sched_ext(m, line) || take_cpu(m, at) || take_task(m, at) || take_cpus(m, at))
		return;
	take_frame(m, at);
}

int messages_parse(const char *text, size_t len, struct messages *ret)
{
	bool head = false;
	memset(ret, 0, sizeof(*ret));
	for (size_t at = 0; at < len;) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t line_len = end ? (size_t)(end - text) - at : len - at;
		char line[LINE_MAX_BYTES];
		text_copy_line(line, sizeof(line), text + at, line_len);
		take_line(ret, line, &head);
		at += line_len + 1;
	}
	find_victim(ret);
	if (ret->end != SCX_END_NONE)
		ret->end = kind_of(ret);
	return ret->reports || *ret->scheduler ? 0 : -ENODATA;
}

/* --- masks -------------------------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* Digits of a mask from the lowest on. */
struct digits {
	unsigned char value[256];
	size_t count;
};

static bool has_bit(const struct digits *d, unsigned bit)
{
	return bit / 4 < d->count && d->value[bit / 4] >> bit % 4 & 1;
}

static bool read_digits(const char *mask, struct digits *d)
{
	d->count = 0;
	for (size_t i = strlen(mask); i > 0; i--) {
		if (mask[i - 1] == ',')
			continue;
		if (!isxdigit((unsigned char)mask[i - 1]) || d->count == sizeof(d->value))
			return false;
		d->value[d->count++] = (unsigned char)hex_digit(mask[i - 1]);
	}
	return d->count;
}

bool mask_to_list(const char *mask, char *out, size_t size)
{
	struct digits d;
	size_t n = 0;
	*out = '\0';
	if (!read_digits(mask, &d))
		return false;
	for (unsigned i = 0; i < d.count * 4; i++) {
		unsigned last = i;
		if (!has_bit(&d, i))
			continue;
		while (has_bit(&d, last + 1))
			last++;
		int wrote = snprintf(out + n, size - n, last > i ? "%s%u-%u" : "%s%u", n ? "," : "", i, last);
		if (wrote < 0 || (size_t)wrote >= size - n)
			return false;
		n += (size_t)wrote;
		i = last;
	}
	return n;
}
