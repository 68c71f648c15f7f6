/* SPDX-License-Identifier: GPL-2.0-only */
/* Snapshots as files, images that a guest unpacks itself, and KVM machines that continue where another one stopped. */
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/rng.h"
#include "fake_kvm.h"
#include "guest/init/unpack.h"
#include "image/cpio.h"
#include "image/image.h"
#include "t.h"
#include "tiny_kernel.h"
#include "vmm/kvm/guest.h"
#include "vmm/kvm/save.h"
#include "vmm/snapshot.h"
#include "vmm/x86/layout.h"

/* --- snapshots ---------------------------------------------------------------------------------------------------- */

#define MIB (1ul << 20)

/* Two nodes, some of whose pages are not zero, in a file. */
static int make_snapshot(struct guestmem *m, const struct buf *state)
{
	static const char first[] = "first", last[] = "last";
	static const uint8_t zeros[SNAPSHOT_PAGE * 3];
	int fd = memfd_new("snapshot", 0);
	t_ok(guestmem_init(m, 2, 3, NULL));
	t_ok(guestmem_write(m, 0, first, sizeof(first)));
	t_ok(guestmem_write(m, 5 * SNAPSHOT_PAGE, zeros, sizeof(zeros)));
	t_ok(guestmem_write(m, 6 * SNAPSHOT_PAGE + 9, first, sizeof(first)));
	t_ok(guestmem_write(m, 7 * SNAPSHOT_PAGE, first, sizeof(first)));
	t_ok(guestmem_write(m, 3 * MIB - sizeof(last), last, sizeof(last)));
	t_errno(guestmem_write(m, 3 * MIB - 1, last, sizeof(last)), EFAULT);
	t_ok(snapshot_write(fd, "fake", m, state, NULL));
	return fd;
}

static struct buf some_state(void)
{
	struct buf state = BUF_NULL;
	buf_puts(&state, "state of devices");
	return state;
}

START_TEST(snapshot_fills_what_was_written)
{
	struct guestmem m, clone;
	struct snapshot s;
	_cleanup_buf_ struct buf state = some_state();
	_cleanup_close_ int fd = make_snapshot(&m, &state);
	t_ok(snapshot_read(fd, &s, NULL));
	ck_assert_str_eq(s.head.backend, "fake");
	ck_assert_uint_eq(s.head.extents, 3);
	ck_assert_uint_eq(s.state.len, state.len);
	ck_assert_mem_eq(s.state.data, state.data, state.len);
	t_ok(guestmem_init(&clone, 2, 3, NULL));
	t_ok(snapshot_fill(&s, &clone, 0, UINT64_MAX, NULL));
	for (unsigned i = 0; i < 2; i++) {
		struct stat st;
		ck_assert_mem_eq(clone.node[i].map, m.node[i].map, m.node[i].size);
		ck_assert_int_eq(fstat(clone.node[i].fd, &st), 0);
	}
	guestmem_done(&clone);
	t_ok(guestmem_init(&clone, 1, 3, NULL));
	t_errno(snapshot_fill(&s, &clone, 0, UINT64_MAX, NULL), EINVAL);
	guestmem_done(&clone);
	guestmem_done(&m);
	snapshot_done(&s);
}
END_TEST

