/* SPDX-License-Identifier: GPL-2.0-only */
/* host_text.c -- see host_text.h. */
#include <string.h>

#include "base/text.h"
#include "stats/host_text.h"

/* In the order in which people read them. Tables follow the single values. */
static const char *const single_keys[] = {
	"kernel_name",	   "kernel_release",  "arch",		"cpu_model",	     "cpu_vendor",
	"total_memory_kb", "hugepages_total", "hugepages_free", "hugepages_size_kb", "online_cpus",
	"numa_nodes",	   "thp_enabled",     "thp_defrag",	"kernel_cmdline",
};
static const struct {
	const char *key, *prefix; /* prefix: of the keys, for people */
} tables[] = { { "cpufreq_governor", "cpu" }, { "sched_tunables", "" }, { "heap_state", "" } };

static void put_value(const json_t *value, struct buf *out)
{
	if (json_is_string(value)) {
		text_append_line(out, json_string_value(value), json_string_length(value));
	} else if (json_is_integer(value)) {
		buf_appendf(out, "%lld", (long long)json_integer_value(value));
	} else if (json_is_number(value)) {
		buf_appendf(out, "%g", json_number_value(value));
	} else if (json_is_boolean(value)) {
		buf_puts(out, json_is_true(value) ? "true" : "false");
	} else {
		buf_puts(out, "(unknown)");
	}
}

static void put_table(const json_t *table, const char *key, const char *prefix, struct buf *out)
{
	const char *name;
	json_t *value;
	if (!json_is_object(table) || !json_object_size(table)) {
		buf_appendf(out, "%s: %s\n", key, json_is_object(table) ? "(empty)" : "(unknown)");
		return;
	}
	buf_appendf(out, "%s:\n", key);
	json_object_foreach((json_t *)table, name, value) {
		buf_appendf(out, "  %s", prefix);
		text_append_line(out, name, strlen(name));
		buf_puts(out, " = ");
		put_value(value, out);
		buf_puts(out, "\n");
	}
}

void host_format(const json_t *host, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(single_keys); i++) {
		buf_appendf(out, "%s: ", single_keys[i]);
		put_value(json_object_get(host, single_keys[i]), out);
		buf_puts(out, "\n");
	}
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		put_table(json_object_get(host, tables[i].key), tables[i].key, tables[i].prefix, out);
}

/* --- differences -------------------------------------------------------------------------------------------------- */

static void put_side(const json_t *value, struct buf *out)
{
	if (value)
		put_value(value, out);
	else
		buf_puts(out, "(absent)");
}

static bool same(const json_t *a, const json_t *b)
{
	return a == b || (a && b && json_equal((json_t *)a, (json_t *)b));
}

/* @member: of a table, or NULL. */
static void put_difference(const char *key, const char *member, const json_t *a, const json_t *b, struct buf *out)
{
	if (same(a, b))
		return;
	buf_appendf(out, "  %s%s", key, member ? "." : "");
	if (member)
		text_append_line(out, member, strlen(member));
	buf_puts(out, ": ");
	put_side(a, out);
	buf_puts(out, " → ");
	put_side(b, out);
	buf_puts(out, "\n");
}

static void put_table_difference(const char *key, const json_t *a, const json_t *b, struct buf *out)
{
	const char *name;
	json_t *value;
	json_object_foreach((json_t *)a, name, value)
		put_difference(key, name, value, json_object_get(b, name), out);
	json_object_foreach((json_t *)b, name, value)
		if (!json_object_get(a, name))
			put_difference(key, name, NULL, value, out);
}

static void put_differences(const json_t *a, const json_t *b, struct buf *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(single_keys); i++)
		put_difference(single_keys[i], NULL, json_object_get(a, single_keys[i]),
			       json_object_get(b, single_keys[i]), out);
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
		put_table_difference(tables[i].key, json_object_get(a, tables[i].key),
				     json_object_get(b, tables[i].key), out);
}

void host_format_difference(const json_t *a, const json_t *b, const char *label_a, const char *label_b, struct buf *out)
{
	_cleanup_buf_ struct buf lines = BUF_NULL;
	if (!a || !b) {
		if (a || b)
			buf_appendf(out, "host: captured in '%s' only, delta unavailable\n", a ? label_a : label_b);
		return;
	}
	put_differences(a, b, &lines);
	if (lines.len) {
		buf_appendf(out, "host delta ('%s' → '%s'):\n", label_a, label_b);
		buf_append(out, lines.data, lines.len);
		return;
	}
	buf_appendf(out, "host: identical between '%s' and '%s' (arch: ", label_a, label_b);
	put_value(json_object_get(a, "arch"), out);
	buf_puts(out, ")\n");
}
