/* SPDX-License-Identifier: GPL-2.0-only */
/* Moments of `ktstr top`: of sched_ext with queues and waits, a minute later, in few lines, and of the kernel's own. */
#include <stdio.h>

#include "base/json.h"
#include "monitor/top.h"

static const char earlier[] = "{\"clock_ns\": 1000000000, \"cpus\": [{\"nr_switches\": 100}, {\"nr_switches\": 7}]}";

static const char busy[] =
	"{\"clock_ns\": 1500000000, \"scheduler\": {\"ops_name\": \"simple\", \"enable_state\": \"ENABLED\"},"
	" \"cpus\": ["
	"  {\"cpu\": 0, \"curr_comm\": \"worker\", \"curr_pid\": 71, \"idle\": false, \"curr_class\": \"ext\","
	"   \"curr_runs_ms\": 3, \"nr_running\": 4, \"local_dsq_nr\": 2, \"nr_switches\": 350},"
	"  {\"cpu\": 1, \"curr_comm\": \"swapper/1\", \"curr_pid\": 0, \"idle\": true, \"nr_running\": 0,"
	"   \"local_dsq_nr\": 0, \"nr_switches\": 7},"
	"  {\"cpu\": 2, \"curr_comm\": \"a name that is long\", \"curr_pid\": 4194303, \"idle\": false,"
	"   \"curr_class\": \"fair\", \"nr_running\": 1, \"nr_switches\": 9}],"
	" \"dispatch_queues\": ["
	"  {\"id\": \"LOCAL\", \"origin\": \"local cpu 0\", \"nr\": 2, \"longest_ms\": 9},"
	"  {\"id\": \"GLOBAL\", \"origin\": \"global node 0\", \"nr\": 0, \"longest_ms\": null},"
	"  {\"id\": \"0x0\", \"origin\": \"user\", \"nr\": 3, \"longest_ms\": 34},"
	"  {\"id\": \"0x1\", \"origin\": \"user\", \"nr\": 0, \"longest_ms\": null}],"
	" \"waiting\": ["
	"  {\"pid\": 72, \"comm\": \"worker\", \"class\": \"ext\", \"cpu\": 1, \"waits_ms\": 34},"
	"  {\"pid\": 73, \"comm\": \"worker\", \"class\": \"ext\", \"cpu\": 0, \"waits_ms\": 9},"
	"  {\"pid\": 74, \"comm\": \"worker\", \"class\": \"ext\", \"cpu\": 0, \"waits_ms\": null}],"
	" \"waiting_count\": 5, \"tasks\": 40, \"bad_reads\": 0}";

static const char quiet[] = "{\"clock_ns\": 2000000, \"scheduler\": {\"enable_state\": \"DISABLED\"}, \"cpus\": ["
			    "{\"cpu\": 0, \"curr_comm\": \"swapper/0\", \"curr_pid\": 0, \"idle\": true,"
			    " \"nr_running\": 0, \"nr_switches\": 1}],"
			    " \"dispatch_queues\": [], \"waiting\": [], \"waiting_count\": 0, \"tasks\": 30}";

static void show(const char *title, const char *now, const char *before, const struct term *t, unsigned rows)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	json_auto_t *frame = json_loads(now, 0, NULL), *then = before ? json_loads(before, 0, NULL) : NULL;
	top_render(frame, then, t, rows, &out);
	printf("== %s\n%s", title, buf_str(&out));
}

int main(void)
{
	const struct term plain = { .columns = 80 }, coloured = { .columns = 80, .colour = true, .tty = true };
	show("queues and waits", busy, NULL, &plain, 0);
	show("half a second after another", busy, earlier, &plain, 0);
	show("in twelve lines", busy, earlier, &coloured, 12);
	show("in three lines", busy, earlier, &plain, 3);
	show("without sched_ext", quiet, NULL, &plain, 0);
	return 0;
}
