/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_reproduce.c -- ktstr reproduce: from what a host said about a failure to a scenario file. */
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "declare/read.h"
#include "reproduce/fingerprint.h"

#define USUAL_OUTPUT "reproduced.json"
#define ARGS	     struct reproduce_args

struct reproduce_args {
	struct strings files;
	const char *output, *scheduler;
	bool json;
};

static const struct option_row reproduce_options[] = {
	OPT_STRING(ARGS, output, "output", 'o', "FILE",
		   "write the scenario to FILE (default: " USUAL_OUTPUT "); - is standard output"),
	OPT_STRING(ARGS, scheduler, "scheduler", 0, "PROGRAM",
		   "the scheduler's program, a name or a path (default: a guess from the name of its operations)"),
	ROW_JSON(ARGS, "print the fingerprint of the load and the notes as JSON"),
	OPT_END,
};

/* What the files are is seen from their content. */
struct inputs {
	struct messages *messages;
	struct profile profile;
	json_t *dump;
	bool has_messages, has_profile;
};

static void inputs_done(struct inputs *in)
{
	free(in->messages);
	if (in->has_profile)
		profile_done(&in->profile);
	json_decref(in->dump);
}

static int refuse_second(const char *path, const char *what, struct err **err)
{
	return FAIL(err, ERR_USAGE, -EINVAL, "'%s' is a second %s; name one", path, what);
}

static int take_dump(struct inputs *in, const char *path, json_t *root, struct err **err)
{
	const char *schema = json_string_value(json_object_get(root, "schema"));
	if (in->dump)
		return refuse_second(path, "dump", err);
	if (!schema || strcmp(schema, "single") != 0)
		return FAIL(err, ERR_DATA, -EBADMSG,
			    "'%s' is neither a dump ('NAME.failure-dump.json') nor a profile ('ktstr ctprof capture')",
			    path);
	in->dump = json_incref(root);
	return 0;
}

static int take_profile(struct inputs *in, const char *path, const struct buf *text, struct err **err)
{
	if (in->has_profile)
		return refuse_second(path, "profile", err);
	int r = profile_parse(text->data, text->len, path, &in->profile, err);
	in->has_profile = r == 0;
	return r;
}

static int take_messages(struct inputs *in, const char *path, const struct buf *text, struct err **err)
{
	if (in->has_messages)
		return refuse_second(path, "text of kernel messages", err);
	in->messages = malloc(sizeof(*in->messages));
	if (!in->messages)
		return -ENOMEM;
	int r = messages_parse(text->data ?: "", text->len, in->messages);
	in->has_messages = r == 0;
	if (r == -ENODATA)
		return FAIL(err, ERR_DATA, r,
			    "'%s' has no message of sched_ext, and is neither a profile nor a dump; name the output of "
			    "dmesg, a file of 'ktstr ctprof capture', or a failure dump",
			    path);
	return r;
}

static bool is_packed(const struct buf *text)
{
	return text->len > 4 && !memcmp(text->data, "\x28\xb5\x2f\xfd", 4);
}

static int take_file(struct inputs *in, const char *path, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	int r = file_read(path, MESSAGES_BYTES_MAX, &text, err);
	if (r == -EFBIG)
		return err_wrap(err, r, "read '%s'; a part of the log about sched_ext is enough", path);
	if (r < 0)
		return r;
	if (is_packed(&text))
		return take_profile(in, path, &text, err);
	json_auto_t *root = text.len && *buf_str(&text) == '{' ? json_loadb(text.data, text.len, 0, NULL) : NULL;
	if (!root)
		return take_messages(in, path, &text, err);
	return json_object_get(root, "threads") ? take_profile(in, path, &text, err) : take_dump(in, path, root, err);
}

/* Messages come first: they name the task that was not run, which is kept even if it used no CPU. */
static int make_fingerprint(struct inputs *in, struct fingerprint *f, struct err **err)
{
	if (in->has_profile && in->has_messages) {
		unsigned tasks = in->messages->tasks;
		in->messages->tasks = 0;
		fingerprint_of_messages(f, in->messages);
		in->messages->tasks = tasks;
	}
	if (in->has_profile)
		fingerprint_of_profile(f, &in->profile);
	int r = in->dump ? fingerprint_of_dump(f, in->dump, err) : 0;
	if (r == 0 && in->has_messages)
		fingerprint_of_messages(f, in->messages);
	return r;
}

static bool is_stdout(const char *path)
{
	return !strcmp(path, "-");
}

