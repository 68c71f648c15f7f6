/* SPDX-License-Identifier: GPL-2.0-only */
/* engines.c -- benchmarks of many threads inside one worker: the patterns of schbench and of a cache server. */
#include "guest/work/work.h"

void schbench_begin(struct ktstr_worker *w)
{
	worker_refuse(w, TROUBLE_UNSUPPORTED, -ENOSYS, "not there yet");
}

void schbench(struct ktstr_worker *w)
{
	(void)w;
}

void schbench_end(struct ktstr_worker *w)
{
	(void)w;
}

void taobench_begin(struct ktstr_worker *w)
{
	worker_refuse(w, TROUBLE_UNSUPPORTED, -ENOSYS, "not there yet");
}

void taobench(struct ktstr_worker *w)
{
	(void)w;
}

void taobench_end(struct ktstr_worker *w)
{
	(void)w;
}
