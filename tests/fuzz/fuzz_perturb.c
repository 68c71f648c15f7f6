/* SPDX-License-Identifier: GPL-2.0-only */
/* A file of --perturb from anybody. */
#include <jansson.h>

#include "fuzz.h"
#include "run/perturb_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	struct observe_perturb p;
	struct observe_point *points;
	if (root && perturb_file_parse(root, &p, &points, NULL) == 0) {
		json_decref(perturb_file_json(&p, points, p.point_count));
		free(points);
	}
	json_decref(root);
	return 0;
}
