/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest memory, the event log's reader, QMP, QEMU's command line, topologies. */
#include <elf.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "t.h"
#include "topo/topology.h"
#include "vmm/guestmem.h"
#include "vmm/kvm/backend.h"
#include "vmm/qemu/argv.h"
#include "vmm/qemu/qemu.h"
#include "vmm/qemu/qmp.h"
#include "monitor/core_file.h"
#include "vmm/vmcore.h"
#include "vmm/wirelog.h"

/* --- a log as PID 1 would write it -------------------------------------------------------------------------------- */

#define LOG_BYTES 4096

static union {
	uint8_t byte[LOG_BYTES];
	struct wire_header header;
} memory;

static void log_begin(void)
{
	memset(&memory, 0, sizeof(memory));
	memory.header = (struct wire_header){ .magic = WIRE_MAGIC,
					      .version = WIRE_VERSION,
					      .capacity = LOG_BYTES - sizeof(struct wire_header) };
}

static uint8_t *log_put(enum wire_type type, const char *payload)
{
	struct wire_record r = {
		.magic = WIRE_RECORD_MAGIC, .type = type, .length = (uint32_t)strlen(payload), .time_ns = 5
	};
	uint8_t *at = memory.byte + sizeof(struct wire_header) + memory.header.written;
	r.crc = crc32_update(0, &r.type, sizeof(r) - offsetof(struct wire_record, type));
	r.crc = crc32_update(r.crc, payload, r.length);
	memcpy(at, &r, sizeof(r));
	memcpy(at + sizeof(r), payload, r.length);
	memory.header.written += (sizeof(r) + r.length + 7) & ~(uint64_t)7;
	return at;
}

START_TEST(log_is_read_record_by_record)
{
	struct wirelog log;
	struct wire_item item;
	wirelog_init(&log, memory.byte, LOG_BYTES);
	memset(&memory, 0, sizeof(memory));
	ck_assert(!wirelog_pending(&log));
	ck_assert_int_eq(wirelog_next(&log, &item, NULL), 0);
	log_begin();
	log_put(WIRE_TEXT, "first");
	log_put(WIRE_DETAIL, "");
	ck_assert(wirelog_pending(&log));
	ck_assert_int_eq(wirelog_next(&log, &item, NULL), 1);
	ck_assert_int_eq(item.type, WIRE_TEXT);
	ck_assert_uint_eq(item.length, 5);
	ck_assert(!memcmp(item.payload, "first", 5));
	ck_assert_int_eq(wirelog_next(&log, &item, NULL), 1);
	ck_assert_uint_eq(item.length, 0);
	ck_assert_int_eq(wirelog_next(&log, &item, NULL), 0);
	ck_assert_uint_eq(log.records, 2);
	wirelog_done(&log);
}
END_TEST

static void spoil_magic(uint8_t *r)
{
	r[0] ^= 1;
}
static void spoil_crc(uint8_t *r)
{
	r[4] ^= 1;
}
static void spoil_payload(uint8_t *r)
{
	r[24] ^= 1;
}
static void spoil_length(uint8_t *r)
{
	memset(r + 12, 0xff, 4);
}
static void spoil_type(uint8_t *r)
{
	struct wire_record record;
	memcpy(&record, r, sizeof(record));
	record.type = 999;
	record.crc = crc32_update(0, &record.type, 16);
	record.crc = crc32_update(record.crc, r + sizeof(record), record.length);
	memcpy(r, &record, sizeof(record));
}
static void spoil_written_low(uint8_t *r)
{
	(void)r;
	memory.header.written = 8;
}
static void spoil_written_high(uint8_t *r)
{
	(void)r;
	memory.header.written = UINT64_MAX - 7;
}
static void spoil_version(uint8_t *r)
{
	(void)r;
	memory.header.version = 77;
}

static const struct {
	void (*spoil)(uint8_t *record);
	const char *why;
} damages[] = {
	{ spoil_magic, "a record has no valid magic number" },
	{ spoil_crc, "checksum" },
	{ spoil_payload, "checksum" },
	{ spoil_length, "longer than the log" },
	{ spoil_type, "unknown type" },
	{ spoil_written_low, "cut short" },
	{ spoil_written_high, "length is impossible" },
	{ spoil_version, "version" },
};

