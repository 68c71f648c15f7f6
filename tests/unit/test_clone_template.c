/* SPDX-License-Identifier: GPL-2.0-only */
/* Clone templates: each is made once, whoever asks for it, and not kept if its guest does not reach the park point. */
#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>

#include "base/file.h"
#include "run/clone_template.h"
#include "t.h"

/* A backend whose machines live for a short time and end as `how`. */
static struct {
	unsigned created, destroyed, killed;
	enum vm_end how;
} fake_machines;

struct fake_vm {
	struct vm vm;
	struct machine life;
	bool kill;
};

static int fake_life(struct machine *m, int result)
{
	struct fake_vm *f = container_of(m, struct fake_vm, life);
	(void)result;
	if (!m->failure && f->vm.status++ < 2) {
		machine_sleep(m, 5 * NSEC_PER_MSEC);
		return 0;
	}
	return MACHINE_END;
}

static const struct machine_state fake_states[] = { { "life", fake_life, DEADLINE_NONE, 0, TO(0) | TO_END } };

static void fake_ended(struct machine *m, int result)
{
	struct fake_vm *f = container_of(m, struct fake_vm, life);
	(void)result;
	f->vm.ended = true;
	f->vm.end = f->kill ? VM_END_KILLED : fake_machines.how;
	notice_post(&f->vm.changed);
}

static const struct machine_type fake_type = { "fake", fake_states, 1, fake_ended };

static struct vm *fake_create(void)
{
	struct fake_vm *f = calloc(1, sizeof(*f));
	fake_machines.created++;
	return f ? &f->vm : NULL;
}

static int fake_start(struct vm *vm, struct reactor *r, const struct vm_config *c, struct machine *parent,
		      struct err **err)
{
	(void)err;
	ck_assert(c->park && !c->clone && c->initrd_fd >= 0);
	machine_start(r, &container_of(vm, struct fake_vm, vm)->life, &fake_type, parent, "fake");
	return 0;
}

static void fake_kill(struct vm *vm, bool diagnose)
{
	struct fake_vm *f = container_of(vm, struct fake_vm, vm);
	(void)diagnose;
	f->kill = true;
	fake_machines.killed++;
	machine_cancel(&f->life);
}

static void fake_destroy(struct vm *vm)
{
	ck_assert(vm->ended);
	fake_machines.destroyed++;
	free(container_of(vm, struct fake_vm, vm));
}

static int fake_describe(const struct vm_config *c, struct buf *out, struct err **err)
{
	(void)err;
	buf_appendf(out, "%lu MiB", c->memory_mib);
	return 0;
}

static int fake_save(struct vm *vm, int fd, struct err **err)
{
	struct guestmem m;
	_cleanup_buf_ struct buf state = BUF_NULL;
	(void)vm;
	buf_puts(&state, "state of devices");
	int r = guestmem_init(&m, 1, 1, err);
	if (r == 0)
		r = snapshot_write(fd, "fake", &m, &state, err);
	guestmem_done(&m);
	return r;
}

static const struct vm_backend fake_backend = {
	.name = "fake",
	.create = fake_create,
	.start = fake_start,
	.kill = fake_kill,
	.destroy = fake_destroy,
	.describe = fake_describe,
	.save = fake_save,
};

static atomic_uint *count_damage;

static void run_clone_templates(const char *dir, struct clone_template *m, unsigned count, uint64_t memory_mib,
				bool cancel)
{
	struct reactor *r = NULL;
	t_ok(reactor_new(&r, NULL));
	for (unsigned i = 0; i < count; i++) {
		m[i] = (struct clone_template){ .backend = &fake_backend,
						.config = { .memory_mib = memory_mib },
						.kernel = "/proc/self/exe",
						.cache_dir = dir,
						.damaged = count_damage };
		clone_template_start(r, &m[i], NULL);
	}
	for (bool live = true; live;) {
		t_ok(reactor_turn(r, NSEC_NEVER));
		live = false;
		for (unsigned i = 0; i < count; i++) {
			live |= !m[i].machine.ended;
			if (cancel && m[i].vm)
				machine_cancel(&m[i].machine);
		}
	}
	reactor_free(r);
}

