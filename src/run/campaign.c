/* SPDX-License-Identifier: GPL-2.0-only */
/* campaign.c -- see campaign.h. */
#include "run/campaign.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/hash.h"
#include "run/attempt.h"
#include "run/perturb.h"

/* --- what is kept of which test ----------------------------------------------------------------------------------- */

/* A program that was built again is another one. */
static void hash_file(struct siphash *h, const char *path)
{
	struct stat st;
	siphash_string(h, path ?: "");
	if (!path || stat(path, &st) < 0)
		return;
	const int64_t state[] = { st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec };
	siphash_update(h, state, sizeof(state));
}

/* All that decides which run a perturbation gives, besides its seed. */
static uint64_t identity_of(const struct campaign_config *k, const struct plan_case *c)
{
	struct siphash h;
	struct observe_perturb how = k->perturb;
	char text[PERTURB_TEXT_MAX];
	const uint64_t numbers[] = { k->seed, k->lag_ns, k->clones };
	how.seed = 0;
	siphash_init(&h);
	siphash_string(&h, c->name);
	siphash_string(&h, c->topology_text);
	hash_file(&h, c->kernel->boot);
	hash_file(&h, c->test->program ?: c->test->binary);
	hash_file(&h, c->scheduler_path);
	siphash_string(&h, perturb_format(&how, text));
	siphash_update(&h, numbers, sizeof(numbers));
	return siphash_final(&h);
}

static int open_corpus(struct campaign *c, size_t index, struct err **err)
{
	const struct campaign_config *k = &c->config;
	struct corpus *one = &c->corpus[index];
	int r = corpus_open(one, k->perturb.seed ? NULL : k->dir, identity_of(k, &k->base->item[index]), err);
	if (r == 0 && k->perturb.seed)
		one->next_seed = k->perturb.seed;
	c->before += one->orders;
	c->earlier += one->schedules;
	return r;
}

int campaign_open(struct campaign *ret, const struct campaign_config *config, struct err **err)
{
	int r = 0;
	*ret = (struct campaign){ .config = *config, .corpus = calloc(config->base->count + 1, sizeof(*ret->corpus)) };
	if (!ret->corpus)
		return FAIL_SYS(err, -ENOMEM, "explore");
	for (size_t i = 0; i < config->base->count && r == 0; i++)
		r = open_corpus(ret, i, err);
	return r;
}

void campaign_done(struct campaign *c)
{
	for (size_t i = 0; c->corpus && i < c->config.base->count; i++)
		corpus_done(&c->corpus[i]);
	free(c->corpus);
	plan_done(&c->plan);
	free(c->of);
	free(c->failure);
	*c = (struct campaign){ 0 };
}

/* --- rounds ------------------------------------------------------------------------------------------------------- */

static void choose(void *data, size_t index, struct observe_perturb *ret)
{
	struct campaign *c = data;
	*ret = c->config.perturb;
	corpus_choose(&c->corpus[index], c->config.perturb.seed ? 0 : c->config.vary, ret);
}

int campaign_plan(struct campaign *c, unsigned count, struct err **err)
{
	const struct schedules_request q = {
		.base = c->config.base, .count = count, .only_perturbed = c->rounds++ > 0, .choose = choose, .data = c
	};
	plan_done(&c->plan);
	free(c->of);
	c->of = NULL;
	return schedules_plan(&q, &c->plan, &c->of, err);
}

/* The last point that was taken is near the end. */
static uint64_t events_of(const struct attempt *a)
{
	return a->perturb_point && a->perturb_points ? a->perturb_point[a->perturb_points - 1].hit : 0;
}

static void note_failure(struct campaign *c, size_t test, const char *cause)
{
	struct campaign_failure new = { .test = test };
	signature_of(cause, new.signature);
	for (size_t i = 0; i < c->failures; i++)
		if (c->failure[i].test == test && !strcmp(c->failure[i].signature, new.signature))
			return;
	struct campaign_failure *more = reallocarray(c->failure, c->failures + 1, sizeof(*more));
	if (!more)
		return;
	c->failure = more;
	c->failure[c->failures++] = new;
}

bool campaign_note(struct campaign *c, const struct attempt *a, enum ktstr_verdict verdict)
{
	size_t test = c->of[a->item - c->plan.item];
	const struct detail *cause = judgement_cause(&a->judgement);
	if (perturb_on(&a->item->perturb) && verdict != KTSTR_SKIP)
		c->added += corpus_note(&c->corpus[test], &a->item->perturb, a->orders, events_of(a));
	if (verdict == KTSTR_FAIL)
		note_failure(c, test, cause ? cause->text : "");
	return c->config.signatures_most && c->failures >= c->config.signatures_most;
}

int campaign_save(const struct campaign *c, struct err **err)
{
	int r = 0;
	for (size_t i = 0; i < c->config.base->count && r == 0; i++)
		if (schedules_apply(&c->config.base->item[i]))
			r = corpus_save(&c->corpus[i], err);
	return r;
}

json_t *campaign_json(const struct campaign *c)
{
	json_t *o = json_object();
	uint64_t varied = 0;
	for (size_t i = 0; i < c->config.base->count; i++)
		varied += c->corpus[i].varied;
	json_put_u64(&o, "earlier", c->earlier);
	json_put_u64(&o, "varied", varied);
	json_put_u64(&o, "orders", c->before + c->added);
	json_put_u64(&o, "new_orders", c->added);
	return o;
}

void campaign_render(const struct campaign *c, struct buf *out)
{
	buf_appendf(out, "orders of events between CPUs: %u are known, %u of them since this run\n",
		    c->before + c->added, c->added);
}