START_TEST(log_that_lies_is_given_up)
{
	struct wirelog log;
	struct wire_item item;
	struct err *err = NULL;
	log_begin();
	damages[_i].spoil(log_put(WIRE_TEXT, "payload"));
	wirelog_init(&log, memory.byte, LOG_BYTES);
	t_errno(wirelog_next(&log, &item, &err), EBADMSG);
	t_err_contains(&err, damages[_i].why);
	wirelog_done(&log);
}
END_TEST

START_TEST(log_whose_header_goes_is_given_up)
{
	struct wirelog log;
	struct wire_item item;
	log_begin();
	log_put(WIRE_TEXT, "x");
	wirelog_init(&log, memory.byte, LOG_BYTES);
	ck_assert_int_eq(wirelog_next(&log, &item, NULL), 1);
	memory.header.magic = 0;
	ck_assert(wirelog_pending(&log));
	t_errno(wirelog_next(&log, &item, NULL), EBADMSG);
	wirelog_done(&log);
}
END_TEST

START_TEST(guest_memory_is_bounds_checked)
{
	struct guestmem m;
	t_ok(guestmem_init(&m, 2, 65, NULL));
	ck_assert_uint_eq(m.node[0].size, (uint64_t)32 << 20);
	ck_assert_uint_eq(m.node[1].size, (uint64_t)33 << 20);
	ck_assert_ptr_nonnull(guestmem_at(&m, 0, (uint64_t)32 << 20));
	ck_assert_ptr_null(guestmem_at(&m, 0, ((uint64_t)32 << 20) + 1));
	ck_assert_ptr_nonnull(guestmem_at(&m, (uint64_t)32 << 20, 1));
	ck_assert_ptr_null(guestmem_at(&m, (uint64_t)65 << 20, 1));
	ck_assert_ptr_null(guestmem_at(&m, UINT64_MAX, 2));
	guestmem_done(&m);
}
END_TEST

#define CORE_BYTES (3l << 20)

/* As a reader of core files sees it: the content at a guest-physical address. */
static void read_core(int fd, uint64_t address, void *ret, size_t len)
{
	Elf64_Ehdr head;
	Elf64_Phdr piece[3], *n = piece;
	t_ok(fd_pread_full(fd, &head, sizeof(head), 0));
	ck_assert_mem_eq(head.e_ident, ELFMAG, SELFMAG);
	ck_assert_uint_eq(head.e_type, ET_CORE);
	ck_assert_uint_le(head.e_phnum, ARRAY_SIZE(piece));
	t_ok(fd_pread_full(fd, piece, head.e_phnum * sizeof(piece[0]), (off_t)head.e_phoff));
	for (unsigned i = 1; i < head.e_phnum && address >= piece[i].p_paddr; i++)
		n = &piece[i];
	ck_assert_uint_le(address + len, n->p_paddr + n->p_filesz);
	t_ok(fd_pread_full(fd, ret, len, (off_t)(n->p_offset + address - n->p_paddr)));
}

static const struct vmcore_machine no_gap = { .arch = ARCH_X86_64 };

START_TEST(core_holds_the_memory)
{
	struct guestmem m;
	struct stat st;
	char dir[] = "/tmp/ktstr-core-XXXXXX", path[64], text[6];
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/core", dir);
	t_ok(guestmem_init(&m, 2, 3, NULL));
	t_ok(guestmem_write(&m, 6 * 4096 + 9, "first", 6));
	t_ok(guestmem_write(&m, CORE_BYTES - 5, "last", 5));
	_cleanup_close_ int at = open(dir, O_PATH | O_CLOEXEC);
	/* Guest memory is never written to a file that somebody prepared. */
	t_ok(symlinkat("victim", at, "core.new"));
	t_ok(vmcore_write(&m, &no_gap, at, "core", NULL, NULL));
	ck_assert_int_lt(faccessat(at, "victim", F_OK, 0), 0);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	read_core(fd, 6 * 4096 + 9, text, 6);
	ck_assert_str_eq(text, "first");
	read_core(fd, CORE_BYTES - 5, text, 5);
	ck_assert_str_eq(text, "last");
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, 4096 + CORE_BYTES);
	ck_assert_int_le(st.st_blocks * 512, 64 * 1024);
	unlink(path);
	struct err *err = NULL;
	t_errno(vmcore_write(&m, &no_gap, at, "none/core", NULL, &err), ENOENT);
	t_err_contains(&err, "write the guest's memory to");
	rmdir(dir);
	guestmem_done(&m);
}
END_TEST

