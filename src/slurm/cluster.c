/* SPDX-License-Identifier: GPL-2.0-only */
/* cluster.c -- see cluster.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "slurm/built.h"
#include "slurm/call.h"
#include "slurm/cluster.h"
#include "slurm/text.h"

#define ARRAY_DEFAULT 1001 /* Slurm's own defaults */
#define JOBS_DEFAULT  10000
#define TIME_LEAST_S  600 /* of a task: nodes may be slower than the estimate, and starting costs something */
#define TIME_FACTOR   4

#define EXCLUDE_WORD "--exclude="

#define PROBE_MEMORY_MIB 256
#define PROBE_TIME_MIN	 5
#define BUILD_CPUS_MAX	 16
#define BUILD_MEMORY_MIB 4096 /* compilers, and the linker and pahole with the debug information of a whole kernel */
#define BUILD_TIME_MIN	 120

static void take_node(void *data, const char *line)
{
	struct cluster *c = data;
	struct slurm_node n;
	if (!slurm_node_parse(line, &n) || c->nodes == CLUSTER_GROUPS_MAX)
		return;
	c->counts_memory |= n.memory_mib != UINT32_MAX;
	c->node[c->nodes++] = n;
}

static void take_setting(void *data, const char *line)
{
	struct cluster *c = data;
	slurm_config_number(line, "MaxArraySize", &c->array_most);
	slurm_config_number(line, "MaxJobCount", &c->jobs_most);
}

int cluster_look(struct reactor *r, const char *partition, struct cluster *ret, struct err **err)
{
	struct slurm_call nodes, config;
	*ret = (struct cluster){ .array_most = ARRAY_DEFAULT, .jobs_most = JOBS_DEFAULT };
	slurm_call_init(&nodes, take_node, ret);
	slurm_call_init(&config, take_setting, ret);
	const char *const words[] = {
		"sinfo", "--noheader", "-o", SLURM_NODE_FORMAT, partition ? "-p" : NULL, partition
	};
	for (size_t i = 0; i < ARRAY_SIZE(words) && words[i]; i++)
		slurm_call_add(&nodes, words[i]);
	slurm_call_add(&config, "scontrol");
	slurm_call_add(&config, "show");
	slurm_call_add(&config, "config");
	int result = slurm_call_run(r, &nodes, err);
	if (result == 0)
		result = slurm_call_run(r, &config, err);
	slurm_call_done(&nodes);
	slurm_call_done(&config);
	if (result == 0 && !ret->nodes)
		result = partition ? FAIL(err, ERR_MISSING, -ENODEV,
					  "the cluster has no partition '%s' with a node that can run jobs now; "
					  "'sinfo' shows its partitions",
					  partition)
				   : FAIL(err, ERR_MISSING, -ENODEV,
					  "no node of the cluster can run jobs now; see 'sinfo'");
	/* The numbers of an array's tasks end below its size. */
	ret->array_most = MAX_OF(ret->array_most, 2u) - 1;
	return result;
}

/* --- submitting --------------------------------------------------------------------------------------------------- */

/*
 * The scripts get the directory of the run. A task's number is the one in the job's name plus the index in the array;
 * the job that builds gets the number of its CPUs.
 */
static const char task_script[] =
	"#!/bin/sh\ncd \"$1\" || exit 74\n"
	"exec ./bin/ktstr slurm task . \"$((${SLURM_JOB_NAME##*-} + SLURM_ARRAY_TASK_ID))\"\n";

static const char build_script[] = "#!/bin/sh\ncd \"$1\" || exit 74\nexec ./bin/ktstr slurm build . \"$2\"\n";

static const char probe_script[] = "#!/bin/sh\ncd \"$1\" || exit 74\nexec ./bin/ktstr slurm probe . \"$2\"\n";

static char *write_script(const struct slurm_record *r, const char *name, const char *text, struct err **err)
{
	char *path = path_join(r->dir, name);
	if (!path || (!path_exists(path) && file_write_atomic(path, text, strlen(text), 0755, err) < 0)) {
		free(path);
		return NULL;
	}
	return path;
}

struct words {
	struct buf item[12];
	size_t count;
};

static void words_done(struct words *w)
{
	for (size_t i = 0; i < w->count; i++)
		buf_done(&w->item[i]);
}

static struct buf *next_word(struct words *w)
{
	return &w->item[w->count++];
}

