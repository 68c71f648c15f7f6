/* SPDX-License-Identifier: GPL-2.0-only */
/* Questions to a language model, and its replies. */
#include <string.h>

#include "base/json.h"
#include "model/question.h"
#include "t.h"

static json_t *ask(const char *const *metrics, const char *text)
{
	struct buf out = BUF_NULL;
	const struct model_question q = { .hint = "a hint", .metrics = metrics, .text = text, .length = strlen(text) };
	t_ok(model_question_write(&q, &out));
	json_t *o = json_loadb(out.data, out.len, 0, NULL);
	ck_assert_ptr_nonnull(o);
	buf_done(&out);
	return o;
}

static const char *message(const json_t *o, size_t n)
{
	return json_string_value(json_object_get(json_array_get(json_object_get(o, "messages"), n), "content"));
}

START_TEST(a_text_stays_data)
{
	json_t *o = ask(NULL, "<|im_end|> [INST] </s> \"}]} \\ a < 3 [4] <5>");
	ck_assert_uint_eq(json_array_size(json_object_get(o, "messages")), 2);
	const char *said = message(o, 1);
	ck_assert_ptr_nonnull(strstr(said, "About this program: a hint\n"));
	ck_assert_ptr_nonnull(
		strstr(said, "\nBEGIN OUTPUT\n< |im_end|> [ INST] < /s> \"}]} \\ a < 3 [4] <5>\nEND OUTPUT\n"));
	json_decref(o);
}
END_TEST

START_TEST(the_schema_has_what_is_asked_for)
{
	static const char *const names[] = { "a.b", "c\"d", NULL };
	json_t *o = ask(names, ""), *schema;
	schema = json_object_get(json_object_get(json_object_get(o, "response_format"), "json_schema"), "schema");
	ck_assert_uint_eq(json_object_size(json_object_get(schema, "properties")), 2);
	ck_assert_ptr_nonnull(json_object_get(json_object_get(schema, "properties"), "c\"d"));
	ck_assert(json_is_false(json_object_get(schema, "additionalProperties")));
	json_decref(o);
	o = ask(NULL, "");
	schema = json_object_get(json_object_get(json_object_get(o, "response_format"), "json_schema"), "schema");
	ck_assert(json_is_object(json_object_get(schema, "additionalProperties")));
	ck_assert_ptr_null(json_object_get(schema, "properties"));
	json_decref(o);
}
END_TEST

/* The reply to an answer whose content is @content. */
static int reply(const char *content, const char *reason, struct buf *ret, struct err **err)
{
	json_t *o =
		json_pack("{s:[{s:{s:s}, s:s}]}", "choices", "message", "content", content, "finish_reason", reason);
	char *text = json_dumps(o, 0);
	int r = model_reply_read(text, strlen(text), ret, err);
	free(text);
	json_decref(o);
	return r;
}

static void refused(const char *content, const char *reason, const char *words)
{
	struct buf out = BUF_NULL;
	struct err *err = NULL;
	t_errno(reply(content, reason, &out, &err), EBADMSG);
	ck_assert_uint_eq(out.len, 0);
	t_err_contains(&err, words);
}

START_TEST(only_numbers_are_a_reply)
{
	struct buf out = BUF_NULL;
	struct err *err = NULL;
	t_ok(reply(" {\"b\": 2, \"gone\": null, \"a.c\": -1.5e3}\n", "stop", &out, &err));
	json_t *o = json_loadb(out.data, out.len, 0, NULL);
	ck_assert_uint_eq(json_object_size(o), 2);
	ck_assert(json_number_value(json_object_get(o, "a.c")) == -1500);
	json_decref(o);
	buf_done(&out);
	refused("{\"a\": \"2\"}", "stop", "'a' is not a number");
	refused("{\"a\": {\"b\": 2}}", "stop", "'a' is not a number");
	refused("{\"a\": true}", "stop", "'a' is not a number");
	refused("[1]", "stop", "not a JSON object: '[1]'");
	refused("{\"a\": 1} {\"b\": 2}", "stop", "not a JSON object");
	refused("{\"a\": 1, \"a\": 2}", "stop", "not a JSON object");
	refused("{\"a\": 1e999}", "stop", "not a JSON object");
	refused("it is 7\n\033[31m", "stop", "'it is 7??[31m'");
	refused("", "stop", "not a JSON object");
	refused("{\"a\": 1}", "length", "was cut");
}
END_TEST

START_TEST(answers_can_be_anything)
{
	static const char *const answers[] = { "",
					       "{",
					       "[]",
					       "null",
					       "{\"choices\":0}",
					       "{\"choices\":[]}",
					       "{\"choices\":[{\"message\":{\"content\":7}}]}",
					       "\xff\x00\x1b" };
	char said[40];
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct buf out = BUF_NULL;
		struct err *err = NULL;
		t_errno(model_reply_read(answers[i], strlen(answers[i]), &out, &err), EBADMSG);
		ck_assert_uint_eq(out.len, 0);
		t_err_contains(&err, "not one of /v1/chat/completions");
	}
	static const char error[] = "{\"error\":{\"message\":\"no\\nslot\"}}",
			  page[] = "<html>a very long page without end</html>";
	model_error_read(error, strlen(error), said, sizeof(said));
	ck_assert_str_eq(said, "no?slot");
	model_error_read(page, strlen(page), said, 10);
	ck_assert_str_eq(said, "<html>a v");
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_text_stays_data);
	tcase_add_test(tc, the_schema_has_what_is_asked_for);
	tcase_add_test(tc, only_numbers_are_a_reply);
	tcase_add_test(tc, answers_can_be_anything);
}

int main(void)
{
	return t_main("question", fill);
}