/* Machines have a gap below 4 GiB, which the addresses of guest memory do not have. */
START_TEST(core_has_the_gap)
{
	const struct vmcore_machine machine = { .arch = ARCH_X86_64, .low_memory = 2 << 20 };
	struct guestmem m, core;
	char *dir = t_tmpdir(), path[256], text[6];
	snprintf(path, sizeof(path), "%s/core", dir);
	t_ok(guestmem_init(&m, 2, 3, NULL));
	t_ok(guestmem_write(&m, (2 << 20) - 6, "below", 6));
	t_ok(guestmem_write(&m, 2 << 20, "above", 6));
	_cleanup_close_ int at = open(dir, O_PATH | O_CLOEXEC);
	t_ok(vmcore_write(&m, &machine, at, "core", NULL, NULL));
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	read_core(fd, (2 << 20) - 6, text, 6);
	ck_assert_str_eq(text, "below");
	read_core(fd, 1ull << 32, text, 6);
	ck_assert_str_eq(text, "above");
	t_ok(core_open(path, &core, NULL));
	ck_assert_uint_eq(core.nodes, 3);
	ck_assert_str_eq((const char *)guestmem_at(&core, 1ull << 32, 6), "above");
	ck_assert_ptr_null(guestmem_at(&core, 2 << 20, 1));
	ck_assert_ptr_null(guestmem_at(&core, (1ull << 32) + (1 << 20), 1));
	guestmem_done(&core);
	guestmem_done(&m);
	t_rmdir(dir);
}
END_TEST

/* --- QMP
 * ---------------------------------------------------------------------------------------------------------------- */

START_TEST(qmp_takes_bytes_as_they_come)
{
	static const char stream[] = "{\"QMP\":{}}\n{\"return\":{}}\n{\"return\":\"CPU#0\\r\\nRIP=1\"}\n"
				     "{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"guest-reset\"}}\n"
				     "{\"event\":\"STOP\"}\n{\"event\":\"RESUME\"}\n"
				     "{\"error\":{\"desc\":\"no\"}}\n{\"event\":\"OTHER\"}\nnonsense\n";
	static const int events[] = { QMP_GREETING, QMP_RETURN, QMP_RETURN, QMP_SHUTDOWN, QMP_STOP,
				      QMP_RESUME,   QMP_ERROR,	QMP_OTHER,  -EBADMSG };
	struct qmp q = { 0 };
	size_t seen = 0;
	for (const char *p = stream; *p; p++) {
		t_ok(qmp_feed(&q, p, 1));
		for (int event; (event = qmp_next(&q)) != QMP_NONE; seen++) {
			ck_assert_int_eq(event, events[seen]);
			if (event == QMP_SHUTDOWN)
				ck_assert_str_eq(buf_str(&q.text), "guest-reset");
		}
	}
	ck_assert_uint_eq(seen, ARRAY_SIZE(events));
	qmp_done(&q);
}
END_TEST

START_TEST(qmp_lines_are_limited)
{
	struct qmp q = { 0 };
	_cleanup_buf_ struct buf big = BUF_NULL;
	buf_zeros(&big, QMP_LINE_BYTES_MAX);
	t_ok(qmp_feed(&q, big.data, big.len));
	t_errno(qmp_feed(&q, "x", 1), EMSGSIZE);
	qmp_done(&q);
}
END_TEST

/* --- topologies
 * ------------------------------------------------------------------------------------------------------------ */

