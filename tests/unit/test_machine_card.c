/* SPDX-License-Identifier: GPL-2.0-only */
/* Cards of running machines: written, found in /proc, read; what is no card; memory that is no longer there. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "run/machine_card.h"
#include "t.h"

static const struct guestmem *memory_of(const struct vm *vm);
static const struct vm_backend backend = { .name = "tcg", .memory = memory_of };
static struct guestmem memory;

static const struct guestmem *memory_of(const struct vm *vm)
{
	(void)vm;
	return &memory;
}

static const struct ktstr_topology two_nodes = { 2, 2, 1, 1 };
static const struct machine_card facts = {
	.name = "ktstr/crowd", .run = "6.12-abc", .kernel = "/cache/vmlinux", .version = "6.12.117"
};

static int show_card(void)
{
	const struct vm vm = { .backend = &backend, .pid = 1234 };
	const struct vm_config config = { .topology = two_nodes, .memory_mib = 64 };
	t_ok(guestmem_init(&memory, 2, 64, NULL));
	int fd = machine_card_show(&vm, &config, &facts);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* The one of this process. */
static bool find_own(struct machine_card *ret)
{
	struct machine_card *list = NULL;
	size_t count = 0;
	bool found = false;
	t_ok(machine_cards_find("/proc", &list, &count, NULL));
	for (size_t i = 0; i < count; i++) {
		if (list[i].pid != getpid())
			continue;
		*ret = list[i];
		found = true;
	}
	free(list);
	return found;
}

START_TEST(card_leads_to_memory)
{
	struct machine_card card;
	struct guestmem seen;
	ck_assert(!find_own(&card));
	int fd = show_card();
	ck_assert(find_own(&card));
	ck_assert_str_eq(card.name, "ktstr/crowd");
	ck_assert_str_eq(card.run, "6.12-abc");
	ck_assert_str_eq(card.kernel, "/cache/vmlinux");
	ck_assert_str_eq(card.topology, "2n2l1c1t");
	ck_assert_int_eq(card.machine_pid, 1234);
	ck_assert_uint_eq(card.nodes, 2);
	t_ok(guestmem_write(&memory, 40 << 20, "here", 4));
	t_ok(machine_card_map("/proc", &card, &seen, NULL));
	ck_assert_int_eq(memcmp(guestmem_at(&seen, 40 << 20, 4), "here", 4), 0);
	ck_assert(machine_card_lives("/proc", &card));
	/* Who looks cannot write. */
	ck_assert_int_eq(fcntl(seen.node[0].fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	guestmem_done(&seen);
	fd_close(fd);
	ck_assert(!find_own(&card));
	guestmem_done(&memory);
}
END_TEST

/* The number of the memory's descriptor is used again, for another file. */
START_TEST(ended_machine_is_noticed)
{
	struct machine_card card;
	struct guestmem seen;
	struct err *err = NULL;
	int fd = show_card();
	ck_assert(find_own(&card));
	int node = memory.node[0].fd;
	guestmem_done(&memory);
	int other = memfd_new("other", 64 << 20);
	ck_assert_int_eq(dup2(other, node), node);
	ck_assert(!machine_card_lives("/proc", &card));
	ck_assert_int_eq(machine_card_map("/proc", &card, &seen, &err), -ESRCH);
	t_err_contains(&err, "'ktstr/crowd' has ended");
	fd_close(node);
	fd_close(other);
	fd_close(fd);
}
END_TEST

/* A child has copies of all descriptors until it executes another program. */
START_TEST(copies_are_one_card)
{
	struct machine_card *list = NULL;
	size_t count = 0, same = 0;
	int fd = show_card(), ends[2];
	char byte;
	ck_assert_int_eq(pipe(ends), 0);
	pid_t child = fork();
	if (!child) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) != 0);
	}
	t_ok(machine_cards_find("/proc", &list, &count, NULL));
	for (size_t i = 0; i < count; i++)
		same += list[i].pid == getpid() || list[i].pid == child;
	ck_assert_uint_eq(same, 1);
	free(list);
	close(ends[0]);
	close(ends[1]);
	waitpid(child, NULL, 0);
	fd_close(fd);
	guestmem_done(&memory);
}
END_TEST

#define CARD(nodes)                                                                                       \
	"{\"schema\":\"ktstr.machine/1\",\"name\":\"n\",\"run\":\"\",\"kernel\":\"k\",\"version\":\"v\"," \
	"\"arch\":\"x86_64\",\"topology\":\"1n1l1c1t\",\"backend\":\"tcg\",\"memory_mib\":64,\"pid\":1,"  \
	"\"machine_pid\":2,\"started\":3,\"image\":false,\"nodes\":[" nodes "]}"
#define NODE(fd, at, size) "{\"fd\":" #fd ",\"inode\":5,\"address\":" #at ",\"size\":" #size "}"

static const char *const bad[] = {
	"",
	"[]",
	"{\"schema\":\"ktstr.machine/2\"}",
	CARD(""),
	CARD(NODE(-1, 0, 4096)),
	CARD(NODE(3, 0, 0)),
	CARD(NODE(3, 0, 99999999999999999)),
	CARD(NODE(3, 0, 4096) "," NODE(4, 8192, 4096)),
	CARD(NODE(3, 0, 1) "," NODE(3, 1, 1) "," NODE(3, 2, 1) "," NODE(3, 3, 1) "," NODE(3, 4, 1) "," NODE(
		3, 5, 1) "," NODE(3, 6, 1) "," NODE(3, 7, 1) "," NODE(3, 8, 1)),
};

START_TEST(bad_cards_are_refused)
{
	struct machine_card card;
	ck_assert_int_eq(machine_card_parse(bad[_i], strlen(bad[_i]), &card), -EBADMSG);
	const char *good = CARD(NODE(3, 0, 4096) "," NODE(4, 4096, 4096));
	t_ok(machine_card_parse(good, strlen(good), &card));
	ck_assert_uint_eq(card.node[1].address, 4096);
}
END_TEST

START_TEST(memory_above_a_gap)
{
	ck_assert_uint_eq(machine_low_memory(ARCH_X86_64, "tcg", 2048), 0);
	ck_assert_uint_eq(machine_low_memory(ARCH_X86_64, "tcg", 2816), (uint64_t)2 << 30);
	ck_assert_uint_eq(machine_low_memory(ARCH_X86_64, "kvm", 3072), 0);
	ck_assert_uint_eq(machine_low_memory(ARCH_X86_64, "kvm", 3073), (uint64_t)3 << 30);
	ck_assert_uint_eq(machine_low_memory(ARCH_AARCH64, "tcg", 2816), 0);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, card_leads_to_memory);
	tcase_add_test(tc, ended_machine_is_noticed);
	tcase_add_test(tc, copies_are_one_card);
	tcase_add_loop_test(tc, bad_cards_are_refused, 0, ARRAY_SIZE(bad));
	tcase_add_test(tc, memory_above_a_gap);
}

int main(void)
{
	return t_main("machine_card", fill);
}
