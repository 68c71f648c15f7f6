/* SPDX-License-Identifier: GPL-2.0-only */
/* Packs: what is written is read again; damaged and hostile ones are refused. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "run/pack.h"
#include "t.h"

static int memory_file(const char *text)
{
	int fd = memfd_new("packed", 0);
	ck_assert_int_ge(fd, 0);
	t_ok(fd_write_full(fd, text, strlen(text)));
	return fd;
}

static char *copy_of(const char *text)
{
	char *copy = strdup(text);
	ck_assert_ptr_nonnull(copy);
	return copy;
}

/* With something in every part. */
static void make_run(struct packed_run *p)
{
	packed_run_init(p);
	snprintf(p->test, sizeof(p->test), "ktstr/crowd");
	p->topology = (struct ktstr_topology){ 1, 1, 2, 1, .nodes = { { .llcs = 1, .memory_mib = 256 } } };
	p->memory_mib = 256;
	p->seed = UINT64_MAX;
	p->icount_shift = 3;
	p->lag_ns = 5000;
	p->kargs = calloc(2, sizeof(*p->kargs));
	p->points = calloc(2, sizeof(*p->points));
	ck_assert(p->kargs && p->points);
	p->kargs[0] = copy_of("quiet");
	p->points[0] = (struct observe_point){ 3, 100001, 50 };
	p->points[1] = (struct observe_point){ 9, 100002, 100 };
	p->perturb = (struct observe_perturb){ .seed = 7, .points = p->points, .point_count = 2 };
	p->outcome = (struct packed_outcome){ .digest = UINT32_MAX, .records = 26, .verdict = "fail", .cause = "it" };
	snprintf(p->origin.qemu, sizeof(p->origin.qemu), "QEMU 7.2");
	p->file[PACKED_KERNEL].fd = memory_file("a kernel");
	p->file[PACKED_INITRD].fd = memory_file("an initramfs");
}

static char *write_pack(const char *dir)
{
	struct packed_run p;
	char *path = path_join(dir, "a.pack");
	make_run(&p);
	t_ok(pack_write(&p, path, NULL));
	packed_run_done(&p);
	return path;
}

START_TEST(a_pack_is_read_again)
{
	struct packed_run p, made;
	char text[32] = "", *dir = t_tmpdir(), *path = write_pack(dir);
	make_run(&made);
	ck_assert(pack_is(path));
	t_ok(pack_read(path, &p, NULL));
	json_auto_t *one = packed_run_json(&p);
	for (unsigned i = 0; i < PACKED_FILES; i++) {
		made.file[i].size = p.file[i].size;
		made.file[i].hash = p.file[i].hash;
	}
	json_auto_t *other = packed_run_json(&made);
	ck_assert(json_equal(one, other));
	t_ok(fd_pread_full(p.file[PACKED_INITRD].fd, text, strlen("an initramfs"), 0));
	ck_assert_str_eq(text, "an initramfs");
	ck_assert_int_eq(p.file[PACKED_VMLINUX].fd, -1);
	packed_run_done(&made);
	packed_run_done(&p);
	free(path);
	t_rmdir(dir);
}
END_TEST

/* Whatever is cut off or changed, it is refused, or it does not matter. */
START_TEST(a_damaged_pack_is_refused)
{
	_cleanup_buf_ struct buf data = BUF_NULL;
	struct packed_run p;
	char *dir = t_tmpdir(), *path = write_pack(dir);
	t_ok(file_read(path, 1 << 20, &data, NULL));
	for (size_t len = 0; len < data.len; len += 7) {
		struct err *err = NULL;
		t_ok(file_write_atomic(path, data.data, len, 0644, NULL));
		ck_assert_int_lt(pack_read(path, &p, &err), 0);
		ck_assert_ptr_nonnull(err);
		err_free(err);
	}
	for (size_t at = 0; at < data.len; at += 5) {
		data.data[at] ^= 0x10;
		t_ok(file_write_atomic(path, data.data, data.len, 0644, NULL));
		if (pack_read(path, &p, NULL) == 0)
			packed_run_done(&p);
		data.data[at] ^= 0x10;
	}
	free(path);
	t_rmdir(dir);
}
END_TEST

