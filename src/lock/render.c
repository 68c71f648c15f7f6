/* SPDX-License-Identifier: GPL-2.0-only */
/* render.c -- the frame of `ktstr locks`; see render.h. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "lock/render.h"

#define LETTERS 26

static const struct section {
	const char *title, *head, *json; /* head: of the first column */
	const char *key;		 /* its JSON name */
	bool numbered;
} sections[LOCK_KIND_MAX] = {
	[LOCK_LLC] = { "LLC locks:", "LLC", "llcs", "llc_idx", true },
	[LOCK_CPU] = { "Per-CPU locks:", "CPU", "cpus", "cpu", true },
	[LOCK_CACHE] = { "Cache-entry locks:", "CACHE KEY", "cache", "cache_key", false },
	[LOCK_RUN] = { "Run-dir locks:", "RUN KEY", "run_dirs", "run_key", false },
};

/* The kernel's id of the node that the lock's CPU or LLC is in, or -1. */
static int node_of(const struct lock_file *f, const struct host *h)
{
	if (h && f->kind == LOCK_LLC && f->index < h->llcs)
		return h->node[h->llc[f->index].node].id;
	if (h && f->kind == LOCK_CPU && f->index < HOST_CPUS_MAX && h->cpu[f->index].node != HOST_NONE)
		return h->node[h->cpu[f->index].node].id;
	return -1;
}

/* The number of files of one kind. They are neighbours; *@ret_first is the first. */
static size_t files_of_kind(const struct lock_scan *s, enum lock_kind kind, size_t *ret_first)
{
	size_t first = 0, count = 0;
	while (first < s->files && s->file[first].kind < kind)
		first++;
	while (first + count < s->files && s->file[first + count].kind == kind)
		count++;
	*ret_first = first;
	return count;
}

/* --- tables ------------------------------------------------------------------------------------------------------- */

static void first_cell(const struct lock_file *f, char *out, size_t size)
{
	if (sections[f->kind].numbered)
		snprintf(out, size, "%u", f->index);
	else
		lock_file_key(f, out, size);
}

static void put_holder(const struct lock_scan *s, const struct lock_holder *h, const struct term *t, struct buf *out)
{
	char since[TIME_TEXT_MAX];
	if (h->pid <= 0)
		buf_puts(out, "? (in another pid namespace)");
	else
		buf_appendf(out, "%s%d%s (%s)", term_style(t, TERM_NAME), h->pid, term_plain(t),
			    h->cmdline ? h->cmdline : "ended");
	buf_puts(out, h->exclusive ? " exclusive" : " shared");
	if (h->since && s->taken_at > h->since)
		buf_appendf(out, " %s", nsec_format(s->taken_at - h->since, since));
}

static void put_holders(const struct lock_scan *s, const struct lock_file *f, const struct term *t, struct buf *out)
{
	if (!f->holders)
		buf_appendf(out, "%s<none recorded>%s", term_style(t, TERM_DIM), term_plain(t));
	for (uint32_t i = 0; i < f->holders; i++) {
		buf_puts(out, i ? ", " : "");
		put_holder(s, &s->holder[f->first + i], t, out);
	}
	buf_puts(out, "\n");
}

static void put_section(const struct lock_scan *s, const struct host *h, enum lock_kind kind, const struct term *t,
			struct buf *out)
{
	const struct section *sec = &sections[kind];
	char cell[256], node[12] = "?", path[4352];
	size_t first, count = files_of_kind(s, kind, &first), wide = strlen(sec->head), path_wide = strlen("LOCKFILE");
	buf_appendf(out, "%s%s%s\n", term_style(t, TERM_NAME), sec->title, term_plain(t));
	if (!count) {
		buf_puts(out, "  (none)\n");
		return;
	}
	for (size_t i = first; i < first + count; i++) {
		first_cell(&s->file[i], cell, sizeof(cell));
		size_t len = strlen(lock_file_dir(s, &s->file[i])) + 1 + strlen(s->file[i].name);
		wide = MAX_OF(wide, strlen(cell));
		path_wide = MAX_OF(path_wide, len);
	}
	buf_appendf(out, "  %-*s  %s%-*s  HOLDERS\n", (int)wide, sec->head, sec->numbered ? "NODE  " : "",
		    (int)path_wide, "LOCKFILE");
	for (size_t i = first; i < first + count; i++) {
		const struct lock_file *f = &s->file[i];
		first_cell(f, cell, sizeof(cell));
		snprintf(path, sizeof(path), "%s/%s", lock_file_dir(s, f), f->name);
		if (node_of(f, h) >= 0)
			snprintf(node, sizeof(node), "%d", node_of(f, h));
		else
			snprintf(node, sizeof(node), "?");
		buf_appendf(out, "  %-*s  ", (int)wide, cell);
		if (sec->numbered)
			buf_appendf(out, "%-4s  ", node);
		buf_appendf(out, "%-*s  ", (int)path_wide, path);
		put_holders(s, f, t, out);
	}
}

