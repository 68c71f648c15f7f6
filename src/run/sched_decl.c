/* SPDX-License-Identifier: GPL-2.0-only */
/* sched_decl.c -- see sched_decl.h. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "run/known_fail.h"
#include "run/sched_decl.h"
#include "topo/presets.h"

/* Optional values; the library lists a text that is not set as null. */
static const struct {
	const char *key;
	size_t at;
} texts[] = {
	{ "binary", offsetof(struct sched_decl, binary) },
	{ "build", offsetof(struct sched_decl, build) },
	{ "config_file", offsetof(struct sched_decl, config_file) },
	{ "config_path", offsetof(struct sched_decl, config_path) },
	{ "cgroup_parent", offsetof(struct sched_decl, cgroup_parent) },
};

static const struct {
	const char *key;
	size_t at;
	bool optional;
} lists[] = {
	{ "args", offsetof(struct sched_decl, args), false },
	{ "sysctls", offsetof(struct sched_decl, sysctls), false },
	{ "kargs", offsetof(struct sched_decl, kargs), false },
	{ "kernel_builtin_enable", offsetof(struct sched_decl, builtin_enable), true },
	{ "kernel_builtin_disable", offsetof(struct sched_decl, builtin_disable), true },
	{ "config_args", offsetof(struct sched_decl, config_args), true },
	{ "kernels", offsetof(struct sched_decl, kernels), true },
	{ "verifier_exclude_topologies", offsetof(struct sched_decl, verifier_exclude_topologies), true },
};

static char **text_at(struct sched_decl *s, size_t at)
{
	return (char **)(void *)((char *)s + at);
}

static char ***list_at(struct sched_decl *s, size_t at)
{
	return (char ***)(void *)((char *)s + at);
}

void sched_decl_done(struct sched_decl *s)
{
	free(s->name);
	free(s->problem);
	free(s->build_problem);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(*text_at(s, texts[i].at));
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		strings_free(*list_at(s, lists[i].at));
}

/* --- what a scheduler does not support ---------------------------------------------------------------------------- */

static const struct {
	const char *name;
	unsigned bit;
} lack_names[] = { { "weight", KTSTR_LACK_WEIGHT },
		   { "nice", KTSTR_LACK_NICE },
		   { "quota", KTSTR_LACK_QUOTA },
		   { "hotplug", KTSTR_LACK_HOTPLUG },
		   { "nothing", KTSTR_LACK_NOTHING } };

void lacks_format(unsigned lacks, struct buf *out)
{
	const char *before = "";
	if (lacks == KTSTR_LACK_NOTHING)
		buf_puts(out, "nothing");
	for (size_t i = 0; i < ARRAY_SIZE(lack_names); i++) {
		if (lack_names[i].bit == KTSTR_LACK_NOTHING || !(lacks & lack_names[i].bit))
			continue;
		buf_appendf(out, "%s%s", before, lack_names[i].name);
		before = ",";
	}
}

int lacks_add(const char *word, unsigned *lacks)
{
	for (size_t i = 0; i < ARRAY_SIZE(lack_names); i++)
		if (!strcmp(lack_names[i].name, word)) {
			*lacks |= KTSTR_LACK_NOTHING | lack_names[i].bit;
			return 0;
		}
	return -EINVAL;
}

/* --- the arguments that name the configuration -------------------------------------------------------------------- */

static char *replace_place(const char *arg, const char *path)
{
	_cleanup_buf_ struct buf out = BUF_NULL;
	for (const char *place; (place = strstr(arg, KTSTR_CONFIG_PLACE)); arg = place + strlen(KTSTR_CONFIG_PLACE)) {
		buf_append(&out, arg, (size_t)(place - arg));
		buf_puts(&out, path);
	}
	buf_puts(&out, arg);
	return buf_steal(&out);
}

