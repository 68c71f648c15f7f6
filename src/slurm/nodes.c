/* SPDX-License-Identifier: GPL-2.0-only */
/* nodes.c -- see nodes.h. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "slurm/call.h"
#include "slurm/nodes.h"
#include "slurm/text.h"

#define ANSWER_SUFFIX ".json"
#define LOOK_INTERVAL (1 * NSEC_PER_SEC) /* at files; squeue is asked every fifth time */
#define LOOKS_A_QUERY 5
#define GRACE	      2 /* answers of squeue for which the file of a job that ended may be late */

void nodes_done(struct probed_nodes *n)
{
	free(n->item);
	*n = (struct probed_nodes){ 0 };
}

/* --- which nodes there are ---------------------------------------------------------------------------------------- */

static struct probed_node *find_node(const struct probed_nodes *n, const char *name)
{
	for (size_t i = 0; i < n->count; i++)
		if (!strcmp(n->item[i].is.name, name))
			return &n->item[i];
	return NULL;
}

/* A node of several partitions is listed for each of them. */
static void take_node(void *data, const char *line)
{
	struct probed_nodes *n = data;
	struct slurm_node is;
	if (n->count < NODES_PROBED_MAX && slurm_named_node_parse(line, &is) && !find_node(n, is.name))
		n->item[n->count++] = (struct probed_node){ .is = is };
}

int nodes_list(struct reactor *r, const char *partition, struct probed_nodes *ret, struct err **err)
{
	struct slurm_call call;
	*ret = (struct probed_nodes){ .item = calloc(NODES_PROBED_MAX, sizeof(*ret->item)) };
	if (!ret->item)
		return -ENOMEM;
	slurm_call_init(&call, take_node, ret);
	const char *const words[] = {
		"sinfo", "--noheader", "-N", "-o", SLURM_NAMED_NODE_FORMAT, partition ? "-p" : NULL, partition
	};
	for (size_t i = 0; i < ARRAY_SIZE(words) && words[i]; i++)
		slurm_call_add(&call, words[i]);
	int result = slurm_call_run(r, &call, err);
	slurm_call_done(&call);
	return result;
}

/* --- answers ------------------------------------------------------------------------------------------------------ */

static char *answer_path(const struct slurm_record *r, const char *name)
{
	char *path = NULL;
	return asprintf(&path, "%s/nodes/%s" ANSWER_SUFFIX, r->dir, name) < 0 ? NULL : path;
}

int node_answer_write(const struct slurm_record *r, const char *name, bool can, const char *why, struct err **err)
{
	_cleanup_free_ char *path = answer_path(r, name);
	json_auto_t *o = json_object();
	json_put_bool(&o, "kvm", can);
	json_put_text(&o, "why", why);
	return path && o ? json_write_file(path, o, err) : -ENOMEM;
}

static void read_answer(const struct slurm_record *r, struct probed_node *n)
{
	_cleanup_free_ char *path = answer_path(r, n->is.name);
	json_auto_t *answer = NULL;
	if (n->answer != NODE_SILENT || !path || !path_exists(path) || json_read_file(path, &answer, NULL) < 0)
		return;
	n->answer = json_is_true(json_object_get(answer, "kvm")) ? NODE_CAN : NODE_CANNOT;
	snprintf(n->why, sizeof(n->why), "%s", json_string_value(json_object_get(answer, "why")) ?: "");
}

static size_t read_answers(const struct slurm_record *r, struct probed_nodes *n)
{
	size_t silent = 0;
	for (size_t i = 0; i < n->count; i++) {
		read_answer(r, &n->item[i]);
		silent += n->item[i].answer == NODE_SILENT;
	}
	return silent;
}

static int is_answer(const struct dirent *e)
{
	size_t len = strlen(e->d_name), end = strlen(ANSWER_SUFFIX);
	return *e->d_name != '.' && len > end && !strcmp(e->d_name + len - end, ANSWER_SUFFIX);
}

unsigned nodes_excluded(const struct slurm_record *r, struct buf *list)
{
	_cleanup_free_ char *dir = path_join(r->dir, "nodes");
	struct dirent **entry = NULL;
	int count = dir ? scandir(dir, &entry, is_answer, alphasort) : 0;
	unsigned excluded = 0;
	for (int i = 0; i < count; i++) {
		struct probed_node n = { 0 };
		snprintf(n.is.name, sizeof(n.is.name), "%.*s", (int)(strlen(entry[i]->d_name) - strlen(ANSWER_SUFFIX)),
			 entry[i]->d_name);
		free(entry[i]);
		read_answer(r, &n);
		if (n.answer != NODE_CANNOT)
			continue;
		buf_appendf(list, "%s%s", list->len ? "," : "", n.is.name);
		excluded++;
	}
	free(entry);
	return excluded;
}

/* --- probing ------------------------------------------------------------------------------------------------------ */

static int submit_probes(struct reactor *r, const struct cluster_submit *q, struct probed_nodes *n, struct err **err)
{
	int result = 0;
	for (size_t i = 0; result == 0 && i < n->count; i++)
		result = cluster_submit_probe(r, q, n->item[i].is.name, err);
	return result;
}