/* --- the host map ------------------------------------------------------------------------------------------------- */

struct map {
	const struct lock_scan *scan;
	const struct host *host;
	pid_t holder[LETTERS]; /* by letter */
	unsigned holders;
	unsigned more;		       /* holders without a letter */
	char cpu[HOST_CPUS_MAX];       /* the character of each */
	char shared[HOST_CPUS_MAX][4]; /* by LLC: letters of up to three holders of the shared lock */
};

/* 'a' to 'z' in the order of pids; '*' for all further holders. */
static char letter_of(struct map *m, pid_t pid)
{
	for (unsigned i = 0; i < m->holders; i++)
		if (m->holder[i] == pid)
			return (char)('a' + i);
	return '*';
}

static int by_pid(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static void collect_letters(struct map *m)
{
	const struct lock_scan *s = m->scan;
	pid_t *all = calloc(s->holders + 1, sizeof(*all));
	size_t count = 0;
	for (size_t i = 0; all && i < s->holders; i++)
		if (s->file[s->holder[i].file].kind <= LOCK_CPU)
			all[count++] = s->holder[i].pid;
	if (count)
		qsort(all, count, sizeof(*all), by_pid);
	for (size_t i = 0; i < count; i++) {
		if (i && all[i] == all[i - 1])
			continue;
		if (m->holders < LETTERS)
			m->holder[m->holders++] = all[i];
		else
			m->more++;
	}
	free(all);
}

static void mark_llc(struct map *m, const struct lock_file *f, const struct lock_holder *h)
{
	char letter = letter_of(m, h->pid), upper = letter == '*' ? '*' : (char)(letter - 'a' + 'A');
	if (h->exclusive) {
		set_for_each(cpu, &m->host->llc[f->index].cpus)
			m->cpu[cpu] = upper;
		return;
	}
	size_t at = strlen(m->shared[f->index]);
	if (at < sizeof(m->shared[0]) - 1)
		m->shared[f->index][at] = letter;
}

static void mark_cpus(struct map *m)
{
	const struct lock_scan *s = m->scan;
	memset(m->cpu, '.', sizeof(m->cpu));
	for (size_t i = 0; i < s->holders; i++) {
		const struct lock_holder *h = &s->holder[i];
		const struct lock_file *f = &s->file[h->file];
		if (f->kind == LOCK_LLC && f->index < m->host->llcs)
			mark_llc(m, f, h);
		else if (f->kind == LOCK_CPU && f->index < HOST_CPUS_MAX)
			m->cpu[f->index] = letter_of(m, h->pid);
	}
}

/* The CPUs of one LLC, siblings side by side, a gap between cores; further lines are indented. */
static void put_llc_cpus(const struct map *m, unsigned llc, unsigned indent, unsigned columns, struct buf *out)
{
	struct cpuset_bits left = m->host->llc[llc].cpus;
	unsigned at = indent;
	bool first = true;
	for (unsigned cpu = set_next(&left, 0); cpu < SET_END; cpu = set_next(&left, cpu)) {
		char core[HOST_CPUS_MAX + 1];
		unsigned threads = 0;
		for (unsigned c = cpu; c < SET_END; c = set_next(&left, c + 1)) {
			if (m->host->cpu[c].core != m->host->cpu[cpu].core)
				continue;
			core[threads++] = m->cpu[c];
			set_remove(&left, c);
		}
		if (!first && at + 1 + threads > columns) {
			buf_appendf(out, "\n%*s", (int)indent, "");
			at = indent;
			first = true;
		}
		buf_appendf(out, "%s%.*s", first ? "" : " ", (int)threads, core);
		at += threads + !first;
		first = false;
	}
}

static void put_legend(const struct map *m, const struct term *t, struct buf *out)
{
	for (unsigned i = 0; i < m->holders; i++) {
		const char *cmdline = NULL;
		unsigned cpus = 0, llcs = 0;
		for (size_t k = 0; k < m->scan->holders; k++) {
			const struct lock_holder *h = &m->scan->holder[k];
			if (h->pid != m->holder[i])
				continue;
			cmdline = h->cmdline ? h->cmdline : cmdline;
			cpus += m->scan->file[h->file].kind == LOCK_CPU;
			llcs += m->scan->file[h->file].kind == LOCK_LLC;
		}
		buf_appendf(out, "  %s%c%s  %d (%s): %u CPUs, %u LLCs\n", term_style(t, TERM_NAME), 'a' + (char)i,
			    term_plain(t), m->holder[i], cmdline ? cmdline : "ended", cpus, llcs);
	}
	if (m->more)
		buf_appendf(out, "  *  %u more\n", m->more);
}

static void put_map(const struct lock_scan *s, const struct host *h, const struct term *t, struct buf *out)
{
	struct map *m = calloc(1, sizeof(*m));
	char label[64];
	if (!m)
		return;
	m->scan = s;
	m->host = h;
	collect_letters(m);
	mark_cpus(m);
	buf_appendf(out, "%sHost map:%s . free, a-z held, A-Z whole LLC held\n", term_style(t, TERM_NAME),
		    term_plain(t));
	for (unsigned l = 0; l < h->llcs; l++) {
		snprintf(label, sizeof(label), "  node %-2u LLC %-3u %-3s  ", h->node[h->llc[l].node].id, l,
			 m->shared[l]);
		buf_puts(out, label);
		put_llc_cpus(m, l, (unsigned)strlen(label), t->columns, out);
		buf_puts(out, "\n");
	}
	put_legend(m, t, out);
	free(m);
}

void locks_render_text(const struct lock_scan *s, const struct host *h, const struct term *t, bool map, struct buf *out)
{
	/* The map comes first, because a terminal may be too low for everything. */
	if (map && h)
		put_map(s, h, t, out);
	for (unsigned kind = 0; kind < LOCK_KIND_MAX; kind++)
		put_section(s, h, (enum lock_kind)kind, t, out);
	for (unsigned i = 0; i < ROOT_MAX; i++)
		if (s->root[i].left_out)
			buf_appendf(out, "%s: shows the first %d lock files, %zu more exist\n", s->root[i].path,
				    LOCK_FILES_MAX, s->root[i].left_out);
}

/* --- JSON --------------------------------------------------------------------------------------------------------- */

static void put_json_string(struct buf *out, const char *s)
{
	if (!s) {
		buf_puts(out, "null");
		return;
	}
	buf_puts(out, "\"");
	text_append_json(out, s, strlen(s));
	buf_puts(out, "\"");
}

static void put_json_holder(const struct lock_holder *h, struct buf *out)
{
	char since[TIME_TEXT_MAX];
	buf_appendf(out, "{\"pid\":%d,\"cmdline\":", h->pid);
	put_json_string(out, h->cmdline);
	buf_appendf(out, ",\"mode\":\"%s\",\"since\":", h->exclusive ? "exclusive" : "shared");
	put_json_string(out, h->since ? time_rfc3339(h->since / NSEC_PER_SEC, since) : NULL);
	buf_puts(out, "}");
}

static void put_json_file(const struct lock_scan *s, const struct host *h, const struct lock_file *f, struct buf *out)
{
	char key[256];
	int node = node_of(f, h);
	buf_appendf(out, "{\"%s\":", sections[f->kind].key);
	if (sections[f->kind].numbered && node >= 0)
		buf_appendf(out, "%u,\"numa_node\":%d", f->index, node);
	else if (sections[f->kind].numbered)
		buf_appendf(out, "%u,\"numa_node\":null", f->index);
	else
		put_json_string(out, lock_file_key(f, key, sizeof(key)));
	buf_puts(out, ",\"lockfile\":\"");
	text_append_json(out, lock_file_dir(s, f), strlen(lock_file_dir(s, f)));
	buf_puts(out, "/");
	text_append_json(out, f->name, strlen(f->name));
	buf_puts(out, "\",\"holders\":[");
	for (uint32_t i = 0; i < f->holders; i++) {
		buf_puts(out, i ? "," : "");
		put_json_holder(&s->holder[f->first + i], out);
	}
	buf_puts(out, "]}");
}

void locks_render_json(const struct lock_scan *s, const struct host *h, struct buf *out)
{
	for (unsigned kind = 0; kind < LOCK_KIND_MAX; kind++) {
		size_t first, count = files_of_kind(s, (enum lock_kind)kind, &first);
		buf_appendf(out, "%c\"%s\":[", kind ? ',' : '{', sections[kind].json);
		for (size_t i = first; i < first + count; i++) {
			buf_puts(out, i > first ? "," : "");
			put_json_file(s, h, &s->file[i], out);
		}
		buf_puts(out, "]");
	}
	buf_puts(out, "}\n");
}
