/* SPDX-License-Identifier: GPL-2.0-only */
/* What is kept of a test's schedules, from a file that somebody has changed, and an argument of --perturb. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "fuzz.h"
#include "run/corpus.h"
#include "run/perturb.h"

static void choose_some(const json_t *root)
{
	struct corpus c;
	struct observe_perturb p = { .one_in = 3 };
	if (corpus_open(&c, NULL, 0, NULL) == 0) {
		corpus_take(&c, root);
		for (unsigned i = 0; i < 16; i++)
			corpus_choose(&c, 50, &p);
	}
	corpus_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
	char *text = strndup((const char *)data, size), out[PERTURB_TEXT_MAX];
	struct observe_perturb p;
	if (text && perturb_parse(text, &p, NULL) == 0 && perturb_parse(perturb_format(&p, out), &p, NULL) < 0)
		abort();
	free(text);
	if (root)
		choose_some(root);
	json_decref(root);
	return 0;
}
