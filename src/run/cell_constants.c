/* SPDX-License-Identifier: GPL-2.0-only */
/* cell_constants.c -- see cell_constants.h. */
#include "run/cell_constants.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/result_name.h"

/* --- bytes as text ------------------------------------------------------------------------------------------------ */

static void put_hex(const struct rodata *data, struct buf *out)
{
	for (size_t i = 0; i < data->len; i++)
		buf_appendf(out, "%02x", data->data[i]);
}

static int digit_value(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_hex(const char *text, struct rodata *ret, struct err **err)
{
	size_t digits = strlen(text);
	if (!digits || digits % 2 || digits / 2 > RODATA_BYTES_MAX)
		return FAIL(err, ERR_DATA, -EBADMSG, "'bytes' is not a text of two digits a byte");
	ret->data = malloc(digits / 2);
	if (!ret->data)
		return -ENOMEM;
	for (size_t i = 0; i < digits; i += 2) {
		int high = digit_value(text[i]), low = digit_value(text[i + 1]);
		if (high < 0 || low < 0)
			return FAIL(err, ERR_DATA, -EBADMSG, "'bytes' has something else than hexadecimal digits");
		ret->data[ret->len++] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static json_t *maps_json(const struct rodata *data)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < data->map_count; i++) {
		json_t *o = json_object();
		json_put_text(&o, "name", data->maps[i].name);
		json_put_u64(&o, "value_size", data->maps[i].value_size);
		json_put_u64(&o, "max_entries", data->maps[i].max_entries);
		json_add(&list, o);
	}
	return list;
}

static int read_map(const json_t *o, struct rodata_map *ret, struct err **err)
{
	const char *name;
	uint64_t value_size, max_entries;
	int r = json_get_string(o, "name", &name, err);
	if (r == 0)
		r = json_get_u64(o, "value_size", &value_size, err);
	if (r == 0)
		r = json_get_u64(o, "max_entries", &max_entries, err);
	if (r < 0)
		return r;
	if (strlen(name) >= sizeof(ret->name) || value_size > UINT32_MAX || max_entries > UINT32_MAX)
		return FAIL(err, ERR_DATA, -EBADMSG, "the map '%s' has a name or a size that no map has", name);
	snprintf(ret->name, sizeof(ret->name), "%s", name);
	ret->value_size = (uint32_t)value_size;
	ret->max_entries = (uint32_t)max_entries;
	return 0;
}

static int read_maps(const json_t *o, struct rodata *ret, struct err **err)
{
	const json_t *list = json_object_get(o, "maps");
	size_t count = json_array_size(list);
	int r = 0;
	if (!json_is_array(list) || !count || count > RODATA_MAPS_MAX)
		return FAIL(err, ERR_DATA, -EBADMSG, "'maps' is not an array of 1 to %d maps", RODATA_MAPS_MAX);
	for (; r == 0 && ret->map_count < count; ret->map_count++)
		r = read_map(json_array_get(list, ret->map_count), &ret->maps[ret->map_count], err);
	return r;
}

json_t *cell_constants_json(const char *label, const char *kernel, const char *preset, const struct rodata *data)
{
	_cleanup_buf_ struct buf bytes = BUF_NULL;
	json_t *o = json_object();
	put_hex(data, &bytes);
	if (bytes.failed) {
		json_decref(o);
		return NULL;
	}
	json_put_text(&o, "scheduler", label);
	json_put_text(&o, "kernel", kernel);
	json_put_text(&o, "topology", preset);
	json_put_text(&o, "map", data->map);
	json_put_text(&o, "bytes", buf_str(&bytes));
	json_put(&o, "maps", maps_json(data));
	return o;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static void constants_done(struct cell_constants *c)
{
	free(c->label);
	free(c->kernel);
	rodata_done(&c->data);
}

static int keep_origin(const json_t *o, const char *label, struct cell_constants *ret)
{
	const char *kernel = json_string_value(json_object_get(o, "kernel"));
	ret->label = strdup(label);
	ret->kernel = kernel ? strdup(kernel) : NULL;
	return ret->label && (ret->kernel || !kernel) ? 0 : -ENOMEM;
}

static int parse(const json_t *o, struct cell_constants *ret, struct err **err)
{
	const char *label, *topology, *map, *bytes;
	int r = json_get_string(o, "scheduler", &label, err);
	if (r == 0)
		r = json_get_string(o, "topology", &topology, err);
	if (r == 0)
		r = json_get_string(o, "map", &map, err);
	if (r == 0)
		r = json_get_string(o, "bytes", &bytes, err);
	if (r < 0)
		return r;
	ret->preset = preset_find(topology);
	if (!ret->preset)
		return FAIL(err, ERR_DATA, -EBADMSG, "'%s' is not a preset topology", topology);
	if (!*map || strlen(map) >= sizeof(ret->data.map))
		return FAIL(err, ERR_DATA, -EBADMSG, "'%s' is not the name of a map", map);
	snprintf(ret->data.map, sizeof(ret->data.map), "%s", map);
	r = keep_origin(o, label, ret);
	if (r == 0)
		r = read_hex(bytes, &ret->data, err);
	return r == 0 ? read_maps(o, &ret->data, err) : r;
}

static int add_file(const char *path, struct cell_constants_list *list, struct err **err)
{
	json_auto_t *o = NULL;
	struct cell_constants c = { 0 };
	struct cell_constants *more = realloc(list->item, (list->count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	list->item = more;
	int r = json_read_file(path, &o, err);
	if (r < 0)
		return r;
	r = parse(o, &c, err);
	if (r < 0) {
		constants_done(&c);
		return err_wrap(err, r, "read the constants in '%s'", path);
	}
	list->item[list->count++] = c;
	return 0;
}

static int is_constants(const struct dirent *e)
{
	size_t len = strlen(e->d_name), suffix = strlen(RODATA_SUFFIX);
	return len > suffix && !strcmp(e->d_name + len - suffix, RODATA_SUFFIX);
}

int cell_constants_read(const char *dir, struct cell_constants_list *list, struct err **err)
{
	struct dirent **name = NULL;
	int count = scandir(dir, &name, is_constants, alphasort), r = 0;
	if (count < 0)
		return FAIL_SYS(err, -errno, "read the directory '%s'", dir);
	for (int i = 0; i < count; i++) {
		_cleanup_free_ char *path = path_join(dir, name[i]->d_name);
		if (r == 0)
			r = path ? add_file(path, list, err) : -ENOMEM;
		free(name[i]);
	}
	free(name);
	if (r == 0 && !count)
		return FAIL(
			err, ERR_USAGE, -ENOENT,
			"'%s' has no constants of cells (*%s); name the directory of results of an earlier sweep on "
			"tcg",
			dir, RODATA_SUFFIX);
	return r;
}

const struct cell_constants *cell_constants_find(const struct cell_constants_list *list, const char *label,
						 const char *kernel, const struct preset *preset)
{
	const struct cell_constants *other = NULL;
	for (size_t i = 0; i < list->count; i++) {
		const struct cell_constants *c = &list->item[i];
		if (c->preset != preset || strcmp(c->label, label))
			continue;
		if (kernel && c->kernel && !strcmp(c->kernel, kernel))
			return c;
		other = other ?: c;
	}
	return other;
}

void cell_constants_done(struct cell_constants_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		constants_done(&list->item[i]);
	free(list->item);
	*list = (struct cell_constants_list){ 0 };
}
