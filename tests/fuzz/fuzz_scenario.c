/* SPDX-License-Identifier: GPL-2.0-only */
/* A scenario file from anybody: read, written as JSON and as C; what is written is read again and is the same. */
#include <stdlib.h>

#include "declare/read.h"
#include "declare/write.h"
#include "fuzz.h"
#include "shrink/edits.h"

static void write_again(const struct declaration *d)
{
	_cleanup_buf_ struct buf text = BUF_NULL, again = BUF_NULL, source = BUF_NULL;
	struct declaration *second = NULL;
	if (declare_write(&d->test, &d->scenario, &text, NULL) < 0)
		return;
	declare_source(&d->test, &d->scenario, &source, NULL);
	if (declaration_parse(buf_str(&text), text.len, "again", &second, NULL) < 0 ||
	    declare_write(&second->test, &second->scenario, &again, NULL) < 0 ||
	    strcmp(buf_str(&text), buf_str(&again)) != 0)
		abort();
	declaration_free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct declaration *d;
	json_t *root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	for (size_t i = 0; root && i < 3; i++)
		json_decref(edits_apply(root, i * 7, NULL));
	scenario_size(root);
	json_decref(root);
	if (declaration_parse((const char *)data, size, "input", &d, NULL) < 0)
		return 0;
	write_again(d);
	declaration_free(d);
	return 0;
}