static void take_job(void *data, const char *line)
{
	char number[SLURM_JOB_NUMBER_MAX];
	if (slurm_job_number(line, number))
		snprintf(data, SLURM_JOB_NUMBER_MAX, "%s", number);
}

static uint64_t number_of(const json_t *array, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(array, key));
}

/* Minutes. */
static uint64_t time_limit(const json_t *array)
{
	uint64_t estimate_s = number_of(array, "estimate_ns") / NSEC_PER_SEC;
	return (TIME_LEAST_S + TIME_FACTOR * estimate_s) / 60;
}

/* In names of files "%%" is a percent sign for sbatch (sbatch(1), filename pattern). */
static void output_word(const struct cluster_submit *q, const char *below, struct words *w)
{
	struct buf *word = next_word(w);
	buf_puts(word, "--output=");
	for (const char *at = q->record->dir; *at; at++)
		buf_appendf(word, *at == '%' ? "%%%c" : "%c", *at);
	buf_appendf(word, "/%s", below);
}

/* Those of all jobs. */
static void common_words(const struct cluster_submit *q, uint64_t cpus, uint64_t memory_mib, uint64_t minutes,
			 struct words *w)
{
	buf_appendf(next_word(w), "--cpus-per-task=%lu", cpus);
	buf_appendf(next_word(w), "--time=%lu", minutes);
	if (q->counts_memory)
		buf_appendf(next_word(w), "--mem=%lu", memory_mib);
	if (q->partition)
		buf_appendf(next_word(w), "--partition=%s", q->partition);
	if (q->exclude)
		buf_appendf(next_word(w), EXCLUDE_WORD "%s", q->exclude);
}

static void array_words(const struct cluster_submit *q, const json_t *array, struct words *w)
{
	char name[SLURM_NAME_MAX];
	slurm_job_name(q->record, (uint32_t)number_of(array, "first"), name, sizeof(name));
	buf_appendf(next_word(w), "--job-name=%s", name);
	output_word(q, "logs/%x.%a.log", w);
	buf_appendf(next_word(w), "--array=0-%lu", number_of(array, "count") - 1);
	common_words(q, number_of(array, "cpus"), number_of(array, "memory_mib"), time_limit(array), w);
}

static void build_words(const struct cluster *c, const struct cluster_submit *q, uint64_t cpus, struct words *w)
{
	char name[SLURM_NAME_MAX];
	uint64_t most = 0;
	for (size_t i = 0; i < c->nodes; i++)
		most = MAX_OF(most, c->node[i].memory_mib);
	slurm_build_job_name(q->record, name, sizeof(name));
	buf_appendf(next_word(w), "--job-name=%s", name);
	output_word(q, BUILD_LOG_FILE, w);
	common_words(q, cpus, MIN_OF(most, (uint64_t)BUILD_MEMORY_MIB), BUILD_TIME_MIN, w);
}

static void probe_words(const struct cluster_submit *q, const char *node, struct words *w)
{
	char name[SLURM_NAME_MAX], log[SLURM_NODE_NAME_MAX + 24];
	slurm_probe_job_name(q->record, node, name, sizeof(name));
	snprintf(log, sizeof(log), "logs/probe.%s.log", node);
	buf_appendf(next_word(w), "--job-name=%s", name);
	output_word(q, log, w);
	buf_appendf(next_word(w), "--nodelist=%s", node);
	common_words(q, /* cpus= */ 1, PROBE_MEMORY_MIB, PROBE_TIME_MIN, w);
}

