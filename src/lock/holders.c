/* SPDX-License-Identifier: GPL-2.0-only */
/* holders.c -- see holders.h. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "lock/holders.h"

#define CMDLINE_READ_MAX 4096
#define OPEN_FILES_MAX	 65536

/* --- /proc/locks -------------------------------------------------------------------------------------------------- */

/* Faster than sscanf(3): this runs for every lock of the host in every frame. */
static const char *parse_number(const char *p, unsigned radix, uint64_t *ret)
{
	uint64_t value = 0;
	const char *start = p;
	for (;; p++) {
		unsigned digit = *p >= '0' && *p <= '9'			? (unsigned)(*p - '0')
				 : (*p | 32) >= 'a' && (*p | 32) <= 'f' ? (unsigned)(*p | 32) - 'a' + 10
									: 16;
		if (digit >= radix)
			break;
		if (value > UINT64_MAX / 32)
			return NULL;
		value = value * radix + digit;
	}
	*ret = value;
	return p > start ? p : NULL;
}

static const char *parse_word(const char *p, const char *word)
{
	size_t len = strlen(word);
	p += strspn(p, " ");
	return !strncmp(p, word, len) && p[len] == ' ' ? p + len : NULL;
}

/* "12: FLOCK  ADVISORY  WRITE 345 fd:00:678 0 EOF"; a waiter has "->" before FLOCK. */
static bool parse_line(const char *line, struct proc_lock *ret)
{
	uint64_t number, major, minor, ino;
	const char *p = parse_number(line, 10, &number), *mode;
	if (!p || *p != ':' || !(p = parse_word(p + 1, "FLOCK")) || !(p = parse_word(p, "ADVISORY")))
		return false;
	mode = parse_word(p, "WRITE");
	ret->exclusive = mode != NULL;
	p = mode ? mode : parse_word(p, "READ");
	if (!p)
		return false;
	p += strspn(p, " ");
	bool negative = *p == '-';
	p = parse_number(p + negative, 10, &number);
	if (!p || number > INT32_MAX || *p != ' ' || !(p = parse_number(p + 1, 16, &major)) || *p != ':' ||
	    !(p = parse_number(p + 1, 16, &minor)) || *p != ':' || !(p = parse_number(p + 1, 10, &ino)))
		return false;
	ret->pid = negative ? -(pid_t)number : (pid_t)number;
	ret->major = (uint32_t)major;
	ret->minor = (uint32_t)minor;
	ret->ino = ino;
	return true;
}

int proc_locks_parse(const char *text, struct proc_lock **ret, size_t *ret_count)
{
	struct proc_lock *list = NULL;
	size_t count = 0, cap = 0;
	for (const char *line = text; *line;) {
		const char *end = strchrnul(line, '\n');
		struct proc_lock lock;
		if (count == cap) {
			cap = cap ? 2 * cap : 256;
			struct proc_lock *more = realloc(list, cap * sizeof(*list));
			if (!more) {
				free(list);
				return -ENOMEM;
			}
			list = more;
		}
		if (parse_line(line, &lock))
			list[count++] = lock;
		line = *end ? end + 1 : end;
	}
	*ret = list;
	*ret_count = count;
	return 0;
}

/* --- command lines ------------------------------------------------------------------------------------------------ */

/* Decodes the character at @s; text_append() has made it well-formed UTF-8. */
static uint32_t code_point(const unsigned char *s, size_t *ret_len)
{
	unsigned extra = *s < 0x80 ? 0 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
	uint32_t cp = extra ? *s & (0x3fu >> extra) : *s;
	for (unsigned i = 1; i <= extra; i++)
		cp = cp << 6 | (s[i] & 0x3f);
	*ret_len = extra + 1;
	return cp;
}

