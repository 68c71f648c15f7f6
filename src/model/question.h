/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * question.h -- what a language model is asked about a program's output, and its reply, without any I/O: the body of a
 * request to /v1/chat/completions of llama.cpp's server, and the numbers in the answer.
 *
 * The program's text is hostile: it may say what the model should reply. The request says that it is data, and the
 * answer may only be an object of numbers, so such a text can at most bring about wrong numbers of its own program.
 */
#ifndef KTSTR_MODEL_QUESTION_H
#define KTSTR_MODEL_QUESTION_H

#include "base/err.h"

struct model_question {
	const char *hint;	    /* what its author says about the output; or NULL */
	const char *const *metrics; /* which numbers are asked for, NULL-terminated; without any: all */
	const char *text;	    /* clean (text.h) */
	size_t length;
	bool cut; /* only the end of what it printed */
};

/* Appends the request: JSON. */
int model_question_write(const struct model_question *q, struct buf *out);
/*
 * Reads an answer with status 200, and appends the reply to @ret: a JSON object whose members are numbers. Members that
 * are null, for numbers that are not in the text, are left out. -EBADMSG: the answer is something else.
 */
int model_reply_read(const char *answer, size_t length, struct buf *ret, struct err **err);
/* What the server said with another status: the message of its JSON, or the begin of its text. Clean, one line. */
void model_error_read(const char *answer, size_t length, char *out, size_t size);

#endif