START_TEST(topology_round_trips)
{
	static const struct ktstr_topology all[] = { { 1, 1, 1, 1 }, { 2, 8, 16, 2 }, { 4, 12, 8, 1 } };
	char text[TOPOLOGY_TEXT_MAX];
	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		struct ktstr_topology t;
		t_ok(topology_parse(topology_format(&all[i], text), &t, NULL));
		ck_assert(!memcmp(&t, &all[i], sizeof(t)));
	}
	struct ktstr_topology t;
	t_ok(topology_parse("1,2,4,1", &t, NULL));
	ck_assert_uint_eq(topology_cpus(&t), 8);
}
END_TEST

static const struct {
	const char *text, *why;
} bad_topologies[] = {
	{ "", "is not a valid topology" },
	{ "1n", "is not a valid topology" },
	{ "1n1l1c1t1", "is not a valid topology" },
	{ "2n3l1c1t", "does not divide" },
	{ "1n0l1c1t", "llcs is 0" },
	{ "1n256l256c8t", "more than 512 CPUs" },
	{ "1n1l1c99t", "threads is 99" },
	{ "1,2,3", "is not a valid topology" },
};

START_TEST(topology_says_what_is_wrong)
{
	struct ktstr_topology t;
	struct err *err = NULL;
	ck_assert_int_lt(topology_parse(bad_topologies[_i].text, &t, &err), 0);
	t_err_contains(&err, bad_topologies[_i].why);
}
END_TEST

START_TEST(apic_ids_have_gaps)
{
	ck_assert_uint_eq(topology_apic_id_max(&(struct ktstr_topology){ 1, 15, 8, 2 }), 239);
	ck_assert_uint_eq(topology_apic_id_max(&(struct ktstr_topology){ 1, 14, 9, 2 }), (13 << 5 | 8 << 1 | 1));
	char why[200];
	struct vm_config c = { .topology = { 1, 14, 9, 2 } };
	ck_assert_ptr_nonnull(qemu_refuses(&c, why, sizeof(why)));
	c.topology = (struct ktstr_topology){ 1, 15, 8, 2 };
	ck_assert_ptr_null(qemu_refuses(&c, why, sizeof(why)));
}
END_TEST

/* --- QEMU's command line
 * ------------------------------------------------------------------------------------------------------ */

static const char *joined(const struct vm_config *c, unsigned nodes, struct buf *out)
{
	struct guestmem m;
	struct qemu_argv a;
	t_ok(guestmem_init(&m, nodes, c->memory_mib, NULL));
	t_ok(qemu_argv_build(&a, c, &m));
	for (unsigned i = 0; i < a.count; i++)
		buf_appendf(out, "%s ", a.arg[i]);
	qemu_argv_done(&a);
	guestmem_done(&m);
	return buf_str(out);
}

START_TEST(argv_is_the_deterministic_recipe)
{
	static const char *const wanted[] = {
		"-accel tcg,thread=single",
		"-icount shift=3,sleep=off,align=off",
		"-rdrand,-rdseed",
		"clock=vm",
		"-seed 7 ",
		"-smp 8,sockets=2,dies=1,cores=2,threads=2 ",
		"-numa node,nodeid=1,memdev=ram1",
		"socket-id=1",
		"dist,src=0,dst=1,val=20",
		"-no-reboot",
		"isa-debug-exit",
		"nokaslr norandmaps random.trust_cpu=off",
		"memmap=16M$0x8000000",
		" extra=1",
		"-kernel /proc/self/fd/8 ",
		"-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny ",
	};
	const char *const kargs[] = { "extra=1", NULL };
	struct vm_config c = { .topology = { 2, 2, 2, 2 },
			       .memory_mib = 512,
			       .kernel = "/boot/it",
			       .seed = 7,
			       .icount_shift = 3,
			       .kargs = kargs };
	_cleanup_buf_ struct buf text = BUF_NULL;
	joined(&c, 2, &text);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		ck_assert_msg(strstr(buf_str(&text), wanted[i]) != NULL, "'%s' is not in: %s", wanted[i],
			      buf_str(&text));
}
END_TEST