/* C1 controls, which some terminals obey, and marks that change the writing direction. */
static bool is_misleading(uint32_t cp)
{
	return (cp >= 0x80 && cp < 0xa0) || cp == 0x61c || (cp >= 0x200b && cp <= 0x200f) ||
	       (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x2069) || cp == 0xfeff;
}

void cmdline_clean(const char *raw, size_t len, struct buf *out)
{
	_cleanup_buf_ struct buf plain = BUF_NULL, printable = BUF_NULL;
	size_t room = CMDLINE_BYTES_MAX - 3, used = 0;
	while (len && !raw[len - 1])
		len--;
	for (size_t i = 0; i < len; i++) {
		bool gap = !raw[i] || raw[i] == '\n' || raw[i] == '\t' || raw[i] == '\r';
		buf_append(&plain, gap ? " " : raw + i, 1);
	}
	text_append(&printable, buf_str(&plain), plain.len);
	const unsigned char *s = (const unsigned char *)buf_str(&printable);
	while (*s) {
		size_t n;
		uint32_t cp = code_point(s, &n);
		if (used + n > room) {
			/* The rest fits in the place of the dots, or is cut. */
			if (strlen((const char *)s) + used > CMDLINE_BYTES_MAX)
				break;
			room = CMDLINE_BYTES_MAX;
		}
		buf_append(out, is_misleading(cp) ? "?" : (const char *)s, is_misleading(cp) ? 1 : n);
		used += n;
		s += n;
	}
	if (*s)
		buf_puts(out, "...");
}

/* --- processes ---------------------------------------------------------------------------------------------------- */

int process_table_init(struct process_table *t, const char *proc)
{
	*t = (struct process_table){ .proc = strdup(proc) };
	return t->proc ? 0 : -ENOMEM;
}

static void process_forget(struct process *p)
{
	free(p->cmdline);
	free(p->inode);
}

void process_table_done(struct process_table *t)
{
	for (size_t i = 0; i < t->count; i++)
		process_forget(&t->item[i]);
	free(t->item);
	free(t->proc);
	*t = (struct process_table){ 0 };
}

/* "/proc/PID/@leaf", cut at @max bytes. Returns the length. */
static int read_proc(const struct process_table *t, pid_t pid, const char *leaf, char *out, size_t max)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/%d/%s", t->proc, pid, leaf);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, max - 1);
	if (n < 0)
		return -errno;
	out[n] = '\0';
	return (int)n;
}

static int64_t realtime_of(uint64_t ticks)
{
	long hz = sysconf(_SC_CLK_TCK);
	nsec_t after_boot =
		(nsec_t)(ticks / (uint64_t)hz) * NSEC_PER_SEC + (nsec_t)(ticks % (uint64_t)hz) * (NSEC_PER_SEC / hz);
	return nsec_clock(CLOCK_REALTIME) - nsec_clock(CLOCK_BOOTTIME) + after_boot;
}

/* "[name]" for processes without a command line: kernel threads and zombies. */
static void name_from_stat(const char *stat, struct buf *out)
{
	const char *open = strchr(stat, '('), *close = strrchr(stat, ')');
	if (!open || !close || close < open)
		return;
	buf_puts(out, "[");
	cmdline_clean(open + 1, (size_t)(close - open - 1), out);
	buf_puts(out, "]");
}

/* Reads the start time before and after the command line: when they differ, the pid was reused in between. */
static void read_process(struct process_table *t, struct process *p)
{
	char stat[1024], again[1024], raw[CMDLINE_READ_MAX];
	struct buf text = BUF_NULL;
	free(p->cmdline);
	p->cmdline = NULL;
	p->inodes_known = false;
	p->start_ticks = 0;
	if (p->pid <= 0 || read_proc(t, p->pid, "stat", stat, sizeof(stat)) < 0)
		return;
	int n = read_proc(t, p->pid, "cmdline", raw, sizeof(raw));
	if (read_proc(t, p->pid, "stat", again, sizeof(again)) < 0 || stat_start_ticks(stat) != stat_start_ticks(again))
		return;
	p->start_ticks = stat_start_ticks(stat);
	p->start_realtime = realtime_of(p->start_ticks);
	if (n > 0)
		cmdline_clean(raw, (size_t)n, &text);
	if (!text.len)
		name_from_stat(stat, &text);
	p->cmdline = buf_steal(&text);
}

