/* SPDX-License-Identifier: GPL-2.0-only */
/* scan.c -- see scan.h. It polls on a timer because a deterministic guest gets no doorbell to ring. */
#include <string.h>
#include <sys/stat.h>

#include "base/bug.h"
#include "base/file.h"
#include "base/text.h"
#include "vmm/board.h"
#include "vmm/scan.h"
#include "vmm/snapshot.h"

#define SCAN_PERIOD	 (20 * NSEC_PER_MSEC)
#define STDERR_BYTES_MAX 4096

enum { SCAN_LOOK, SCAN_FINISH, SCAN_COUNT };

/* Appends new output of the console. Returns true when there was some. */
static bool read_console(struct vm_scan *s)
{
	struct stat st;
	struct vm *vm = s->vm;
	bool grown = false;
	while (fstat(s->console_fd, &st) == 0 && (size_t)st.st_size > vm->console.len) {
		char chunk[8192];
		if (vm->console.len >= CONSOLE_BYTES_MAX) {
			vm->console_overflow = true;
			break;
		}
		ssize_t n = pread(s->console_fd, chunk, sizeof(chunk), (off_t)vm->console.len);
		if (n <= 0)
			break;
		buf_append(&vm->console, chunk, (size_t)n);
		grown = true;
	}
	return grown;
}

static void read_guest(struct vm_scan *s)
{
	bool console = read_console(s);
	if (!s->vm->hello && wirelog_pending(&s->log))
		s->vm->hello = reactor_now(s->machine.reactor);
	if (console || wirelog_pending(&s->log))
		notice_post(&s->vm->changed);
}

static int scan_look(struct machine *m, int result)
{
	(void)result;
	read_guest(container_of(m, struct vm_scan, machine));
	machine_sleep(m, SCAN_PERIOD);
	return SCAN_LOOK;
}

static int scan_finish(struct machine *m, int result)
{
	(void)result;
	read_guest(container_of(m, struct vm_scan, machine));
	return MACHINE_END;
}

static const struct machine_state scan_states[SCAN_COUNT] = {
	[SCAN_LOOK] = { "look", scan_look, DEADLINE_NONE, SCAN_FINISH, TO(SCAN_FINISH) },
	[SCAN_FINISH] = { "finish", scan_finish, DEADLINE_NONE, 0, TO_END },
};

static void end_part(struct vm_scan *s)
{
	if (--s->live)
		return;
	char chunk[STDERR_BYTES_MAX];
	ssize_t n = pread(s->stderr_fd, chunk, sizeof(chunk), 0);
	if (n > 0)
		text_append(&s->vm->stderr_text, chunk, (size_t)n);
	s->vm->end = s->how(s->vm);
	s->vm->ended = true;
	notice_post(&s->vm->changed);
	notice_post(&s->vm->stopped);
}

static void scan_done(struct machine *m, int result)
{
	(void)result;
	end_part(container_of(m, struct vm_scan, machine));
}

static const struct machine_type scan_type = { "scan", scan_states, SCAN_COUNT, scan_done };

/* --- for backends ------------------------------------------------------------------------------------------------- */

/* Keeps the file offset as it is: the child reads or writes the file there. */
static int make_state_file(struct vm_scan *s, const struct snapshot *clone, struct err **err)
{
	s->state_fd = memfd_new("ktstr-state", 0);
	int r = MIN_OF(s->state_fd, 0);
	if (r == 0 && clone)
		r = fd_pwrite_full(s->state_fd, clone->state.data, clone->state.len, 0);
	return r < 0 ? FAIL_SYS(err, r, "make the machine's state file") : 0;
}

int vm_scan_init(struct vm_scan *s, struct vm *vm, const struct vm_config *c, struct err **err)
{
	*s = VM_SCAN_NULL;
	s->vm = vm;
	int r = guestmem_init_for(&s->memory, &c->topology, c->memory_mib, c->perf, err);
	if (r < 0)
		return r;
	guestmem_place(&s->memory, boards[c->arch].ram, boards[c->arch].log);
	s->console_fd = memfd_new("ktstr-console", 0);
	s->stderr_fd = memfd_new("ktstr-stderr", 0);
	if (s->console_fd < 0 || s->stderr_fd < 0)
		return FAIL_SYS(err, MIN_OF(s->console_fd, s->stderr_fd), "make the console's file");
	return c->park || c->clone ? make_state_file(s, c->clone, err) : 0;
}