START_TEST(a_kernel_with_kaslr)
{
	char why[200];
	struct vm_config c = { .topology = { 1, 1, 1, 1 }, .memory_mib = 256, .kernel = "/boot/it", .kaslr = true };
	_cleanup_buf_ struct buf text = BUF_NULL;
	joined(&c, 1, &text);
	ck_assert(!strstr(buf_str(&text), "nokaslr") && strstr(buf_str(&text), "oops=panic norandmaps"));
	ck_assert_ptr_null(qemu_backend.refuses(&c, why, sizeof(why)));
	c.arch = ARCH_AARCH64;
	ck_assert_str_eq(qemu_backend.refuses(&c, why, sizeof(why)),
			 "kernels of aarch64 guests are always at the same place (kaslr)");
	ck_assert_ptr_nonnull(strstr(kvm_backend.refuses(&c, why, sizeof(why)), "kaslr"));
}
END_TEST

START_TEST(argv_of_an_arm64_machine)
{
	static const char *const wanted[] = {
		"qemu-system-aarch64 -M virt,gic-version=3,",
		"-icount shift=3,sleep=off,align=off",
		"-smp 8,",
		"-dtb /proc/self/fd/27 ",
		"-numa node,nodeid=1,memdev=ram1",
		"-semihosting-config enable=on,target=gdb,userspace=on ",
		"console=ttyAMA0 ",
		"rdinit=/init skew_tick=1 ",
		"ktstr.log=0x44000000:0x1000000 ktstr.exit=0x1",
	};
	static const char *const unwanted[] = { "isa-debug-exit", "memmap=", "ttyS0", "socket-id", "maxcpus" };
	struct vm_config c = { .arch = ARCH_AARCH64,
			       .topology = { 2, 2, 2, 2 },
			       .memory_mib = 512,
			       .kernel = "/boot/it",
			       .icount_shift = 3,
			       .late_cpus = false };
	_cleanup_buf_ struct buf text = BUF_NULL;
	joined(&c, 2, &text);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		ck_assert_msg(strstr(buf_str(&text), wanted[i]) != NULL, "'%s' is not in: %s", wanted[i],
			      buf_str(&text));
	for (size_t i = 0; i < ARRAY_SIZE(unwanted); i++)
		ck_assert_msg(!strstr(buf_str(&text), unwanted[i]), "'%s' is in: %s", unwanted[i], buf_str(&text));
	char why[200];
	c.topology = (struct ktstr_topology){ 1, 8, 16, 1 };
	ck_assert(strstr(qemu_refuses(&c, why, sizeof(why)), "128 CPUs") != NULL);
}
END_TEST

START_TEST(argv_leaves_processors_to_pid_1)
{
	struct vm_config c = { .topology = { 1, 1, 4, 1 }, .memory_mib = 256, .kernel = "/boot/it" };
	_cleanup_buf_ struct buf all = BUF_NULL, late = BUF_NULL;
	ck_assert(!strstr(joined(&c, 1, &all), "maxcpus="));
	c.late_cpus = true;
	ck_assert(strstr(joined(&c, 1, &late), "maxcpus=1 ktstr.online") != NULL);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, log_is_read_record_by_record);
	tcase_add_loop_test(tc, log_that_lies_is_given_up, 0, ARRAY_SIZE(damages));
	tcase_add_test(tc, log_whose_header_goes_is_given_up);
	tcase_add_test(tc, guest_memory_is_bounds_checked);
	tcase_add_test(tc, core_holds_the_memory);
	tcase_add_test(tc, core_has_the_gap);
	tcase_add_test(tc, qmp_takes_bytes_as_they_come);
	tcase_add_test(tc, qmp_lines_are_limited);
	tcase_add_test(tc, topology_round_trips);
	tcase_add_loop_test(tc, topology_says_what_is_wrong, 0, ARRAY_SIZE(bad_topologies));
	tcase_add_test(tc, apic_ids_have_gaps);
	tcase_add_test(tc, argv_is_the_deterministic_recipe);
	tcase_add_test(tc, a_kernel_with_kaslr);
	tcase_add_test(tc, argv_of_an_arm64_machine);
	tcase_add_test(tc, argv_leaves_processors_to_pid_1);
}

int main(void)
{
	return t_main("vmm", fill);
}
