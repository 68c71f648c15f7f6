/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel messages or a dump from anybody, and the scenario that is made of it, which must be readable. */
#include <stdlib.h>

#include "base/bug.h"
#include "declare/read.h"
#include "fuzz.h"
#include "reproduce/fingerprint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct messages m;
	struct fingerprint *f = calloc(1, sizeof(*f));
	struct declaration *d = NULL;
	json_t *root = json_loadb((const char *)data, size, 0, NULL), *o = NULL;
	if (f && json_is_object(root) ? fingerprint_of_dump(f, root, NULL) == 0
				      : f && messages_parse((const char *)data, size, &m) == 0) {
		if (!root)
			fingerprint_of_messages(f, &m);
		o = fingerprint_scenario(f, NULL);
		REQUIRE(o && declaration_read(o, "made", &d, NULL) == 0);
	}
	declaration_free(d);
	json_decref(o);
	json_decref(root);
	if (f)
		fingerprint_done(f);
	free(f);
	return 0;
}
