/* SPDX-License-Identifier: GPL-2.0-only */
/* declaration.h -- the declarations of payloads. */
#ifndef KTSTR_GUEST_DECLARATION_H
#define KTSTR_GUEST_DECLARATION_H

#include <ktstr/test.h>

#define PAYLOAD_ARGS_MAX   126
#define PAYLOADS_MAX	   64 /* at once */
#define PAYLOAD_WANTED_MAX 64 /* metrics by name, of a payload whose output a language model reads */

/* The problem of a declaration (static text), or NULL. */
const char *payload_problem(const struct ktstr_payload *p);
/* The problem of a call that runs it (static text), or NULL. */
const char *payload_call_problem(const struct ktstr_payload_run *run);
/*
 * The names of metrics that its checks and hints have, each once; @ret has PAYLOAD_WANTED_MAX places, or is NULL.
 * Returns how many.
 */
size_t payload_wanted(const struct ktstr_payload *p, const char **ret);
/* True if the test declares it: as its payload or as one of its workloads. */
bool payload_declared(const struct ktstr_test *test, const struct ktstr_payload *p);

#endif
