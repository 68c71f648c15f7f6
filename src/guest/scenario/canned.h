/* SPDX-License-Identifier: GPL-2.0-only */
/* canned.h -- the table of canned scenarios; tests use ktstr/canned.h. */
#ifndef KTSTR_GUEST_CANNED_H
#define KTSTR_GUEST_CANNED_H

#include <ktstr/canned.h>

struct canned {
	struct ktstr_canned info;
	const char *also; /* other names, each followed by a space, or NULL */
	struct ktstr_scenario scenario;
};

/* Defined in the file of the same name. A row without a name ends each table. */
extern const struct canned canned_loads[], canned_changes[], canned_measured[];

/* For tables: one step that lasts the whole time; two steps of half the time each. */
#define CANNED_STEADY(...)                                                                        \
	{                                                                                         \
		.steps = KTSTR_STEPS({ .name = "steady", .cgroups = KTSTR_CGROUPS(__VA_ARGS__) }) \
	}
#define CANNED_HALF(NAME, ...)                                        \
	{                                                             \
		.name = NAME, .hold = { .share = 0.5 }, ##__VA_ARGS__ \
	}
#define CANNED_THIRD(NAME, ...)                                        \
	{                                                              \
		.name = NAME, .hold = { .share = 0.33 }, ##__VA_ARGS__ \
	}
#define CANNED_WORK(TYPE, ...) .work = { .type = KTSTR_WORK_##TYPE, ##__VA_ARGS__ }

/* Initialisers, because gcc rejects a compound literal inside another literal of static storage. */
#define C_LLC(i)                                       \
	{                                              \
		.kind = KTSTR_CPUSET_LLC, .index = (i) \
	}
#define C_NODE(i)                                       \
	{                                               \
		.kind = KTSTR_CPUSET_NODE, .index = (i) \
	}
#define C_DISJOINT(i, n)                                               \
	{                                                              \
		.kind = KTSTR_CPUSET_DISJOINT, .index = (i), .of = (n) \
	}
#define C_OVERLAP(i, n, f)                                                          \
	{                                                                           \
		.kind = KTSTR_CPUSET_OVERLAP, .index = (i), .of = (n), .share = (f) \
	}
#define C_RANGE(s, e)                                                \
	{                                                            \
		.kind = KTSTR_CPUSET_RANGE, .start = (s), .end = (e) \
	}

const struct canned *canned_find(const char *name);

#endif
