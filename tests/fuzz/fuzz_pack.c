/* SPDX-License-Identifier: GPL-2.0-only */
/* The manifest of a pack from anybody. */
#include "fuzz.h"
#include "run/packed_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_auto_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct packed_run p;
	packed_run_init(&p);
	if (json && packed_run_parse(json, &p, NULL) == 0)
		json_decref(packed_run_json(&p));
	packed_run_done(&p);
	return 0;
}
