/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * questions.h -- the stock battery of `ktstr try`: for each question to a scheduler its test (src/guest/battery.c), the
 * check that answers it, and the number that is shown.
 */
#ifndef KTSTR_RUN_QUESTIONS_H
#define KTSTR_RUN_QUESTIONS_H

#include "base/json.h"
#include "run/suite.h"

#define QUESTIONS_SUITE "try"

struct question {
	const char *name;   /* of its test */
	const char *shows;  /* what the number is */
	const char *unit;   /* "ms", "us", "%", "/s" */
	const char *judged; /* by which checks; others are made in every test */
	unsigned lack;	    /* bit of enum ktstr_lack without which it cannot be asked; 0: always */
	bool higher;	    /* is better */
	double (*number)(const json_t *sidecar, const struct question *q); /* NaN: it was not measured */
	const char *of; /* for @number: a cgroup, or the name of a measured number */
};

/* In the order of the card; ended by a row without a name. */
extern const struct question questions[];
/* NULL: there is no such question. */
const struct question *question_find(const char *name);

/* What makes a test one of these. */
struct question_decl {
	const struct question *question;
};

struct questions_request {
	const char *program; /* the test binary; it must live as long as the suite */
	const char *binary;  /* of the scheduler: a name, or a path; NULL: only the kernel's own */
	const char *const *args;
	unsigned lacks;	   /* bits of enum ktstr_lack */
	unsigned load_cpu; /* CPU number + 1; 0: any */
	bool reference;	   /* ask the kernel's own scheduler, too */
	/* Is it asked? NULL: all are. */
	bool (*wants)(void *arg, const struct question *q);
	void *arg;
};

/*
 * Makes the suite of the questions out of the battery's lists; @battery[1] is used for the kernel's own scheduler.
 * -EINVAL: the scheduler's name cannot be one.
 */
int questions_suite(struct suite battery[2], const struct questions_request *q, struct suite *ret, struct err **err);

/* What became of a question. */
enum answer {
	ANSWER_PASS,
	ANSWER_FAIL,
	ANSWER_NOT_SUPPORTED,
	ANSWER_UNKNOWN, /* it could not be judged */
	ANSWER_MAX,
};

/* "pass", "fail", "not supported", "cannot tell". */
extern const char *const answer_names[ANSWER_MAX];
enum answer question_answer(const struct question *q, const json_t *sidecar);

#endif
