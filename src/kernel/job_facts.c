/* SPDX-License-Identifier: GPL-2.0-only */
/* job_facts.c -- see job.h. */
#include "base/file.h"
#include "kernel/config.h"
#include "kernel/job.h"

bool kernel_job_in_place(const struct kernel_job *job)
{
	return job->config.id->kind == KERNEL_ID_TREE;
}

const char *kernel_job_dot_config(const struct kernel_job *job)
{
	return kernel_job_in_place(job) ? TREE_CONFIG_IN_PLACE : ".config";
}

const char *kernel_job_title(const struct kernel_job *job)
{
	const struct kernel_id *id = job->config.id;
	return job->version[0] ? job->version : id->version ?: id->ref ?: path_basename(id->path ?: "?");
}
