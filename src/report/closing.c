/* SPDX-License-Identifier: GPL-2.0-only */
/* closing.c -- see closing.h. */
#include <string.h>

#include "base/text.h"
#include "report/closing.h"
#include "report/events.h"

#define CLOSING_MOST 200 /* tests that are shown; the results on disk are complete */

static void item_done(struct closing_item *i)
{
	free(i->name);
	free(i->cause);
	free(i->replay);
}

static bool make_room(struct closing *c)
{
	if (c->count < c->room)
		return true;
	size_t room = c->room ? 2 * c->room : 16;
	struct closing_item *item = reallocarray(c->item, room, sizeof(*item));
	if (!item)
		return false;
	c->item = item;
	c->room = room;
	return true;
}

/* Why an earlier try of the test did not pass, or NULL. */
static const char *former_cause(const struct result *r)
{
	for (unsigned i = 0; r->history && i < r->history->count; i++)
		if (r->history->item[i].cause)
			return r->history->item[i].cause;
	return NULL;
}

size_t closing_test_len(const char *name)
{
	const char *at = strrchr(name, '@');
	return at ? (size_t)(at - name) : strlen(name);
}

static struct closing_test *find_test(const struct closing *c, const char *name)
{
	size_t len = closing_test_len(name);
	for (size_t i = 0; i < c->tests; i++)
		if (strlen(c->test[i].name) == len && !strncmp(c->test[i].name, name, len))
			return &c->test[i];
	return NULL;
}

const struct closing_test *closing_test(const struct closing *c, const char *name)
{
	return find_test(c, name);
}

bool closing_is_varied(const char *name)
{
	const char *at = strrchr(name, '@');
	return at && strchr(at, '+');
}

/* Only schedules have an "@" in their names, and there are few tests of which many schedules run. */
static void count_schedule(struct closing *c, const char *name)
{
	if (!strchr(name, '@'))
		return;
	struct closing_test *t = find_test(c, name);
	if (!t) {
		struct closing_test *larger = reallocarray(c->test, c->tests + 1, sizeof(*larger));
		char *own = strndup(name, closing_test_len(name));
		c->test = larger ?: c->test;
		if (!larger || !own) {
			free(own);
			return;
		}
		t = &c->test[c->tests++];
		*t = (struct closing_test){ .name = own };
	}
	*(closing_is_varied(name) ? &t->varied : &t->ended) += 1;
}

void closing_add_read(struct closing *c, struct event_kind kind, const char *name, const char *cause,
		      const char *replay)
{
	if (kind.verdict != KTSTR_SKIP)
		count_schedule(c, name);
	bool surprise = kind.known == KNOWN_XPASS && !kind.known_is_flaky;
	if (kind.known == KNOWN_XFAIL ||
	    (kind.verdict != KTSTR_FAIL && kind.verdict != KTSTR_INCONCLUSIVE && !kind.flaky && !surprise))
		return;
	struct closing_item item = {
		.kind = kind, .name = strdup(name), .cause = cause ? strdup(cause) : NULL, .replay = strdup(replay)
	};
	if (item.name && item.replay && (item.cause || !cause) && make_room(c)) {
		c->item[c->count++] = item;
		return;
	}
	item_done(&item);
	c->lost++;
}

/* A schedule that the user interrupted says nothing about its test, so it has no part in rates and groups. */
static bool is_cut_schedule(const struct result *r)
{
	return r->evidence && r->evidence->interrupted && strchr(r->name, '@');
}

void closing_add(struct closing *c, const struct result *r, enum ktstr_verdict verdict)
{
	if (is_cut_schedule(r))
		return;
	const struct detail *detail = judgement_cause(r->judgement);
	bool flaky = verdict == KTSTR_PASS && r->outcome.flaky;
	const char *cause = flaky || !detail ? former_cause(r) : detail->text;
	const struct event_kind kind = { verdict, flaky, r->known_outcome, r->known.flaky };
	closing_add_read(c, kind, r->name, cause, r->replay);
}

static void put_item(const struct closing_item *i, const struct term *t, struct buf *out)
{
	event_word(i->kind, t, out);
	buf_appendf(out, "%s\n", i->name);
	if (i->cause)
		text_append_wrapped(out, i->cause, t->tty ? t->columns : 0, EVENT_INDENT);
	/* Not wrapped, so that the user can copy the line. */
	buf_appendf(out, "%*s%sreplay:%s %s\n", (int)EVENT_INDENT, "", term_style(t, TERM_DIM), term_plain(t),
		    i->replay);
}

void closing_render(const struct closing *c, unsigned tests, const struct term *t, struct buf *out)
{
	static const enum ktstr_verdict order[] = { KTSTR_FAIL, KTSTR_INCONCLUSIVE, KTSTR_PASS };
	size_t shown = 0;
	if (tests < 2)
		return;
	if (c->count)
		buf_appendf(out, "\n%sneeds attention:%s\n", term_style(t, TERM_NAME), term_plain(t));
	for (size_t k = 0; k < ARRAY_SIZE(order); k++)
		for (size_t i = 0; i < c->count && shown < CLOSING_MOST; i++) {
			if (c->item[i].kind.verdict != order[k])
				continue;
			put_item(&c->item[i], t, out);
			shown++;
		}
	size_t more = c->count - shown + c->lost;
	if (more)
		buf_appendf(out, "  ... and %zu more; see the results\n", more);
	if (c->count)
		buf_puts(out, "\n");
}

void closing_done(struct closing *c)
{
	for (size_t i = 0; i < c->count; i++)
		item_done(&c->item[i]);
	for (size_t i = 0; i < c->tests; i++)
		free(c->test[i].name);
	free(c->item);
	free(c->test);
	*c = (struct closing){ 0 };
}