/* All but one page of the first node is mapped; data that is written there stays there. */
START_TEST(snapshot_is_mapped_copy_on_write)
{
	struct guestmem m;
	struct snapshot s;
	_cleanup_buf_ struct buf state = some_state();
	_cleanup_close_ int fd = make_snapshot(&m, &state);
	t_ok(snapshot_read(fd, &s, NULL));
	for (int i = 0; i < 2; i++) {
		uint8_t *base = mmap(NULL, m.node[0].size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ck_assert(base != MAP_FAILED);
		t_ok(snapshot_map(&s, 0, base, 6 * SNAPSHOT_PAGE, 7 * SNAPSHOT_PAGE, NULL));
		ck_assert_mem_eq(base, m.node[0].map, 6 * SNAPSHOT_PAGE);
		ck_assert_uint_eq(base[6 * SNAPSHOT_PAGE + 9], 0);
		ck_assert_mem_eq(base + 7 * SNAPSHOT_PAGE, m.node[0].map + 7 * SNAPSHOT_PAGE, 2 * SNAPSHOT_PAGE);
		memset(base, 0xcc, m.node[0].size);
		munmap(base, m.node[0].size);
	}
	guestmem_done(&m);
	snapshot_done(&s);
}
END_TEST

START_TEST(damaged_snapshot_is_refused)
{
	struct guestmem m;
	struct snapshot s;
	struct stat st;
	_cleanup_buf_ struct buf state = some_state();
	_cleanup_close_ int fd = make_snapshot(&m, &state);
	off_t checked = (off_t)(sizeof(struct snapshot_head) + 3 * sizeof(struct snapshot_extent) + state.len);
	for (off_t at = 0; at < checked; at++) {
		uint8_t byte, bad;
		t_ok(fd_pread_full(fd, &byte, 1, at));
		bad = byte ^ (uint8_t)(1 << at % 8);
		t_ok(fd_pwrite_full(fd, &bad, 1, at));
		t_errno(snapshot_read(fd, &s, NULL), EBADMSG);
		t_ok(fd_pwrite_full(fd, &byte, 1, at));
	}
	t_ok(snapshot_read(fd, &s, NULL));
	ck_assert_int_eq(fstat(fd, &st), 0);
	t_ok(ftruncate(fd, st.st_size - 1));
	struct snapshot cut;
	t_errno(snapshot_read(fd, &cut, NULL), EBADMSG);
	/* Truncated after the check: an error, not a signal. */
	struct guestmem clone;
	t_ok(guestmem_init(&clone, 2, 3, NULL));
	ck_assert_int_lt(snapshot_fill(&s, &clone, 0, UINT64_MAX, NULL), 0);
	t_ok(ftruncate(fd, 7));
	t_errno(snapshot_read(fd, &cut, NULL), EBADMSG);
	guestmem_done(&clone);
	guestmem_done(&m);
	snapshot_done(&s);
}
END_TEST

/* --- images that a guest unpacks ---------------------------------------------------------------------------------- */

static void make_image(struct buf *plain, struct buf *packed)
{
	_cleanup_(cpio_done) struct cpio a = CPIO_NULL, b = CPIO_NULL;
	_cleanup_free_ char *big = malloc(9 * MIB);
	for (size_t i = 0; i < 9 * MIB; i++)
		big[i] = (char)(i * i >> 7);
	cpio_dir(&a, "d");
	cpio_file(&a, "d/big", 0755, big, 9 * MIB);
	cpio_file(&a, "init", 0755, "not this", 8);
	cpio_link(&a, "link", "d/big");
	cpio_link(&a, "replaced", "d/big");
	cpio_trailer(&a);
	cpio_file(&b, "replaced", 0644, "file", 4);
	cpio_file(&b, "conf", 0644, "seed=1\n", 7);
	cpio_trailer(&b);
	t_ok(lz4_legacy(&a.out, false, NULL, packed));
	t_ok(lz4_legacy(&b.out, false, NULL, packed));
	buf_append(plain, a.out.data, a.out.len);
	buf_append(plain, b.out.data, b.out.len);
}

static void check_tree(int root)
{
	struct stat st;
	char text[16] = "";
	uint8_t middle;
	_cleanup_close_ int big = openat(root, "d/big", O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int conf = openat(root, "conf", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(fstat(big, &st), 0);
	ck_assert_int_eq(st.st_size, 9 * MIB);
	ck_assert_int_eq(st.st_mode & 07777, 0755);
	t_ok(fd_pread_full(big, &middle, 1, 8 * MIB + 77));
	ck_assert_uint_eq(middle, (uint8_t)((8 * MIB + 77) * (8 * MIB + 77) >> 7));
	ck_assert_int_eq(read(conf, text, sizeof(text)), 7);
	ck_assert_str_eq(text, "seed=1\n");
	ck_assert_int_lt(faccessat(root, "init", F_OK, 0), 0);
	ck_assert_int_eq(readlinkat(root, "link", text, sizeof(text)), 5);
	ck_assert(!memcmp(text, "d/big", 5));
	/* A later archive's file replaces the link, not the file that the link points to. */
	ck_assert_int_eq(fstatat(root, "replaced", &st, AT_SYMLINK_NOFOLLOW), 0);
	ck_assert(S_ISREG(st.st_mode) && st.st_size == 4);
}

START_TEST(image_is_unpacked_plain_and_packed)
{
	_cleanup_buf_ struct buf plain = BUF_NULL, packed = BUF_NULL;
	make_image(&plain, &packed);
	for (int i = 0; i < 2; i++) {
		const struct buf *image = i ? &plain : &packed;
		char *dir = t_tmpdir();
		_cleanup_close_ int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		t_ok(unpack_image(image->data, image->len, root));
		check_tree(root);
		/* Again, over the existing files. */
		t_ok(unpack_image(image->data, image->len, root));
		/* Shorter than the first entry, or than the last block. */
		for (size_t cut = 1; cut < (i ? 112u : 16u); cut++)
			ck_assert_int_lt(unpack_image(image->data, i ? cut : image->len - cut, root), 0);
		t_rmdir(dir);
	}
}
END_TEST

START_TEST(nonsense_is_no_image)
{
	char *dir = t_tmpdir();
	_cleanup_close_ int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_buf_ struct buf packed = BUF_NULL;
	_cleanup_(cpio_done) struct cpio c = CPIO_NULL;
	struct rng rng = { 7 };
	cpio_file(&c, "conf", 0644, "seed=1\n", 7);
	cpio_trailer(&c);
	t_ok(lz4_legacy(&c.out, false, NULL, &packed));
	t_errno(unpack_image("", 0, root), EBADMSG);
	for (int i = 0; i < 3000; i++) {
		struct buf *image = i % 2 ? &c.out : &packed;
		size_t at = rng_below(&rng, image->len);
		char was = image->data[at];
		image->data[at] = (char)rng_next(&rng);
		/* Any result is accepted; the function must return. */
		unpack_image(image->data, image->len, root);
		image->data[at] = was;
	}
	t_rmdir(dir);
}
END_TEST

/* --- machines on KVM ---------------------------------------------------------------------------------------------- */

static const struct ktstr_topology two = { 1, 1, 2, 1 };

static void make_config(struct kvm_guest_config *c, const void *code, size_t len)
{
	*c = (struct kvm_guest_config){
		.topology = two, .nodes = 1, .initrd_fd = -1, .device = "/dev/kvm", .cmdline = "none", .park = true
	};
	c->node[0].size = 192 * MIB;
	c->node[0].fd = memfd_new("ram", c->node[0].size);
	c->kernel_fd = kernel_with(code, len);
	c->console_fd = memfd_new("console", 0);
	c->snapshot_fd = memfd_new("snapshot", 0);
}

static void drop_config(struct kvm_guest_config *c)
{
	fd_close(c->node[0].fd);
	fd_close(c->kernel_fd);
	fd_close(c->console_fd);
	fd_close(c->snapshot_fd);
}

/* The config's memory and @state become a snapshot, and the config gets new memory. */
static int become_clone(struct kvm_guest_config *c, const struct buf *state, struct err **err)
{
	struct guestmem m;
	guestmem_plan(&m, 1, c->node[0].size >> 20);
	m.node[0].fd = c->node[0].fd;
	m.node[0].map = mmap(NULL, c->node[0].size, PROT_READ, MAP_SHARED, c->node[0].fd, 0);
	ck_assert(m.node[0].map != MAP_FAILED);
	int r = snapshot_write(c->snapshot_fd, "kvm", &m, state, err);
	guestmem_done(&m);
	c->node[0].fd = memfd_new("ram", c->node[0].size);
	c->park = false;
	c->clone = true;
	return r;
}

/* Runs to the park point, and saves the state in the config's file, which then describes a clone. */
static int park_it(const struct kvm_sys *sys, struct kvm_guest_config *c, struct err **err)
{
	struct kvm_guest g;
	_cleanup_buf_ struct buf state = BUF_NULL;
	int r = kvm_guest_init(&g, sys, c, err);
	if (r == 0)
		r = kvm_guest_start(&g, err);
	if (r == 0) {
		struct pollfd end = { .fd = g.life.ended_fd, .events = POLLIN };
		ck_assert_int_eq(poll(&end, 1, 20000), 1);
		r = g.life.parked ? 0 : kvm_guest_wait(&g, err);
	}
	if (r == 0) {
		kvm_guest_pause(&g);
		r = save_take(&g, &state, err);
	}
	kvm_guest_done(&g);
	return r == 0 ? become_clone(c, &state, err) : r;
}

static int run_it(const struct kvm_sys *sys, const struct kvm_guest_config *c, uint32_t *ret_code, struct err **err)
{
	struct kvm_guest g;
	int r = kvm_guest_init(&g, sys, c, err);
	if (r == 0)
		r = kvm_guest_start(&g, err);
	if (r == 0)
		r = kvm_guest_wait(&g, err);
	*ret_code = g.life.exit_code;
	kvm_guest_done(&g);
	return r;
}

static const struct step parks[] = { { .reason = KVM_EXIT_IO, .port = X86_PORT_PARK, .value = 1 }, { .blocks = true } };
static const struct step exits[] = { { .reason = KVM_EXIT_IO, .port = X86_PORT_EXIT, .value = 7 } };

START_TEST(any_failing_call_of_parking_and_cloning_is_an_error)
{
	unsigned reached = 0;
	for (unsigned n = 1; n < 1000; n++) {
		struct fake f[2];
		struct kvm_sys sys[2] = { fake_sys(&f[0], parks, 2), fake_sys(&f[1], exits, 1) };
		struct kvm_guest_config c;
		struct err *err = NULL;
		uint32_t code;
		make_config(&c, "\xf4", 1);
		f[0].fail_at = n;
		int r = park_it(&sys[0], &c, &err);
		if (r == 0) {
			f[1].fail_at = f[0].calls < n ? n - f[0].calls : 0;
			r = run_it(&sys[1], &c, &code, &err);
		}
		ck_assert_int_eq(r < 0, err != NULL);
		err_free(err);
		drop_config(&c);
		if (r == 0 && f[0].calls < n && f[1].calls < n - f[0].calls)
			break;
		reached = n;
	}
	ck_assert_uint_gt(reached, 60);
	ck_assert_uint_lt(reached, 999);
}
END_TEST

/*
 * A register that KVM does not write is skipped if it has its value already; the registers after it are still written.
 */
START_TEST(register_that_is_not_written_must_have_its_value)
{
	for (uint32_t value = 0; value < 2; value++) {
		struct fake f[2];
		struct kvm_sys sys[2] = { fake_sys(&f[0], parks, 2), fake_sys(&f[1], exits, 1) };
		struct kvm_guest_config c;
		struct err *err = NULL;
		uint32_t code;
		make_config(&c, "\xf4", 1);
		t_ok(park_it(&sys[0], &c, NULL));
		f[1].stubborn_msr = 20;
		f[1].stubborn_value = value;
		int r = run_it(&sys[1], &c, &code, &err);
		if (value) {
			ck_assert_int_lt(r, 0);
			t_err_contains(&err, "refuses to restore model-specific register 0x14");
		} else {
			t_ok(r);
			ck_assert_uint_eq(f[1].written_msrs, 1ull << 10 | 1ull << 30);
		}
		drop_config(&c);
	}
}
END_TEST

/*
 * However much time passes between two vCPUs, their counters keep their distance, and timers expire as much later as
 * they would have. A KVM without TSC offsets gets the counters' values.
 */
START_TEST(time_stamp_counters_keep_their_distance)
{
	for (int told = 0; told < 2; told++) {
		struct fake f[2];
		struct kvm_sys sys[2] = { fake_sys(&f[0], parks, 2), fake_sys(&f[1], exits, 1) };
		struct kvm_guest_config c;
		uint32_t code;
		make_config(&c, "\xf4", 1);
		f[0].refused = told ? 0 : KVM_GET_DEVICE_ATTR;
		f[0].host_tsc = 1000000;
		f[0].tsc_offset[0] = -7000ull;
		f[0].tsc_offset[1] = -7300ull;
		f[0].deadline_left[1] = 40;
		t_ok(park_it(&sys[0], &c, NULL));
		t_ok(run_it(&sys[1], &c, &code, NULL));
		uint64_t last = f[1].host_tsc + f[1].tsc_offset[0];
		ck_assert_uint_eq(last, 993000 + (told ? 0 : FAKE_TSC_STEP));
		ck_assert_uint_eq(f[1].tsc_offset[0] - f[1].tsc_offset[1], 300 + (told ? 0 : FAKE_TSC_STEP));
		ck_assert_uint_eq(f[1].deadline_left[0], 0);
		ck_assert_uint_eq(f[1].deadline_left[1], 40);
		drop_config(&c);
	}
}
END_TEST

START_TEST(state_that_is_none_is_refused)
{
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, parks, 2);
	struct kvm_guest_config c;
	_cleanup_buf_ struct buf state = BUF_NULL;
	uint32_t huge = SAVE_MSRS_MAX + 1;
	make_config(&c, "\xf4", 1);
	t_ok(park_it(&sys, &c, NULL));
	struct snapshot s;
	t_ok(snapshot_read(c.snapshot_fd, &s, NULL));
	buf_append(&state, s.state.data, s.state.len);
	snapshot_done(&s);
	t_ok(save_check(&state, 2));
	t_errno(save_check(&state, 1), EBADMSG);
	memcpy(state.data + sizeof(struct save_head) + offsetof(struct save_vcpu, msrs), &huge, sizeof(huge));
	t_errno(save_check(&state, 2), EBADMSG);
	t_ok(become_clone(&c, &state, NULL));
	struct err *err = NULL;
	uint32_t code;
	t_errno(run_it(&sys, &c, &code, &err), EBADMSG);
	t_err_contains(&err, "restore a machine's snapshot");
	drop_config(&c);
}
END_TEST

/* Registers, memory and the saved console state are kept; the instruction that parked is not executed twice. */
START_TEST(real_guest_goes_on_in_its_clones)
{
	static const uint8_t code[] = {
		0xbb, 0x29, 0x00, 0x00,		 0x00,			 /* mov $0x29,%ebx */
		0xc6, 0x04, 0x25, 0x00,		 0x00, 0x20, 0x01, 0x01, /* movb $1,0x1200000 */
		0x66, 0xba, 0x05, 0x05,		 0xb0, 0x01, 0xee,	 /* mov $0x505,%dx; mov $1,%al; out %al,(%dx) */
		0x66, 0xba, 0xf8, 0x03,		 0xb0, 'c',  0xee,	 /* 'c' to the console */
		0x02, 0x1c, 0x25, 0x00,		 0x00, 0x20, 0x01,	 /* add 0x1200000,%bl */
		0xc6, 0x04, 0x25, 0x00,		 0x00, 0x20, 0x01, 0x07, /* movb $7,0x1200000 */
		0x88, 0xd8, 0xe6, X86_PORT_EXIT, 0xf4,			 /* mov %bl,%al; out %al,$0xf4; hlt */
	};
	struct kvm_guest_config c;
	struct err *err = NULL;
	_cleanup_close_ int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return;
	make_config(&c, code, sizeof(code));
	int r = park_it(&kvm_sys_real, &c, &err);
	ck_assert_msg(r == 0, "%s", err ? err->msg : "?");
	for (int i = 1; i <= 3; i++) {
		uint32_t exit_code = 0;
		char said[8] = "";
		r = run_it(&kvm_sys_real, &c, &exit_code, &err);
		ck_assert_msg(r == 0, "%s", err ? err->msg : "?");
		ck_assert_uint_eq(exit_code, 0x2a);
		ck_assert_int_eq(pread(c.console_fd, said, sizeof(said), 0), i);
		/* Writes of one clone are not seen by another. */
		fd_close(c.node[0].fd);
		c.node[0].fd = memfd_new("ram", c.node[0].size);
	}
	drop_config(&c);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, snapshot_fills_what_was_written);
	tcase_add_test(tc, snapshot_is_mapped_copy_on_write);
	tcase_add_test(tc, damaged_snapshot_is_refused);
	tcase_add_test(tc, register_that_is_not_written_must_have_its_value);
	tcase_add_test(tc, image_is_unpacked_plain_and_packed);
	tcase_add_test(tc, nonsense_is_no_image);
	tcase_add_test(tc, any_failing_call_of_parking_and_cloning_is_an_error);
	tcase_add_test(tc, time_stamp_counters_keep_their_distance);
	tcase_add_test(tc, state_that_is_none_is_refused);
	tcase_add_test(tc, real_guest_goes_on_in_its_clones);
}

int main(void)
{
	return t_main("clone", fill);
}
