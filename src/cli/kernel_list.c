/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_list.c -- see kernel_list.h. */
#include <stdlib.h>
#include <string.h>

#include "base/environment.h"
#include "cli/kernel_list.h"

#define LABEL_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

void kernel_list_done(struct kernel_list *l)
{
	free(l->text);
	*l = (struct kernel_list){ 0 };
}

static int add_entry(struct kernel_list *l, char *entry, struct err **err)
{
	char *equals = strchr(entry, '=');
	if (equals)
		*equals = '\0';
	if (!equals || !*entry || entry[strspn(entry, LABEL_CHARACTERS)] || !equals[1])
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "KTSTR_KERNEL_LIST: '%s' is not LABEL=KERNEL; write it like kernel_6_12=6.12;mine=./linux",
			    entry);
	for (size_t i = 0; i < l->kernel.count; i++)
		if (!strcmp(l->label[i], entry))
			return FAIL(err, ERR_USAGE, -EEXIST, "KTSTR_KERNEL_LIST: two kernels have the label '%s'",
				    entry);
	if (l->kernel.count == STRINGS_MAX)
		return FAIL(err, ERR_USAGE, -E2BIG, "KTSTR_KERNEL_LIST: more than %d kernels", STRINGS_MAX);
	l->label[l->kernel.count] = entry;
	l->kernel.item[l->kernel.count++] = equals + 1;
	return 0;
}

int kernel_list_read(struct kernel_list *ret, struct err **err)
{
	const char *said = environment_get(ENV_TEST_KERNEL) ? NULL : environment_get(ENV_KERNEL_LIST);
	struct kernel_list l = { .text = said ? strdup(said) : NULL };
	char *rest, *entry = said ? strtok_r(l.text, ";", &rest) : NULL;
	int r = said && !l.text ? -ENOMEM : 0;
	for (; r == 0 && entry; entry = strtok_r(NULL, ";", &rest))
		r = add_entry(&l, entry, err);
	if (r == 0 && said && !l.kernel.count)
		r = FAIL(err, ERR_USAGE, -EINVAL, "KTSTR_KERNEL_LIST: '%s' has no kernel; unset it", said);
	if (r < 0) {
		kernel_list_done(&l);
		return r;
	}
	*ret = l;
	return 0;
}

int kernel_list_label(const struct kernel_list *l, size_t i, struct kernel *k)
{
	if (i >= l->kernel.count)
		return 0;
	char *label = strdup(l->label[i]);
	if (!label)
		return -ENOMEM;
	free(k->label);
	k->label = label;
	return 0;
}

int kernel_list_check(const struct kernel_list *l, size_t resolved, struct err **err)
{
	if (!l->kernel.count || resolved == l->kernel.count)
		return 0;
	return FAIL(err, ERR_USAGE, -EINVAL,
		    "KTSTR_KERNEL_LIST has %zu entries, and they name %zu kernels; each entry must name one kernel of "
		    "its own",
		    l->kernel.count, resolved);
}

int kernel_list_export(const struct kernel *k, size_t count)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	for (size_t i = 0; i < count; i++)
		if (!k[i].image && !k[i].absent && !strchr(k[i].name, ';'))
			buf_appendf(&text, "%s%s=%s", text.len ? ";" : "", k[i].label, k[i].name);
	if (text.failed)
		return -ENOMEM;
	if (!text.len)
		return 0;
	return setenv(environment_variables[ENV_KERNEL_LIST].name, buf_str(&text), /* overwrite= */ 1) < 0 ? -ENOMEM
													   : 0;
}