/* The reason is the disk's, and a device is written to, not replaced. */
START_TEST(a_pack_that_cannot_be_written_says_why)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	struct packed_run p;
	struct err *err = NULL;
	struct stat st;
	char *dir = t_tmpdir(), *link = path_join(dir, "full");
	t_ok(symlink("/dev/full", link));
	make_run(&p);
	ck_assert_int_eq(pack_write(&p, link, &err), -ENOSPC);
	ck_assert_int_eq(err_kind_of(err), ERR_OUTPUT);
	err_format(err, &text);
	ck_assert_ptr_nonnull(strstr(buf_str(&text), "full': No space left on device"));
	ck_assert(lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
	err_free(err);
	packed_run_done(&p);
	free(link);
	t_rmdir(dir);
}
END_TEST

/* A member of the manifest ("machine.seed") and a value that it cannot have. */
static const struct {
	const char *object, *key, *value;
} hostile[] = {
	{ NULL, "schema", "\"other\"" },
	{ NULL, "version", "2" },
	{ NULL, "test", "7" },
	{ NULL, "files", "{}" },
	{ "machine", "memory_mib", "1" },
	{ "machine", "memory_mib", "99999999999" },
	{ "machine", "memory_mib", "-1" },
	{ "machine", "icount_shift", "64" },
	{ "machine", "lag_ns", "4000000000" },
	{ "machine", "seed", "\"no\"" },
	{ "machine", "seed", "7" },
	{ "machine", "late_cpus", "1" },
	{ "machine", "kaslr", "1" },
	{ "machine", "run_deadline_ns", "9000000000000000000" },
	{ "machine", "kernel_arguments", "[\"two words\"]" },
	{ "machine", "kernel_arguments", "[\"\"]" },
	{ "machine", "kernel_arguments", "\"quiet\"" },
	{ "machine", "topology", "{\"shape\": \"9n9l9c9t\", \"nodes\": [], \"distances\": []}" },
	{ "machine", "topology", "{\"shape\": \"1n1l2c1t\", \"nodes\": [1], \"distances\": []}" },
	{ "machine", "topology", "{\"shape\": \"1n1l2c1t\", \"nodes\": [], \"distances\": [256]}" },
	{ "machine", "perturb", "{\"seed\": \"0x1\", \"one_in\": 3, \"hold_ns\": 0, \"points\": null}" },
	{ "machine", "perturb",
	  "{\"seed\": \"0x1\", \"one_in\": 0, \"hold_ns\": 0, \"points\": [[2, 1, 1], [2, 1, 1]]}" },
	{ "machine", "perturb", "{\"seed\": \"0x1\", \"one_in\": 0, \"hold_ns\": 0, \"points\": [[1, 1, 100000001]]}" },
	{ "outcome", "event_digest", "4294967296" },
	{ "outcome", "failure", "1000" },
	{ "files", "kernel", "{\"size\": 0, \"hash\": \"0x0\"}" },
	{ "files", "initramfs", "{\"size\": 9000000000000, \"hash\": \"0x0\"}" },
};

START_TEST(hostile_manifests_are_refused)
{
	struct packed_run p;
	struct err *err = NULL;
	make_run(&p);
	p.file[PACKED_KERNEL].size = p.file[PACKED_INITRD].size = 1;
	json_auto_t *json = packed_run_json(&p);
	packed_run_done(&p);
	t_ok(packed_run_parse(json, &p, NULL));
	packed_run_done(&p);
	json_t *object = hostile[_i].object ? json_object_get(json, hostile[_i].object) : json;
	json_object_set_new(object, hostile[_i].key, json_loads(hostile[_i].value, JSON_DECODE_ANY, NULL));
	ck_assert_int_lt(packed_run_parse(json, &p, &err), 0);
	ck_assert_ptr_nonnull(err);
	err_free(err);
	packed_run_done(&p);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_pack_is_read_again);
	tcase_add_test(tc, a_damaged_pack_is_refused);
	tcase_add_test(tc, a_pack_that_cannot_be_written_says_why);
	tcase_add_loop_test(tc, hostile_manifests_are_refused, 0, ARRAY_SIZE(hostile));
}

int main(void)
{
	return t_main("packed_run", fill);
}
