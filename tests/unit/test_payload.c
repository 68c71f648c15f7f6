/* SPDX-License-Identifier: GPL-2.0-only */
/* Payloads on the host: the files that they bring into the guest, and the records that they send back. */
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "run/includes.h"
#include "t.h"
#include "verdict/evidence.h"

static struct includes includes;

static void touch(const char *dir, const char *name, mode_t mode)
{
	_cleanup_free_ char *path = path_join(dir, name);
	t_ok(mkdir_parents(dir, 0755, NULL));
	t_ok(file_write_atomic(path, "x", 1, mode, NULL));
}

/* The names in the archive, in order, each followed by a space. */
static const char *archive(void)
{
	static char text[1000];
	size_t at = 0;
	text[0] = '\0';
	for (size_t i = 0; i < includes.count; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s ", includes.item[i].to);
	includes_done(&includes);
	return text;
}

START_TEST(include_files_are_found)
{
	char *dir = t_tmpdir(), *deep = path_join(dir, "d/e"), *binary = path_join(dir, "suite"),
	     *tree = path_join(dir, "d/"), *file = path_join(dir, "d/b"), *kit = path_join(dir, "kit");
	char *kit_bin = path_join(kit, "k"), *none[] = { NULL }, *files[] = { tree, file, (char *)"sh", file, NULL };
	struct payload_decl payload[] = { { (char *)"p", (char *)"prog", NULL, none },
					  { (char *)"q", (char *)"runner", (char *)"k", none } };
	struct test_decl t = {
		.name = (char *)"t", .binary = binary, .include_files = files, .payload_list = payload, .payloads = 2
	};
	char why[400];
	touch(deep, "z", 0644);
	touch(deep, "a", 0644);
	touch(dir, "d/b", 0644);
	touch(dir, "prog", 0755);
	ck_assert(!includes_kit_complete(&t, kit, why, sizeof(why)) && strstr(why, "built without 'k/runner'"));
	ck_assert(!includes_kit_complete(&t, NULL, why, sizeof(why)));
	touch(kit_bin, "runner", 0755);
	ck_assert(includes_kit_complete(&t, kit, why, sizeof(why)));
	t_ok(includes_resolve(&t, kit, &includes, NULL));
	ck_assert_str_eq(archive(), "include-files/d/b include-files/d/e/a include-files/d/e/z include-files/b "
				    "include-files/sh include-files/prog include-files/runner ");
	free(deep);
	free(binary);
	free(tree);
	free(file);
	free(kit);
	free(kit_bin);
	t_rmdir(dir);
}
END_TEST

/* A test with those include files, or that payload. */
static void refused(char **files, struct payload_decl *p, int code, const char *words)
{
	struct test_decl t = {
		.binary = (char *)"/x/suite", .include_files = files, .payload_list = p, .payloads = p != NULL
	};
	struct err *err = NULL;
	t_errno(includes_resolve(&t, NULL, &includes, &err), code);
	ck_assert_uint_eq(includes.count, 0);
	t_err_contains(&err, words);
}

START_TEST(include_files_that_cannot_be)
{
	char *dir = t_tmpdir(), *one = path_join(dir, "one"), *two = path_join(dir, "two"),
	     *loop = path_join(dir, "loop");
	char *first = path_join(one, "f"), *second = path_join(two, "f"), *prog = path_join(two, "p"),
	     *self = path_join(loop, "loop");
	char *same[] = { first, second, NULL }, *name[] = { (char *)"no-such-file-here", NULL }, *none[] = { NULL },
	     *path[] = { (char *)"/no/such", NULL }, *around[] = { loop, NULL };
	struct payload_decl p = { (char *)"p", prog, NULL, none };
	struct payload_decl kit = { (char *)"p", (char *)"r", (char *)"k", none };
	touch(one, "f", 0644);
	touch(two, "f", 0644);
	touch(two, "p", 0644);
	refused(same, NULL, EEXIST, "would both be '/include-files/f'");
	refused(name, NULL, ENOENT, "in the current directory or PATH");
	refused(path, NULL, ENOENT, "include file '/no/such': not found");
	refused(NULL, &p, ENOENT, "no executable file");
	refused(NULL, &kit, ENOENT, "no executable file 'r'");
	t_ok(mkdir(loop, 0755));
	t_ok(symlink(loop, self));
	refused(around, NULL, ELOOP, "directories deep");
	char *owned[] = { one, two, loop, first, second, prog, self };
	for (size_t i = 0; i < ARRAY_SIZE(owned); i++)
		free(owned[i]);
	t_rmdir(dir);
}
END_TEST

/*
 * In a directory, and by name: the message names a file that cannot be included; the total size is counted and limited.
 */
START_TEST(include_files_of_other_kinds)
{
	char *dir = t_tmpdir(), *fifo = path_join(dir, "fifo"), *link = path_join(dir, "link"),
	     *huge = path_join(dir, "huge");
	char *tree[] = { dir, NULL }, *by_name[] = { fifo, NULL }, *dangling[] = { link, NULL },
	     *device[] = { (char *)"/dev/null", NULL };
	char *large[] = { huge, NULL };
	struct test_decl t = { .binary = (char *)"/x/suite", .include_files = large };
	t_ok(mkfifo(fifo, 0600));
	refused(tree, NULL, EINVAL, "fifo' is a FIFO; only regular files and directories can be brought along");
	refused(by_name, NULL, EINVAL, "fifo' is a FIFO");
	refused(device, NULL, EINVAL, "'/dev/null' is a device");
	t_ok(unlink(fifo));
	t_ok(symlink("/no/such/file", link));
	refused(tree, NULL, ENOENT, "link' is a link to a file that does not exist");
	refused(dangling, NULL, ENOENT, "link' is a link to a file that does not exist");
	t_ok(unlink(link));
	touch(dir, "huge", 0644);
	ck_assert_uint_eq(includes_mib(&t, NULL), 1);
	t_ok(truncate(huge, 100l << 20));
	ck_assert_uint_eq(includes_mib(&t, NULL), 100);
	t_ok(truncate(huge, 5l << 30));
	ck_assert_uint_eq(includes_mib(&t, NULL), 0);
	refused(large, NULL, EFBIG, "huge' has 5120 MiB: together the files of this test are larger than the 768 MiB");
	free(fifo);
	free(link);
	free(huge);
	t_rmdir(dir);
}
END_TEST

/* The metrics of a payload follow its record, and are numbers. */
START_TEST(payload_records_are_checked)
{
	struct evidence e = { 0 };
	struct wire_payload p = { .index = 4, .metrics = 1, .end = WIRE_PAYLOAD_EXITED, .name = "fio\n" };
	struct wire_payload_metric m = { .payload = 4, .stream = WIRE_METRIC_STDOUT, .value = 3, .name = "\033iops" };
	struct wire_payload bad = p;
	struct wire_payload_metric lie = m;
	t_errno(evidence_take(&e, WIRE_PAYLOAD_METRIC, 1, &m, sizeof(m), NULL), EBADMSG);
	memset(p.cgroup, 0xc3, sizeof(p.cgroup));
	t_ok(evidence_take(&e, WIRE_PAYLOAD, 1, &p, sizeof(p), NULL));
	t_ok(evidence_take(&e, WIRE_PAYLOAD_METRIC, 1, &m, sizeof(m), NULL));
	ck_assert_str_eq(e.payload[0].name, "fio?");
	ck_assert_uint_eq(strlen(e.payload[0].cgroup), sizeof(p.cgroup) - 1);
	ck_assert_str_eq(e.payload_metric[0].name, "?iops");
	t_errno(evidence_take(&e, WIRE_PAYLOAD, 1, &p, sizeof(p), NULL), EBADMSG); /* the same again */
	bad.index = 5;
	bad.end = WIRE_PAYLOAD_FLOODED + 1;
	t_errno(evidence_take(&e, WIRE_PAYLOAD, 1, &bad, sizeof(bad), NULL), EBADMSG);
	bad.end = 0;
	t_errno(evidence_take(&e, WIRE_PAYLOAD, 1, &bad, sizeof(bad), NULL), EBADMSG);
	lie.value = __builtin_nan("");
	t_errno(evidence_take(&e, WIRE_PAYLOAD_METRIC, 1, &lie, sizeof(lie), NULL), EBADMSG);
	lie = m;
	lie.payload = 3;
	t_errno(evidence_take(&e, WIRE_PAYLOAD_METRIC, 1, &lie, sizeof(lie), NULL), EBADMSG);
	lie = m;
	lie.polarity = 99;
	t_errno(evidence_take(&e, WIRE_PAYLOAD_METRIC, 1, &lie, sizeof(lie), NULL), EBADMSG);
	lie = m;
	lie.payload = WIRE_TEST_ITSELF; /* a number of the test needs no payload */
	t_ok(evidence_take(&e, WIRE_PAYLOAD_METRIC, 1, &lie, sizeof(lie), NULL));
	bad = p;
	bad.index = WIRE_TEST_ITSELF;
	t_errno(evidence_take(&e, WIRE_PAYLOAD, 1, &bad, sizeof(bad), NULL), EBADMSG);
	ck_assert_uint_eq(e.payload_count, 1);
	ck_assert_uint_eq(e.payload_metric_count, 2);
	evidence_done(&e);
}
END_TEST

/* Output for a language model follows its payload's record, is bounded, and is made printable. */
START_TEST(payload_output_is_checked)
{
	struct evidence e = { 0 };
	struct wire_payload p = { .index = 1, .end = WIRE_PAYLOAD_EXITED, .name = "fio" };
	struct {
		struct wire_payload_text head;
		char text[WIRE_OUTPUT_MAX + 1];
	} r = { .head = { .payload = 1, .stream = WIRE_METRIC_STDERR, .cut = 1 }, .text = "ops\033[1m\xff" };
	const uint32_t head = sizeof(r.head);
	t_errno(evidence_take(&e, WIRE_PAYLOAD_TEXT, 1, &r, head + 5, NULL), EBADMSG);
	t_ok(evidence_take(&e, WIRE_PAYLOAD, 1, &p, sizeof(p), NULL));
	t_ok(evidence_take(&e, WIRE_PAYLOAD_TEXT, 1, &r, head + 8, NULL));
	t_errno(evidence_take(&e, WIRE_PAYLOAD_TEXT, 1, &r, head - 1, NULL), EBADMSG);
	t_errno(evidence_take(&e, WIRE_PAYLOAD_TEXT, 1, &r, sizeof(r), NULL), EBADMSG);
	r.head.stream = WIRE_METRIC_SYNTHESIZED;
	t_errno(evidence_take(&e, WIRE_PAYLOAD_TEXT, 1, &r, head + 5, NULL), EBADMSG);
	r.head = (struct wire_payload_text){ .payload = 2, .stream = WIRE_METRIC_STDOUT };
	t_errno(evidence_take(&e, WIRE_PAYLOAD_TEXT, 1, &r, head + 5, NULL), EBADMSG);
	ck_assert_uint_eq(e.output_count, 1);
	ck_assert(e.output[0].cut && e.output[0].stream == WIRE_METRIC_STDERR);
	ck_assert_str_eq(buf_str(&e.output[0].text), "ops?[1m\xef\xbf\xbd");
	evidence_done(&e);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, include_files_are_found);
	tcase_add_test(tc, include_files_that_cannot_be);
	tcase_add_test(tc, include_files_of_other_kinds);
	tcase_add_test(tc, payload_records_are_checked);
	tcase_add_test(tc, payload_output_is_checked);
}

int main(void)
{
	return t_main("payload", fill);
}
