/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * server.h -- who answers questions to a language model: the server at KTSTR_LLM_URL, or `llama-server` with the model
 * of `ktstr model fetch`, as a child process that listens on a UNIX socket which only this user can reach.
 *
 * The child is started with the first question and ended with the run; it dies with this process.
 */
#ifndef KTSTR_MODEL_SERVER_H
#define KTSTR_MODEL_SERVER_H

#include <pthread.h>

#include "base/err.h"
#include "base/time.h"
#include "net/http.h"
#include "reactor/child.h"
#include "reactor/machine.h"

#define MODEL_URL_MAX  2048
#define MODEL_SAID_MAX 240

struct model_server {
	/* readable once it is open */
	struct http *http;
	char url[MODEL_URL_MAX]; /* of /v1/chat/completions */
	char socket[108];	 /* path; "": the URL says where the server is */
	nsec_t limit;		 /* for a question, until its answer */
	/* private */
	struct machine machine; /* keeps the child */
	struct reactor *reactor;
	struct child child;
	pthread_mutex_t lock; /* of the next two */
	bool looked;
	struct buf lack; /* why there is no model, and what to do; empty: there is one, or a URL */
	char *model, dir[64];
	int log; /* what the child printed */
	bool opened;
};

#define MODEL_SERVER_NULL ((struct model_server){ .log = -1, .child = CHILD_NULL, .lock = PTHREAD_MUTEX_INITIALIZER })

/* Checks KTSTR_LLM_URL and KTSTR_LLM_TIMEOUT, and asks nobody. */
int model_server_check_settings(struct err **err);
/*
 * Looks for the server that will be asked, once; the result is that of model_server_open(). Blocks for the checksum of
 * a model that has changed, so it runs on the offload pool. @models: the directory of `ktstr model`, or NULL.
 */
void model_server_look(struct model_server *s, const char *models);
/* Opens it when it is first asked for, after model_server_look(). */
int model_server_open(struct model_server *s, struct reactor *r, struct err **err);
/* NULL: it runs, or nothing is known of it. Else how the child ended, and its last line. */
const char *model_server_end(const struct model_server *s, char out[MODEL_SAID_MAX]);
/* Ends the child and turns the reactor until it has ended; nothing may be asked any more. */
void model_server_close(struct model_server *s);

#endif