static size_t find_process(const struct process_table *t, pid_t pid)
{
	size_t low = 0, high = t->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (t->item[middle].pid < pid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct process *process_get(struct process_table *t, pid_t pid, nsec_t now, unsigned frame)
{
	size_t at = find_process(t, pid);
	bool known = at < t->count && t->item[at].pid == pid;
	if (!known) {
		if (t->count == t->cap) {
			size_t cap = t->cap ? 2 * t->cap : 64;
			struct process *more = realloc(t->item, cap * sizeof(*more));
			if (!more)
				return NULL;
			t->item = more;
			t->cap = cap;
		}
		memmove(&t->item[at + 1], &t->item[at], (t->count - at) * sizeof(*t->item));
		t->count++;
		t->item[at] = (struct process){ .pid = pid };
	}
	struct process *p = &t->item[at];
	if (!known || now - p->looked_at >= PROCESS_LOOK_AGAIN) {
		read_process(t, p);
		p->looked_at = now;
	}
	p->seen = frame;
	return p;
}

/* Keeps an unchanged entry as it is, because lock_holder.cmdline points into it. */
static bool has_changed(struct process_table *t, struct process *p, nsec_t now)
{
	struct process fresh = { .pid = p->pid };
	read_process(t, &fresh);
	bool same = fresh.start_ticks == p->start_ticks && !fresh.cmdline == !p->cmdline &&
		    (!p->cmdline || !strcmp(fresh.cmdline, p->cmdline));
	p->looked_at = same ? now : 0;
	process_forget(&fresh);
	return !same;
}

bool process_table_renew(struct process_table *t, nsec_t now, unsigned frame)
{
	bool any = false;
	for (size_t i = 0; i < t->count; i++) {
		struct process *p = &t->item[i];
		p->seen = frame;
		if (now - p->looked_at >= PROCESS_LOOK_AGAIN)
			any |= has_changed(t, p, now);
	}
	return any;
}

static bool read_inodes(struct process_table *t, struct process *p)
{
	char path[256];
	size_t cap = 0;
	snprintf(path, sizeof(path), "%s/%d/fd", t->proc, p->pid);
	DIR *dir = opendir(path);
	p->inodes = 0;
	if (!dir)
		return false;
	for (struct dirent *e; (e = readdir(dir)) && p->inodes < OPEN_FILES_MAX;) {
		struct stat st;
		if (e->d_name[0] == '.' || fstatat(dirfd(dir), e->d_name, &st, 0) < 0)
			continue;
		if (p->inodes == cap || !p->inode) {
			cap = cap ? 2 * cap : 64;
			uint64_t *more = realloc(p->inode, cap * sizeof(*more));
			if (!more)
				break;
			p->inode = more;
		}
		p->inode[p->inodes++] = st.st_ino;
	}
	closedir(dir);
	return true;
}

bool process_may_have(struct process_table *t, struct process *p, uint64_t ino)
{
	if (!p->inodes_known) {
		p->inodes_known = true;
		if (!read_inodes(t, p))
			p->inodes = SIZE_MAX;
	}
	if (p->inodes == SIZE_MAX)
		return true;
	for (size_t i = 0; i < p->inodes; i++)
		if (p->inode[i] == ino)
			return true;
	return false;
}

void process_table_sweep(struct process_table *t, unsigned frame)
{
	size_t kept = 0;
	for (size_t i = 0; i < t->count; i++) {
		if (t->item[i].seen != frame)
			process_forget(&t->item[i]);
		else
			t->item[kept++] = t->item[i];
	}
	t->count = kept;
}
