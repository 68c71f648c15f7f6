/* SPDX-License-Identifier: GPL-2.0-only */
/* declaration.h -- the declarations of payloads. */
#ifndef KTSTR_GUEST_DECLARATION_H
#define KTSTR_GUEST_DECLARATION_H

#include <ktstr/test.h>

#define PAYLOAD_ARGS_MAX 126
#define PAYLOADS_MAX	 64 /* at once */

/* The problem of a declaration (static text), or NULL. */
const char *payload_problem(const struct ktstr_payload *p);
/* True if the test declares it: as its payload or as one of its workloads. */
bool payload_declared(const struct ktstr_test *test, const struct ktstr_payload *p);

#endif
