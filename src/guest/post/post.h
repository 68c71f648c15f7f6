/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * post.h -- the process of a test's `post_vm`, on the host: what it is told (a file of snapshots, docs/DUMPS.md), and
 * what the functions of <ktstr/snapshot.h> share.
 */
#ifndef KTSTR_GUEST_POST_H
#define KTSTR_GUEST_POST_H

#include <jansson.h>
#include <stddef.h>

#include <ktstr/test.h>

#include "base/err.h"
#include "guest/channel.h"

/* Only this process needs the library, so it is loaded here: a guest does not have it. */
/* clang-format off */
#define POST_JSON_FUNCTIONS(X) \
	X(load_file) X(object_get) X(object_iter) X(object_iter_next) X(object_iter_key) X(object_iter_value) \
	X(array_get) X(array_size) X(string_value) X(integer_value) X(number_value) X(delete)
/* clang-format on */
#define POST_JSON_SLOT(name) __typeof__(json_##name) *name;

struct post_json {
	POST_JSON_FUNCTIONS(POST_JSON_SLOT)
};

struct ktstr_snapshot {
	struct ktstr_post *post;
	const char *name;
	double ms;
	int step;
	bool periodic;
	const json_t *dump; /* NULL: it could not be taken */
	const char *lack;   /* why not */
};

struct ktstr_value {
	struct ktstr_post *post;
	const struct ktstr_snapshot *snapshot;
	const char *path;   /* how it was reached, for messages */
	const json_t *json; /* NULL: there is an error */
	const char *error;
	bool reported;
};

struct sample {
	const char *name;
	double ms, value;
	const char *gap; /* why there is no value; NULL: there is one */
};

struct ktstr_series {
	const char *label;
	const struct sample *sample;
	unsigned count;
};

struct ktstr_post {
	struct channel channel; /* fd -1: findings are only kept */
	struct post_json api;
	json_t *root;
	struct ktstr_snapshot *snapshot;
	unsigned snapshots;
	enum ktstr_verdict verdict; /* of what was judged */
	bool judged;
	char *said;   /* the last finding, for tests */
	void *memory; /* the newest allocation; each points to the one before */
};

/* Reads the file and prepares @p; post_done() is due whatever the result. */
int post_open(struct ktstr_post *p, const char *path, struct err **err);
void post_done(struct ktstr_post *p);
/* Calls the test's post_vm with the snapshots in the file, and sends findings and result to the channel. */
int post_run(const struct ktstr_test *test, const char *path, int channel);

/* --- for the other files ------------------------------------------------------------------------------------------ */

/* Zeroed memory until post_done(). Ends the process without memory, as nobody could judge then. */
void *post_alloc(struct ktstr_post *p, size_t size);
const char *post_text(struct ktstr_post *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A finding of the test. */
void post_find(struct ktstr_post *p, enum ktstr_verdict verdict, const char *text);
/* FAIL > INCONCLUSIVE > PASS > SKIP. */
enum ktstr_verdict post_worse(enum ktstr_verdict a, enum ktstr_verdict b);

#endif
