/* SPDX-License-Identifier: GPL-2.0-only */
/* Data from other processes and firmware: /proc/locks, command lines, /proc/PID/stat, sysfs as a tree of texts. */
#include "base/process.h"
#include "base/bug.h"
#include "fuzz.h"
#include "lock/holders.h"
#include "lock/plan.h"
#include "lock/watch.h"

/* Each line "path<TAB>content" is a file. */
static int read_line_of(void *data, const char *path, struct buf *ret)
{
	size_t len = strlen(path);
	for (const char *line = data; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		if (strncmp(line, path, len) || line[len] != '\t')
			continue;
		buf_clear(ret);
		buf_append(ret, line + len + 1, strcspn(line + len + 1, "\n"));
		return 0;
	}
	return -ENOENT;
}

/* Any tree gives a partition of the CPUs, and plans can be made on it. */
static void host(char *text)
{
	struct host_source from = { read_line_of, text };
	struct cpu_request request = { PLAN_BUDGET, .cpus = 1 };
	struct cpuset_bits seen = { 0 };
	struct cpu_plan plan;
	struct host h;
	if (host_read_from(&from, &h, NULL) < 0)
		return;
	for (unsigned i = 0; i < h.cells; i++) {
		REQUIRE(!set_meets(&seen, &h.cell[i].cpus));
		set_unite(&seen, &h.cell[i].cpus);
	}
	REQUIRE(set_equal(&seen, &h.online));
	request.cpus = h.cpus;
	REQUIRE(cpu_plan_make(&h, &h.online, NULL, &request, &plan, NULL) == 0);
	REQUIRE(set_equal(&plan.cpus, &h.online));
	host_done(&h);
}

static void locks(const char *text)
{
	struct proc_lock *lock;
	size_t count;
	if (proc_locks_parse(text, &lock, &count) == 0)
		free(lock);
	stat_start_ticks(text);
}

static void command_line(const char *raw, size_t len)
{
	struct buf clean = BUF_NULL, frame = BUF_NULL;
	cmdline_clean(raw, len, &clean);
	REQUIRE(clean.len <= CMDLINE_BYTES_MAX);
	for (size_t i = 0; i < clean.len; i++)
		REQUIRE((unsigned char)clean.data[i] >= 0x20 && clean.data[i] != 0x7f);
	frame_clip(buf_str(&clean), 3, 20, &frame);
	buf_done(&clean);
	buf_done(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size || size > 1 << 16)
		return 0;
	char *text = fuzz_text(data + 1, size - 1);
	switch (data[0] % 3) {
	case 0:
		host(text);
		break;
	case 1:
		locks(text);
		break;
	default:
		command_line(text, size - 1);
		break;
	}
	free(text);
	return 0;
}