static void print_notes(const struct fingerprint *f, const char *path)
{
	_cleanup_buf_ struct buf word = BUF_NULL, all = BUF_NULL;
	text_append_quoted(&word, path);
	/* The texts have words of kernels and of dumps. */
	for (unsigned i = 0; i < f->notes; i++) {
		buf_appendf(&all, "%-9s ", note_words[f->note[i].kind]);
		text_append_line(&all, f->note[i].text, strlen(f->note[i].text));
		buf_puts(&all, "\n");
	}
	if (is_stdout(path)) {
		say_printf("%s", buf_str(&all));
		return;
	}
	buf_appendf(&all, "wrote %s: %u group%s of tasks%s", buf_str(&word), f->groups, plural(f->groups),
		    *f->cause ? "; the failure: " : "");
	text_append_line(&all, f->cause, strlen(f->cause));
	buf_appendf(&all, "; run it: ktstr explore %s\n", buf_str(&word));
	out_buf(&all);
}

/* What is written can be read: the reader's rules are the format's. */
static int write_scenario(const json_t *scenario, const char *path, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct declaration *d = NULL;
	if (!scenario)
		return FAIL_SYS(err, -ENOMEM, "make a scenario");
	int r = declaration_read(scenario, path, &d, err);
	declaration_free(d);
	if (r < 0)
		return err_wrap(err, r, "a scenario that cannot be read");
	char *json = json_dumps(scenario, JSON_INDENT(2));
	buf_appendf(&text, "%s\n", json ? json : "");
	free(json);
	if (is_stdout(path) && !text.failed) {
		out_buf(&text);
		return 0;
	}
	return text.failed ? -ENOMEM : file_write_output(path, text.data, text.len, 0644, err);
}

static int write_result(const struct reproduce_args *a, struct inputs *in, struct fingerprint *f, struct err **err)
{
	const char *path = a->output ?: USUAL_OUTPUT;
	int r = make_fingerprint(in, f, err);
	if (r < 0)
		return r;
	json_auto_t *scenario = fingerprint_scenario(f, a->scheduler);
	r = write_scenario(scenario, path, err);
	if (r < 0)
		return r;
	if (a->json) {
		json_auto_t *o = fingerprint_json(f);
		out_json(o, true);
		return 0;
	}
	print_notes(f, path);
	return 0;
}

static int run_reproduce(void *args, struct err **err)
{
	const struct reproduce_args *a = args;
	_cleanup_(inputs_done) struct inputs in = { 0 };
	struct fingerprint *f = calloc(1, sizeof(*f));
	int r = f ? 0 : -ENOMEM;
	if (r == 0 && !a->files.count)
		r = FAIL(err, ERR_USAGE, -EINVAL,
			 "reproduce: name what is known of the failure: kernel messages (dmesg), a profile ('ktstr "
			 "ctprof "
			 "capture'), a failure dump");
	if (r == 0 && a->json && a->output && is_stdout(a->output))
		r = FAIL(err, ERR_USAGE, -EINVAL,
			 "reproduce: --json and the scenario both go to standard output; name a "
			 "file with -o");
	if (r == 0 && !(a->output && is_stdout(a->output)))
		r = file_check_output(a->output ?: USUAL_OUTPUT, err);
	for (size_t i = 0; r == 0 && i < a->files.count; i++)
		r = file_check_not_input(a->output ?: USUAL_OUTPUT, a->files.item[i], err);
	for (size_t i = 0; r == 0 && i < a->files.count; i++)
		r = take_file(&in, a->files.item[i], err);
	if (r == 0)
		r = write_result(a, &in, f, err);
	if (f)
		fingerprint_done(f);
	free(f);
	return r;
}

const struct command cmd_reproduce = {
	.name = "reproduce",
	.group = GROUP_TESTS,
	.summary = "Make a scenario file from a host's kernel messages and profile, or from a dump",
	.operands = "FILE...",
	.text = "FILE is one of: kernel messages about a sched_ext scheduler (the output of dmesg or of a journal, "
		"with "
		"or without the debug dump that the scheduler printed); a profile of the host ('ktstr ctprof "
		"capture'); a dump of a failed test (NAME.failure-dump.json). Which it is, is seen from its content. "
		"Messages and a profile of the same host belong together.\n\nTasks that are alike (control group, "
		"program, policy, nice value, CPUs, kind of work) become workers of a scenario. What the inputs do not "
		"say, what is a guess, what was changed to fit into a guest and what was left out is printed; read it "
		"before you trust the scenario. 'ktstr explore FILE.json' then looks for the failure in many "
		"schedules, and 'ktstr shrink' makes what fails smaller.",
	.option = reproduce_options,
	.example =
		(const struct example[]){
			{ "ktstr reproduce dmesg.txt host.ctprof.zst -o stall.json", "from a host" },
			{ "ktstr reproduce crowd-0123456789abcdef.failure-dump.json", "from a failed test" },
			{ NULL },
		},
	OPERANDS(struct reproduce_args, files),
	.run = run_reproduce,
};