/* Does the name of the job end with "-probe-NODE"? "NODE" alone could also be the end of another node's name. */
static bool is_probe_of(const char *job, const char *node)
{
	char end[SLURM_NAME_MAX];
	int len = snprintf(end, sizeof(end), "-probe-%s", node);
	size_t all = strlen(job);
	return len > 0 && (size_t)len < sizeof(end) && all > (size_t)len && !strcmp(job + all - len, end);
}

static void take_row(void *data, const char *line)
{
	struct probed_nodes *n = data;
	struct slurm_row row;
	if (!slurm_row_parse(line, &row))
		return;
	for (size_t i = 0; i < n->count; i++)
		if (is_probe_of(row.name, n->item[i].is.name))
			n->item[i].seen = !slurm_state_ended(row.state);
}

/* A job that ended without an answer: its node does not see the directory. */
static void conclude(const struct slurm_record *r, struct probed_nodes *n)
{
	for (size_t i = 0; i < n->count; i++) {
		struct probed_node *p = &n->item[i];
		if (p->answer != NODE_SILENT || p->seen || ++p->late < GRACE)
			continue;
		p->answer = NODE_CANNOT;
		snprintf(p->why, sizeof(p->why), "a job on it wrote nothing to '%s'; does it see that directory?",
			 r->dir);
		node_answer_write(r, p->is.name, false, p->why, NULL);
	}
}

/* Without a whole answer nothing is concluded. */
static int ask_queue(struct reactor *r, const struct slurm_record *record, struct probed_nodes *n, struct err **err)
{
	_cleanup_buf_ struct buf names = BUF_NULL;
	char name[SLURM_NAME_MAX];
	struct slurm_call call;
	for (size_t i = 0; i < n->count; i++) {
		n->item[i].seen = false;
		slurm_probe_job_name(record, n->item[i].is.name, name, sizeof(name));
		buf_appendf(&names, "%s%s", i ? "," : "--name=", name);
	}
	const char *const words[] = { "squeue", "--noheader", "--states=all", "-o", SLURM_ROW_FORMAT, buf_str(&names) };
	slurm_call_init(&call, take_row, n);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		slurm_call_add(&call, words[i]);
	_cleanup_err_ struct err *why = NULL;
	int result = slurm_call_run(r, &call, &why);
	slurm_call_done(&call);
	if (result == 0)
		conclude(record, n);
	if (result == -ECANCELED && err)
		*err = TAKE_PTR(why);
	return result == -ECANCELED ? result : 0;
}

static int await_answers(struct reactor *r, const struct slurm_record *record, struct probed_nodes *n, struct err **err)
{
	nsec_t until = nsec_now() + NODES_DEADLINE;
	int result = 0;
	for (unsigned looks = 1; result == 0 && read_answers(record, n) && nsec_now() < until; looks++) {
		result = slurm_nap(r, LOOK_INTERVAL);
		if (result == 0 && looks % LOOKS_A_QUERY == 0)
			result = ask_queue(r, record, n, err);
	}
	if (result == -ECANCELED && err && !*err)
		FAIL(err, ERR_INTERRUPTED, result, "interrupted while nodes were asked for KVM");
	return result;
}

/* Probes that wait for a busy node are of no use any more. */
static void cancel_silent(struct reactor *r, const struct slurm_record *record, const struct probed_nodes *n)
{
	char name[SLURM_NAME_MAX];
	for (size_t i = 0; i < n->count; i++) {
		if (n->item[i].answer != NODE_SILENT)
			continue;
		slurm_probe_job_name(record, n->item[i].is.name, name, sizeof(name));
		cluster_cancel_job(r, name, NULL);
	}
}

int nodes_probe(struct reactor *r, const struct cluster_submit *q, struct probed_nodes *n, struct err **err)
{
	size_t cannot = 0, last = 0;
	int result = submit_probes(r, q, n, err);
	if (result == 0)
		result = await_answers(r, q->record, n, err);
	cancel_silent(r, q->record, n);
	for (size_t i = 0; i < n->count; i++)
		if (n->item[i].answer == NODE_CANNOT) {
			cannot++;
			last = i;
		}
	if (result < 0 || cannot < n->count)
		return result;
	return FAIL(err, ERR_MISSING, -ENODEV, "no node of the cluster can run tests on KVM: %s: %s; use --accel tcg",
		    cannot ? n->item[last].is.name : "there is none", cannot ? n->item[last].why : "see 'sinfo'");
}

/* --- for the division --------------------------------------------------------------------------------------------- */

static void add_node(struct cluster *c, const struct slurm_node *n)
{
	for (size_t i = 0; i < c->nodes; i++)
		if (c->node[i].cpus == n->cpus && c->node[i].memory_mib == n->memory_mib) {
			c->node[i].count++;
			return;
		}
	if (c->nodes < CLUSTER_GROUPS_MAX)
		c->node[c->nodes++] = (struct slurm_node){ .cpus = n->cpus, .memory_mib = n->memory_mib, .count = 1 };
}

void nodes_apply(const struct probed_nodes *n, struct cluster *c)
{
	c->nodes = 0;
	for (size_t i = 0; i < n->count; i++)
		if (n->item[i].answer != NODE_CANNOT)
			add_node(c, &n->item[i].is);
}
