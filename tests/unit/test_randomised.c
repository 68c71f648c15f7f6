/* SPDX-License-Identifier: GPL-2.0-only */
/* Hooks in a kernel with KASLR: set once it is found, at the addresses at which it runs. */
#include <string.h>

#include "kernel_image.h"
#include "monitor/translate.h"
#include "run/randomised.h"
#include "t.h"

#define SLIDE	  0x1a400000u
#define MOVED	  (4u << 20)
#define MS	  UINT64_C(1000000)
#define LINKED	  0xffffffff81000200u /* "schedule" */
#define PROGRAM	  0xffffffffc0001000u /* not in the image: code that the kernel made */
#define HOOKS_MAX 4

/* A machine that stands still, and what was asked of it. */
static struct {
	struct observe_hook hook[HOOKS_MAX];
	unsigned hooks, places;
	struct observe_until until;
	struct observe_place place;
	int result; /* of the next hooks */
} asked;

static int set_hook(struct vm *vm, const struct observe_hook *h, struct err **err)
{
	(void)vm;
	(void)err;
	ck_assert_uint_lt(asked.hooks, HOOKS_MAX);
	asked.hook[asked.hooks++] = *h;
	return asked.result;
}

static void set_until(struct vm *vm, const struct observe_until *until)
{
	(void)vm;
	asked.until = *until;
}

static void set_place(struct vm *vm, const struct observe_place *place)
{
	(void)vm;
	asked.place = *place;
	asked.places++;
}

static const struct vm_backend backend = { .set_hook = set_hook, .set_until = set_until, .set_place = set_place };

static const struct observe_hook linked[] = {
	{ .address = LINKED,
	  .id = 1,
	  .kind = OBSERVE_STOP,
	  .read = { { OBSERVE_PER_CPU, 8, 1, { START_KERNEL_MAP + 64 } },
		    { OBSERVE_PER_CPU, 8, 1, { 64 } },
		    { OBSERVE_ARGUMENT, 8, 1, { START_KERNEL_MAP + 64 } } } },
	{ .address = PROGRAM, .id = 2, .kind = OBSERVE_RECORD },
};

static struct observe_config prepare(struct randomised *r)
{
	struct observe_config c = { .hooks = linked, .hook_count = ARRAY_SIZE(linked), .until = { 7 * MS, 1 } };
	memset(&asked, 0, sizeof(asked));
	randomised_prepare(r, &c);
	return c;
}

START_TEST(the_guest_stops_until_its_first_cpu_is_set_up)
{
	struct randomised r;
	struct observe_registers registers[2] = { { .lstar = 0 }, { .lstar = 1 } };
	struct observe_stop stop = { .guest_ns = 11 * MS + 5, .registers = registers, .vcpus = 2 };
	struct vm vm = { .backend = &backend, .stop = &stop };
	struct observe_config c = prepare(&r);
	ck_assert(!c.hook_count && c.until.guest_ns == 5 * MS && c.until.vcpu == OBSERVE_ANY_CPU && r.waits);
	ck_assert(!randomised_is_due(&r, &vm));
	ck_assert_uint_eq(asked.until.guest_ns, 15 * MS);
	registers[0].lstar = LINKED;
	ck_assert(randomised_is_due(&r, &vm));
	ck_assert_uint_eq(asked.hooks, 0);
}
END_TEST

START_TEST(hooks_are_where_the_kernel_runs)
{
	struct randomised r;
	struct kimage k;
	struct vm vm = { .backend = &backend };
	kimage_open(&k,
		    &(struct kimage_layout){ .text_slide = SLIDE, .moved = MOVED, .page_offset = 0xffff9c4000000000u });
	prepare(&r);
	t_ok(randomised_set(&r, &vm, &k.view));
	ck_assert_uint_eq(asked.hooks, 2);
	ck_assert_uint_eq(asked.hook[0].address, LINKED + SLIDE);
	ck_assert_uint_eq(asked.hook[0].read[0].offset[0], START_KERNEL_MAP + 64 + SLIDE);
	ck_assert_uint_eq(asked.hook[0].read[1].offset[0], 64);
	ck_assert_uint_eq(asked.hook[0].read[2].offset[0], START_KERNEL_MAP + 64);
	ck_assert_uint_eq(asked.hook[1].address, PROGRAM);
	ck_assert(asked.until.guest_ns == 7 * MS && asked.until.vcpu == 1 && !r.waits && asked.places == 1);
	const struct observe_map *direct = &asked.place.map[0], *image = &asked.place.map[1];
	ck_assert(direct->start == 0xffff9c4000000000u && !direct->physical && direct->size == k.view.ram_end);
	uint64_t text = kimage_symbol(&k, "_text"), physical;
	ck_assert(view_translate(&k.view, text, &physical));
	ck_assert(asked.place.text_slide == SLIDE && image->start == text && image->physical == physical);
	kimage_close(&k);
}
END_TEST

START_TEST(too_many_hooks)
{
	struct randomised r;
	struct kimage k;
	struct vm vm = { .backend = &backend };
	kimage_open(&k, &(struct kimage_layout){ .text_slide = SLIDE });
	prepare(&r);
	asked.result = -ENOSPC;
	t_errno(randomised_set(&r, &vm, &k.view), ENOSPC);
	ck_assert_uint_eq(asked.hooks, 1);
	kimage_close(&k);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, the_guest_stops_until_its_first_cpu_is_set_up);
	tcase_add_test(tc, hooks_are_where_the_kernel_runs);
	tcase_add_test(tc, too_many_hooks);
}

int main(void)
{
	return t_main("randomised", fill);
}
