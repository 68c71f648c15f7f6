/* SPDX-License-Identifier: GPL-2.0-only */
/* A mark that a guest writes to the machine's port, over a fake KVM. */
#include <linux/kvm.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "fake_kvm.h"
#include "kvm_config.h"
#include "t.h"
#include "vmm/kvm/guest.h"
#include "vmm/mark.h"
#include "vmm/x86/layout.h"

static const uint8_t halt[] = { 0xf4 };
static const struct ktstr_topology one = { 1, 1, 1, 1 };
static const struct step exits_at_once[] = { { .reason = KVM_EXIT_IO, .port = X86_PORT_EXIT, .value = 7 } };

static void write_mark(struct kvm_guest *g, uint32_t words, uint32_t kind)
{
	for (uint32_t i = 0; i < words; i++)
		bus_port(&g->bus, X86_PORT_MARK, true, &(uint32_t){ 100 + i }, 4, 1);
	bus_port(&g->bus, X86_PORT_MARK + WIRE_MARK_PORT_KIND, true, &kind, 4, 1);
}

static _Noreturn void mark_and_exit(struct vm_mark *shared)
{
	struct fake f;
	struct kvm_sys sys = fake_sys(&f, exits_at_once, 1);
	struct kvm_guest_config c;
	struct kvm_guest g;
	make_config(&c, one, halt, sizeof(halt));
	c.marks = 1u << WIRE_MARK_CAPTURE;
	int r = kvm_guest_init(&g, &sys, &c, NULL);
	g.mark = shared;
	write_mark(&g, WIRE_MARK_WORDS, WIRE_MARK_START);		  /* nobody asked for those */
	write_mark(&g, WIRE_MARK_WORDS - 1, WIRE_MARK_CAPTURE);		  /* not whole */
	write_mark(&g, WIRE_MARK_WORDS, 32 + WIRE_MARK_CAPTURE);	  /* no such kind */
	bus_port(&g.bus, X86_PORT_MARK, true, &(uint32_t){ 4711 }, 4, 1); /* given up */
	bus_port(&g.bus, X86_PORT_MARK + WIRE_MARK_PORT_BEGIN, true, &(uint32_t){ 0 }, 4, 1);
	write_mark(&g, WIRE_MARK_WORDS + 3, WIRE_MARK_CAPTURE); /* what is too much is left out */
	_exit(r < 0);
}

START_TEST(a_mark_waits_until_it_was_seen)
{
	struct vm_mark *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child = fork();
	int status;
	if (!child)
		mark_and_exit(shared);
	while (!__atomic_load_n(&shared->number, __ATOMIC_ACQUIRE))
		usleep(100);
	ck_assert_uint_eq(shared->number, 1);
	ck_assert_uint_eq(shared->kind, WIRE_MARK_CAPTURE);
	for (uint32_t i = 0; i < WIRE_MARK_WORDS; i++)
		ck_assert_uint_eq(shared->word[i], 100 + i);
	/* The child must not end before the mark was seen: the poll waits for its end, in vain. */
	_cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	ck_assert_int_eq(poll(&(struct pollfd){ .fd = pidfd, .events = POLLIN }, 1, 2), 0);
	__atomic_store_n(&shared->seen, 1, __ATOMIC_RELEASE);
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	munmap(shared, sizeof(*shared));
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, a_mark_waits_until_it_was_seen);
}

int main(void)
{
	return t_main("kvm_mark", fill);
}