/* Writes the header of the payload to the end of the event log's memory, and the archive to unpack right before it. */
static int write_clone_payload(const struct guestmem *m, const struct vm_config *c, struct err **err)
{
	struct stat st;
	_cleanup_free_ void *image = NULL;
	if (fstat(c->initrd_fd, &st) < 0)
		return FAIL_SYS(err, -errno, "look at the clone's initramfs");
	struct wire_clone_payload payload = { .magic = WIRE_CLONE_PAYLOAD_MAGIC,
					      .length = (uint64_t)st.st_size - c->initrd_known };
	if ((uint64_t)st.st_size < c->initrd_known || payload.length > CLONE_PAYLOAD_BYTES_MAX)
		return FAIL(err, ERR_DATA, -E2BIG, "an initramfs of %ld bytes; a clone takes at most %u",
			    (long)payload.length, CLONE_PAYLOAD_BYTES_MAX);
	const uint64_t end = m->log + GUEST_LOG_BYTES - sizeof(payload);
	if (!guestmem_at(m, m->log, GUEST_LOG_BYTES))
		return FAIL(err, ERR_DATA, -ENOSPC, "the guest's memory is too small for its event log");
	image = malloc(payload.length + 1);
	int r = image ? fd_pread_full(c->initrd_fd, image, payload.length, (off_t)c->initrd_known) : -ENOMEM;
	if (r == 0)
		r = guestmem_write(m, end - payload.length, image, payload.length);
	if (r == 0)
		r = guestmem_write(m, end, &payload, sizeof(payload));
	return r < 0 ? FAIL_SYS(err, r, "write a clone's payload") : 0;
}

int vm_scan_fill(struct vm_scan *s, const struct vm_config *c, bool log_only, struct err **err)
{
	uint64_t from = log_only ? s->memory.log : 0;
	uint64_t to = log_only ? s->memory.log + GUEST_LOG_BYTES : UINT64_MAX;
	int r = snapshot_fill(c->clone, &s->memory, from, to, err);
	return r == 0 ? write_clone_payload(&s->memory, c, err) : r;
}

int vm_scan_save(struct vm_scan *s, int fd, struct err **err)
{
	_cleanup_buf_ struct buf state = BUF_NULL;
	struct stat st;
	int r = fstat(s->state_fd, &st) < 0 ? -errno : 0;
	if (r == 0)
		buf_zeros(&state, (size_t)MIN_OF(st.st_size, SNAPSHOT_STATE_MAX));
	if (r == 0)
		r = state.failed ? -ENOMEM : fd_pread_full(s->state_fd, state.data, state.len, 0);
	if (r < 0)
		return FAIL_SYS(err, r, "read the machine's state");
	return snapshot_write(fd, s->vm->backend->name, &s->memory, &state, err);
}

void vm_scan_start(struct vm_scan *s, struct reactor *r, struct machine *parent, enum vm_end (*how)(struct vm *vm))
{
	wirelog_init(&s->log, guestmem_at(&s->memory, s->memory.log, GUEST_LOG_BYTES), GUEST_LOG_BYTES);
	s->how = how;
	s->live = 2;
	s->vm->started = reactor_now(r);
	machine_start(r, &s->machine, &scan_type, parent, "scan");
}

void vm_scan_child_ended(struct vm_scan *s)
{
	machine_cancel(&s->machine);
	end_part(s);
}

void vm_scan_leave_memory(struct vm_scan *s)
{
	wirelog_close(&s->log);
	guestmem_done(&s->memory);
}

struct guestmem vm_scan_take_memory(struct vm_scan *s)
{
	struct guestmem taken = s->memory;
	REQUIRE(!s->live);
	s->memory = (struct guestmem){ 0 };
	return taken;
}

int vm_scan_next_record(struct vm_scan *s, struct wire_item *ret, struct err **err)
{
	int r = wirelog_next(&s->log, ret, err);
	s->vm->dropped = s->log.dropped;
	s->vm->digest = s->log.digest;
	return r;
}

void vm_scan_done(struct vm_scan *s)
{
	REQUIRE(!s->live);
	guestmem_done(&s->memory);
	wirelog_done(&s->log);
	s->console_fd = fd_close(s->console_fd);
	s->stderr_fd = fd_close(s->stderr_fd);
	s->state_fd = fd_close(s->state_fd);
	if (!s->vm)
		return;
	buf_done(&s->vm->console);
	buf_done(&s->vm->diagnosis);
	buf_done(&s->vm->stderr_text);
}