static unsigned count_snapshots(const char *dir)
{
	_cleanup_free_ char *pattern = path_join(dir, "*.snapshot");
	glob_t found;
	unsigned count = glob(pattern, 0, NULL, &found) == 0 ? (unsigned)found.gl_pathc : 0;
	globfree(&found);
	return count;
}

START_TEST(clone_template_is_made_once)
{
	char *dir = t_tmpdir();
	struct clone_template m[3];
	fake_machines = (typeof(fake_machines)){ .how = VM_END_PARKED };
	for (int round = 0; round < 2; round++) {
		unsigned made = 0;
		run_clone_templates(dir, m, 3, 256, false);
		for (int i = 0; i < 3; i++) {
			ck_assert_int_eq(m[i].machine.result, 0);
			ck_assert_int_ge(m[i].snapshot.fd, 0);
			made += m[i].made;
			clone_template_done(&m[i]);
		}
		ck_assert_uint_eq(made, round == 0);
	}
	ck_assert_uint_eq(fake_machines.created, 1);
	ck_assert_uint_eq(fake_machines.destroyed, 1);
	ck_assert_uint_eq(count_snapshots(dir), 1);
	for (unsigned i = 0; i < CLONE_TEMPLATES_MAX + 3; i++) {
		run_clone_templates(dir, m, 1, 300 + i, false);
		ck_assert(m[0].made);
		clone_template_done(&m[0]);
	}
	ck_assert_uint_eq(count_snapshots(dir), CLONE_TEMPLATES_MAX);
	t_rmdir(dir);
}
END_TEST

START_TEST(clone_template_that_never_parks_is_none)
{
	char *dir = t_tmpdir();
	struct clone_template m[2];
	for (int cancel = 0; cancel < 2; cancel++) {
		fake_machines = (typeof(fake_machines)){ .how = VM_END_RESET };
		run_clone_templates(dir, m, 2, 256, cancel);
		for (int i = 0; i < 2; i++) {
			ck_assert_int_lt(m[i].machine.result, 0);
			ck_assert_int_lt(m[i].snapshot.fd, 0);
			clone_template_done(&m[i]);
		}
		ck_assert_uint_eq(fake_machines.created, 2);
		ck_assert_uint_eq(fake_machines.destroyed, 2);
		ck_assert_int_eq(fake_machines.killed > 0, cancel);
		ck_assert_uint_eq(count_snapshots(dir), 0);
	}
	t_rmdir(dir);
}
END_TEST

/* Damage in the last page, which the snapshot's own checksums do not cover: the template is made again, not used. */
START_TEST(clone_template_with_damaged_pages_is_made_anew)
{
	char *dir = t_tmpdir();
	_cleanup_free_ char *pattern = path_join(dir, "*.snapshot");
	atomic_uint damaged = 0;
	struct clone_template m[1];
	struct stat st;
	glob_t found;
	fake_machines = (typeof(fake_machines)){ .how = VM_END_PARKED };
	run_clone_templates(dir, m, 1, 256, false);
	clone_template_done(&m[0]);
	t_ok(glob(pattern, 0, NULL, &found));
	_cleanup_close_ int fd = open(found.gl_pathv[0], O_WRONLY | O_CLOEXEC);
	globfree(&found);
	t_ok(fstat(fd, &st));
	t_ok(fd_pwrite_full(fd, "X", 1, st.st_size - 1));
	count_damage = &damaged;
	run_clone_templates(dir, m, 1, 256, false);
	count_damage = NULL;
	ck_assert_int_eq(m[0].machine.result, 0);
	ck_assert(m[0].made);
	ck_assert_uint_eq(damaged, 1);
	clone_template_done(&m[0]);
	run_clone_templates(dir, m, 1, 256, false);
	ck_assert(!m[0].made);
	clone_template_done(&m[0]);
	t_rmdir(dir);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, clone_template_with_damaged_pages_is_made_anew);
	tcase_add_test(tc, clone_template_is_made_once);
	tcase_add_test(tc, clone_template_that_never_parks_is_none);
}

int main(void)
{
	return t_main("clone-template", fill);
}
