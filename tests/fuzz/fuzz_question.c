/* SPDX-License-Identifier: GPL-2.0-only */
/* Answers of a language model's server, and outputs of programs in questions to it. */
#include "base/json.h"
#include "base/text.h"
#include "fuzz.h"
#include "model/question.h"

/* Whatever the answer is, a reply is an object of numbers. */
static void check_reply(const struct buf *reply)
{
	json_auto_t *o = json_loadb(reply->data, reply->len, JSON_REJECT_DUPLICATES, NULL);
	const char *key;
	json_t *value;
	if (!json_is_object(o))
		abort();
	json_object_foreach(o, key, value)
		if (!json_is_number(value))
			abort();
}

/* Whatever the output is, the question is one message with it. */
static void check_question(const char *text, size_t length)
{
	_cleanup_buf_ struct buf clean = BUF_NULL, question = BUF_NULL;
	text_append(&clean, text, length);
	const struct model_question q = { .text = buf_str(&clean), .length = clean.len };
	if (model_question_write(&q, &question) < 0)
		return;
	json_auto_t *o = json_loadb(question.data, question.len, 0, NULL);
	const json_t *messages = json_object_get(o, "messages");
	const char *said = json_string_value(json_object_get(json_array_get(messages, 1), "content"));
	if (json_array_size(messages) != 2 || !said || strstr(said, "<|") || strstr(said, "[INST"))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf reply = BUF_NULL;
	char said[32], *text = malloc(size + 1);
	memcpy(text, data, size);
	if (model_reply_read(text, size, &reply, NULL) == 0)
		check_reply(&reply);
	model_error_read(text, size, said, sizeof(said));
	check_question(text, size);
	free(text);
	return 0;
}
