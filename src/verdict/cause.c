/* SPDX-License-Identifier: GPL-2.0-only */
/* cause.c -- see cause.h. The patterns are messages that kernels have printed for years; the first match wins. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "verdict/cause.h"

struct pattern {
	const char *needle;
	const char *what;
	bool by_test;
};

/* The panic is last, because the other causes often end in a panic, too. */
static const struct pattern kernel_patterns[] = {
	{ "Out of memory: Killed process", "guest out of memory", true },
	{ "System is deadlocked on memory", "guest out of memory", true },
	{ "Initramfs unpacking failed", "guest out of memory while unpacking its initramfs", true },
	{ "blocked for more than", "hung task" },
	{ "soft lockup", "soft lockup" },
	{ "hard LOCKUP", "hard lockup" },
	{ "detected stalls on CPUs", "RCU stall" },
	{ "BUG: kernel NULL pointer dereference", "kernel oops" },
	{ "BUG: unable to handle page fault", "kernel oops" },
	{ "general protection fault", "kernel oops" },
	{ "kernel BUG at", "kernel BUG" },
	{ "Oops:", "kernel oops" },
	{ "sysrq: Trigger a crash", "kernel crash by SysRq", true },
	{ "Kernel panic - not syncing", "kernel panic" },
};

static const struct pattern scheduler_patterns[] = {
	{ "EXIT: ", "sched_ext ended the scheduler" },
	{ "triggered exit kind", "sched_ext ended the scheduler" }, /* the reason is on the next line */
	{ "-- BEGIN PROG LOAD LOG --", "the BPF verifier rejected it" },
	{ "R0 !read_ok", "the BPF verifier rejected it" },
	{ "failed to load BPF skeleton", "its BPF programs did not load" },
	{ "failed to load object", "its BPF programs did not load" },
	{ "error while loading shared libraries", "a shared library is missing" },
	{ "func_proto incompatible with vmlinux", "it was built for another kernel" },
	{ "Permission denied", "permission denied" },
};

/* What the kernel prints for reboot(2). Neither a panic nor SysRq prints these lines. */
static const struct pattern reboot_patterns[] = {
	{ "reboot: Restarting system", "restarted", true },
	{ "reboot: Power down", "switched off", true },
	{ "reboot: System halted", "halted", true },
};

/* "[    1.234567] text" -> "text" */
static const char *without_stamp(const char *line)
{
	if (*line == '<')
		line += strcspn(line, ">") + (strchr(line, '>') != NULL);
	if (*line != '[')
		return line;
	const char *p = line + 1;
	while (*p == ' ' || *p == '.' || isdigit((unsigned char)*p))
		p++;
	return p[0] == ']' && p[1] == ' ' ? p + 2 : line;
}

static void copy_line(const char *text, const char *at, char *out, size_t size)
{
	const char *start = at;
	while (start > text && start[-1] != '\n')
		start--;
	start = without_stamp(start);
	size_t len = strcspn(start, "\n");
	text_copy_line(out, size, start, len);
}

static bool find_pattern(const struct pattern *patterns, size_t count, const char *text, struct cause *ret)
{
	for (size_t i = 0; i < count; i++) {
		const char *at = strstr(text, patterns[i].needle);
		if (!at)
			continue;
		ret->what = patterns[i].what;
		ret->by_test = patterns[i].by_test;
		copy_line(text, at, ret->line, sizeof(ret->line));
		return true;
	}
	return false;
}

bool cause_in_kernel_log(const char *text, struct cause *ret)
{
	return find_pattern(kernel_patterns, ARRAY_SIZE(kernel_patterns), text, ret);
}

bool cause_of_reboot(const char *text, struct cause *ret)
{
	return find_pattern(reboot_patterns, ARRAY_SIZE(reboot_patterns), text, ret);
}

/* Appends the first sentence of a text that is broken into indented lines, and ends at an empty line or at @end. */
static void append_sentence(struct buf *out, const char *text, const char *end)
{
	while (text < end && *text != '\n') {
		text += strspn(text, " ");
		size_t len = strcspn(text, "\n");
		const char *stop = memmem(text, len, ". ", 2);
		buf_appendf(out, " %.*s", (int)(stop ? stop + 1 - text : (ptrdiff_t)len), text);
		if (stop || (len && text[len - 1] == '.'))
			return;
		text += len + (text[len] == '\n');
	}
}

/*
 * Since Linux 7.2 the verifier explains a failure in sections: "Verification failed: CATEGORY: PROBLEM", then
 * "Reason:", "At:", "Causal path:" and "Suggestion:". The problem and the first sentence of the reason are the most
 * useful.
 */
static bool explained_reason(const char *text, const char *end, struct cause *ret)
{
	static const char header[] = "Verification failed: ", section[] = "\nReason:\n";
	const char *problem = NULL, *next = text;
	while ((next = strstr(next, header)) && next < end)
		problem = next += strlen(header);
	if (!problem)
		return false;
	_cleanup_buf_ struct buf line = BUF_NULL;
	const char *reason = strstr(problem, section);
	buf_appendf(&line, "%.*s", (int)strcspn(problem, "\n"), problem);
	if (reason && reason < end) {
		buf_appendf(&line, ":");
		append_sentence(&line, reason + strlen(section), end);
	}
	text_copy_line(ret->line, sizeof(ret->line), buf_str(&line), line.len);
	return true;
}

/* Takes the last line before the verifier's statistics, which are at the end of its log. */
static bool plain_reason(const char *text, const char *end, struct cause *ret)
{
	const char *stats = end;
	while (stats > text && strncmp(stats, "processed ", 10))
		stats--;
	while (stats > text && isspace((unsigned char)stats[-1]))
		stats--;
	if (stats == text)
		return false;
	ret->by_test = false;
	copy_line(text, stats - 1, ret->line, sizeof(ret->line));
	return ret->line[0] != '\0';
}

static bool verifier_reason(const char *text, struct cause *ret)
{
	const char *end = strstr(text, "-- END PROG LOAD LOG --");
	if (!end || !(explained_reason(text, end, ret) || plain_reason(text, end, ret)))
		return false;
	ret->what = "the BPF verifier rejected it";
	return true;
}

bool cause_in_scheduler_log(const char *text, struct cause *ret)
{
	if (verifier_reason(text, ret))
		return true;
	return find_pattern(scheduler_patterns, ARRAY_SIZE(scheduler_patterns), text, ret);
}

static bool reads_like_error(const char *line, size_t len)
{
	static const char *const words[] = {
		"error",  "fail",     "invalid",   "unrecognized", "unknown",	"unexpected", "requires an argument",
		"cannot", "can't",    "could not", "unable",	   "not found", "no such",    "denied",
		"fatal",  "panicked", "abort",
	};
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		for (size_t at = 0; at + strlen(words[i]) <= len; at++)
			if (!strncasecmp(line + at, words[i], strlen(words[i])))
				return true;
	return false;
}

void cause_error_line(const char *text, char *out, size_t size)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		if (reads_like_error(line, len)) {
			copy_line(text, line, out, size);
			return;
		}
		line += len + (line[len] != '\0');
	}
	cause_last_line(text, out, size);
}

void cause_last_line(const char *text, char *out, size_t size)
{
	const char *end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		end--;
	if (end == text) {
		out[0] = '\0';
		return;
	}
	copy_line(text, end - 1, out, size);
}
