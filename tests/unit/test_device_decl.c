/* SPDX-License-Identifier: GPL-2.0-only */
/* Devices that tests declare: what of a list is accepted, what kernels lack, and the file of a disk. */
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "lists.h"
#include "run/devices.h"
#include "t.h"

static struct suite listed(const char *more)
{
	char text[2000];
	struct suite s;
	snprintf(text, sizeof(text), LIST("", TEST_WITH("one", "%s")), more);
	t_ok(list_parse(text, &s, NULL));
	return s;
}

#define ALL                                                                              \
	"\"disk\":{\"bytes\":\"8388608\",\"fs\":\"ext4\",\"mount\":\"/data\",\"ro\":1}," \
	"\"networks\":[{\"name\":\"front\"},{\"name\":\"back\"}],\"pci\":1"

START_TEST(devices_are_read)
{
	struct suite s = listed(ALL);
	const struct device_decl *d = &s.test[0].devices;
	ck_assert_ptr_null(s.test[0].problem);
	ck_assert_uint_eq(d->disk_bytes, 8 << 20);
	ck_assert_str_eq(d->fs, "ext4");
	ck_assert_str_eq(d->mount, "/data");
	ck_assert(d->disk_ro && d->pci && device_decl_any(d));
	ck_assert_uint_eq(d->networks, 2);
	ck_assert_str_eq(d->network[1], "back");
	const struct vm_devices v = devices_of(d);
	ck_assert(v.disk && v.disk_read_only && v.networks == 2 && v.pci && v.disk_fd == -1);
	suite_done(&s);
	s = listed("\"ignore\":0");
	ck_assert(!device_decl_any(&s.test[0].devices));
	ck_assert_ptr_null(s.test[0].devices.json);
	suite_done(&s);
}
END_TEST

static const struct {
	const char *more, *problem;
} bad[] = {
	{ "\"disk\":{\"bytes\":\"4095\"}", "disk: bytes: must be a multiple of 4096" },
	{ "\"disk\":{\"bytes\":\"0\"}", "disk: bytes: " },
	{ "\"disk\":{\"bytes\":4096}", "disk: bytes: " },
	{ "\"disk\":{\"bytes\":\"2199023255552\"}", "disk: bytes: " },
	{ "\"disk\":{\"bytes\":\"8388608\",\"fs\":\"xfs\"}", "disk: fs: 'xfs' is not known" },
	{ "\"disk\":{\"bytes\":\"8388608\",\"mount\":\"/data\"}", "disk: mount: must be an absolute path" },
	{ "\"disk\":{\"bytes\":\"8388608\",\"fs\":\"ext4\",\"mount\":\"data\"}", "disk: mount: " },
	{ "\"networks\":[{\"name\":\"a b\"}]", "networks[0]: name: 'a b' is not the name" },
	{ "\"networks\":[{\"name\":\"a\"},{}]", "networks[1]: name" },
	{ "\"networks\":[{\"name\":\"a\"},{\"name\":\"b\"},{\"name\":\"c\"},{\"name\":\"d\"},{\"name\":\"e\"}]",
	  "networks: more than 4" },
};

START_TEST(bad_devices_are_a_problem_of_their_test)
{
	struct suite s = listed(bad[_i].more);
	ck_assert_ptr_nonnull(s.test[0].problem);
	ck_assert_msg(strstr(s.test[0].problem, bad[_i].problem) != NULL, "%s", s.test[0].problem);
	suite_done(&s);
}
END_TEST

static const struct {
	struct kernel kernel;
	const char *lack;
} lacks[] = {
	{ { .version = (char *)"6.12" }, NULL },
	{ { .version = (char *)"6.12", .no_disk = true },
	  "kernel 6.12 has no driver for a device of the test (CONFIG_VIRTIO_BLK is not set)" },
	{ { .version = (char *)"6.12", .no_ext4 = true },
	  "kernel 6.12 has no driver for a device of the test (CONFIG_EXT4_FS is not set)" },
	{ { .version = (char *)"6.12", .no_network = true },
	  "kernel 6.12 has no driver for a device of the test (CONFIG_VIRTIO_NET is not set)" },
};

START_TEST(kernels_without_drivers_are_named)
{
	char text[200];
	struct suite s = listed(ALL);
	const char *lack = devices_lack(&s.test[0].devices, &lacks[_i].kernel, text, sizeof(text));
	ck_assert_pstr_eq(lack, lacks[_i].lack);
	const struct device_decl none = { 0 };
	ck_assert_ptr_null(devices_lack(&none, &lacks[_i].kernel, text, sizeof(text)));
	suite_done(&s);
}
END_TEST

/* SipHash of the whole file. */
static uint64_t content(int fd)
{
	static char block[1 << 16];
	struct siphash h;
	siphash_init(&h);
	for (off_t at = 0;; at += (off_t)sizeof(block)) {
		ssize_t n = pread(fd, block, sizeof(block), at);
		ck_assert_int_ge(n, 0);
		if (!n)
			return siphash_final(&h);
		siphash_update(&h, block, (size_t)n);
	}
}

START_TEST(same_size_same_bytes)
{
	struct suite s = listed(ALL);
	const struct plan_case c = { .test = &s.test[0], .name = (char *)"ktstr/one" };
	uint64_t first = 0;
	uint8_t magic[2];
	for (int i = 0; i < 2; i++) {
		struct vm_devices v = devices_of(&s.test[0].devices);
		struct stat st;
		t_ok(devices_open(&c, &v, NULL));
		t_ok(fstat(v.disk_fd, &st));
		ck_assert_int_eq(st.st_size, 8 << 20);
		ck_assert_int_eq(st.st_nlink, 0);
		ck_assert_int_eq(pread(v.disk_fd, magic, 2, 1024 + 56), 2);
		ck_assert(magic[0] == 0x53 && magic[1] == 0xef); /* s_magic of ext4's superblock */
		first = i ? first : content(v.disk_fd);
		ck_assert_uint_eq(content(v.disk_fd), first);
		/* Another try gets a new one. */
		ck_assert_int_eq(pwrite(v.disk_fd, "x", 1, 4 << 20), 1);
		t_ok(devices_open(&c, &v, NULL));
		ck_assert_uint_eq(content(v.disk_fd), first);
		fd_close(v.disk_fd);
	}
	suite_done(&s);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, devices_are_read);
	tcase_add_loop_test(tc, bad_devices_are_a_problem_of_their_test, 0, ARRAY_SIZE(bad));
	tcase_add_loop_test(tc, kernels_without_drivers_are_named, 0, ARRAY_SIZE(lacks));
	tcase_add_test(tc, same_size_same_bytes);
}

int main(void)
{
	return t_main("device_decl", fill);
}