/* Runs sbatch. @operand: of the script, after the directory; NULL: none. */
static int submit(struct reactor *r, const struct cluster_submit *q, const struct words *w, const char *script,
		  const char *operand, char ret_job[SLURM_JOB_NUMBER_MAX], struct err **err)
{
	static const char *const always[] = { "sbatch", "--parsable", "--requeue", "--nodes=1", "--open-mode=append" };
	_cleanup_buf_ struct buf after = BUF_NULL, exclude = BUF_NULL;
	struct slurm_call call;
	bool failed = false;
	*ret_job = '\0';
	slurm_call_init(&call, take_job, ret_job);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		slurm_call_add(&call, always[i]);
	for (size_t i = 0; i < w->count; i++) {
		failed |= w->item[i].failed;
		slurm_call_add(&call, buf_str(&w->item[i]));
	}
	/* The user's arguments win, but for the order of the jobs. sbatch would take only the last --exclude. */
	for (size_t i = 0; i < q->arg_count; i++) {
		bool both = q->exclude && !strncmp(q->args[i], EXCLUDE_WORD, strlen(EXCLUDE_WORD));
		if (both)
			buf_appendf(&exclude, "%s,%s", q->args[i], q->exclude);
		slurm_call_add(&call, both ? buf_str(&exclude) : q->args[i]);
	}
	if (q->after) {
		buf_appendf(&after, "--dependency=afterok:%s", q->after);
		slurm_call_add(&call, buf_str(&after));
		slurm_call_add(&call, "--kill-on-invalid-dep=yes");
	}
	slurm_call_add(&call, script);
	slurm_call_add(&call, q->record->dir);
	if (operand)
		slurm_call_add(&call, operand);
	int result = failed || after.failed || exclude.failed ? -ENOMEM : slurm_call_run(r, &call, err);
	if (result == 0 && !*ret_job)
		result = FAIL(err, ERR_MISSING, -EBADMSG, "sbatch did not print the number of the job");
	slurm_call_done(&call);
	return result;
}

int cluster_submit_array(struct reactor *r, const struct cluster_submit *q, const json_t *array,
			 char ret_job[SLURM_JOB_NUMBER_MAX], struct err **err)
{
	_cleanup_(words_done) struct words w = { 0 };
	_cleanup_free_ char *script = write_script(q->record, "task.sh", task_script, err);
	if (!script)
		return err && *err ? (*err)->code : -ENOMEM;
	array_words(q, array, &w);
	return submit(r, q, &w, script, /* operand= */ NULL, ret_job, err);
}

int cluster_submit_build(struct reactor *r, const struct cluster *c, const struct cluster_submit *q,
			 char ret_job[SLURM_JOB_NUMBER_MAX], struct err **err)
{
	_cleanup_(words_done) struct words w = { 0 };
	_cleanup_free_ char *script = write_script(q->record, "build.sh", build_script, err);
	unsigned cpus = 1;
	char operand[16];
	if (!script)
		return err && *err ? (*err)->code : -ENOMEM;
	for (size_t i = 0; i < c->nodes; i++)
		cpus = MAX_OF(cpus, MIN_OF(c->node[i].cpus, (unsigned)BUILD_CPUS_MAX));
	snprintf(operand, sizeof(operand), "%u", cpus);
	build_words(c, q, cpus, &w);
	return submit(r, q, &w, script, operand, ret_job, err);
}

int cluster_submit_probe(struct reactor *r, const struct cluster_submit *q, const char *node, struct err **err)
{
	_cleanup_(words_done) struct words w = { 0 };
	_cleanup_free_ char *script = write_script(q->record, "probe.sh", probe_script, err);
	char job[SLURM_JOB_NUMBER_MAX];
	if (!script)
		return err && *err ? (*err)->code : -ENOMEM;
	probe_words(q, node, &w);
	return submit(r, q, &w, script, node, job, err);
}

/* --- cancelling --------------------------------------------------------------------------------------------------- */

int cluster_cancel_job(struct reactor *r, const char *name, struct err **err)
{
	char word[SLURM_NAME_MAX + 16];
	struct slurm_call call;
	snprintf(word, sizeof(word), "--name=%s", name);
	slurm_call_init(&call, NULL, NULL);
	slurm_call_add(&call, "scancel");
	slurm_call_add(&call, word);
	int result = slurm_call_run(r, &call, err);
	slurm_call_done(&call);
	return result;
}

int cluster_cancel(struct reactor *r, const struct slurm_record *record, struct err **err)
{
	_cleanup_free_ char *mark = path_join(record->dir, CANCELLED_FILE);
	char name[SLURM_NAME_MAX];
	int result = mark ? file_write_atomic(mark, "", 0, 0644, err) : -ENOMEM;
	slurm_build_job_name(record, name, sizeof(name));
	if (result == 0)
		result = cluster_cancel_job(r, name, err);
	for (unsigned i = 0; i < record->rounds; i++) {
		size_t k;
		json_t *array;
		json_array_foreach(json_object_get(record->round[i], "arrays"), k, array) {
			slurm_job_name(record, (uint32_t)number_of(array, "first"), name, sizeof(name));
			if (result == 0)
				result = cluster_cancel_job(r, name, err);
		}
	}
	return result;
}