static int fill_template(struct sched_decl *s)
{
	for (size_t i = 0; s->config_path && s->config_args && s->config_args[i]; i++) {
		char *arg = replace_place(s->config_args[i], s->config_path);
		if (!arg)
			return -ENOMEM;
		free(s->config_args[i]);
		s->config_args[i] = arg;
	}
	return 0;
}

static int name_config_file(struct sched_decl *s)
{
	if (!s->config_file)
		return fill_template(s);
	strings_free(s->config_args);
	s->config_args = calloc(3, sizeof(char *));
	if (!s->config_args || !(s->config_args[0] = strdup("--config")))
		return -ENOMEM;
	s->config_args[1] = path_join("/include-files", path_basename(s->config_file));
	return s->config_args[1] ? 0 : -ENOMEM;
}

/* --- what is wrong with it ---------------------------------------------------------------------------------------- */

static int check_topology_name(const char *name, struct err **err)
{
	if (preset_find(name))
		return 0;
	const struct preset *near = preset_nearest(name);
	return FAIL(err, ERR_DATA, -EINVAL,
		    "verifier_exclude_topologies: '%s' is not a preset topology%s%s%s; "
		    "'ktstr test --gauntlet --list' shows the names",
		    name, near ? " (did you mean '" : "", near ? near->name : "", near ? "'?)" : "");
}

static int check_values(const struct sched_decl *s, struct err **err)
{
	if (s->attach_timeout_s < 1 || s->attach_timeout_s > KTSTR_ATTACH_TIMEOUT_S_MAX)
		return FAIL(err, ERR_DATA, -ERANGE, "attach_timeout_s is %u, must be 1 to %d", s->attach_timeout_s,
			    KTSTR_ATTACH_TIMEOUT_S_MAX);
	for (size_t i = 0; s->kernels && s->kernels[i]; i++) {
		int r = kernels_check(s->kernels[i], err);
		if (r < 0)
			return err_wrap(err, r, "kernels");
	}
	for (size_t i = 0; s->verifier_exclude_topologies && s->verifier_exclude_topologies[i]; i++) {
		int r = check_topology_name(s->verifier_exclude_topologies[i], err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int note_problem(struct sched_decl *s)
{
	_cleanup_err_ struct err *why = NULL;
	_cleanup_buf_ struct buf text = BUF_NULL;
	if (check_values(s, &why) == 0)
		return 0;
	buf_appendf(&text, "scheduler '%s': ", s->name);
	err_format(why, &text);
	s->problem = buf_steal(&text);
	return s->problem ? 0 : -ENOMEM;
}

static int parse_lists(const json_t *o, struct sched_decl *s, struct err **err)
{
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		if (lists[i].optional && !json_object_get(o, lists[i].key))
			continue;
		int r = list_get_strings(o, lists[i].key, list_at(s, lists[i].at), err);
		if (r < 0)
			return r;
	}
	return 0;
}

int sched_decl_parse(const json_t *o, struct sched_decl *s, struct err **err)
{
	int r = list_get_name(o, "name", &s->name, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(texts); i++)
		r = list_get_optional(o, texts[i].key, text_at(s, texts[i].at));
	if (r == 0)
		r = parse_lists(o, s, err);
	if (r == 0)
		r = list_get_unsigned(o, "load_cpu", &s->load_cpu, err);
	if (r == 0)
		r = list_get_unsigned(o, "attach_timeout_s", &s->attach_timeout_s, err);
	if (r == 0 && json_object_get(o, "lacks"))
		r = list_get_unsigned(o, "lacks", &s->lacks, err);
	s->lacks = s->lacks & KTSTR_LACK_ALL ? (s->lacks & KTSTR_LACK_ALL) | KTSTR_LACK_NOTHING : 0;
	if (r == 0)
		r = list_get_checks(o, &s->checks, err);
	if (r == 0 && json_object_get(o, "constraints"))
		r = list_get_constraints(o, &s->constraints, err);
	if (r == 0)
		r = name_config_file(s);
	return r == 0 ? note_problem(s) : r;
}
