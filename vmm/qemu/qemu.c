/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * qemu.c -- one QEMU process, as a machine: SPAWN > (FILL >) RUN > REAP. FILL is for clones only. A cancel goes to
 * DIAGNOSE instead, and from there to KILL > REAP; a failed FILL goes to KILL.
 *
 * The scanner (vmm/scan.h) is a second machine, because two things are waited for at once: QEMU's monitor, and time.
 * The observer (observe.h) is a third. The VM has ended when all have.
 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/bug.h"
#include "base/file.h"
#include "base/tool.h"
#include "reactor/child.h"
#include "topo/topology.h"
#include "vmm/arm64/devicetree.h"
#include "vmm/board.h"
#include "vmm/qemu/argv.h"
#include "vmm/qemu/observe.h"
#include "vmm/qemu/preload.h"
#include "vmm/qemu/qemu.h"
#include "vmm/qemu/qmp.h"
#include "vmm/scan.h"

#define DIAGNOSE_DEADLINE (3 * NSEC_PER_SEC)
#define REAP_DEADLINE	  (10 * NSEC_PER_SEC)

struct qemu {
	struct vm vm;
	struct machine life;
	struct vm_scan scan;
	struct qemu_observer observer;
	struct child child;
	struct confinement confinement;
	struct qmp qmp;
	struct qemu_argv argv;
	int qmp_fd, library_fd, kernel_fd; /* kernel_fd: -1 for a clone */
	int disk_read_fd;
	int tree_fd; /* the device tree; -1: the machine has none */
	char chunk[4096];
	bool diagnose, killed;
	struct vm_config config; /* valid for a machine that parks or is a clone */
	bool saving, parked, panicked;
	struct offload_job filling;
	struct err *err;
};

static struct qemu *qemu_of(struct vm *vm)
{
	return container_of(vm, struct qemu, vm);
}

/* --- life: the child and its monitor ------------------------------------------------------------------------------ */

enum { LIFE_SPAWN, LIFE_FILL, LIFE_RUN, LIFE_DIAGNOSE, LIFE_KILL, LIFE_REAP, LIFE_COUNT };

static void send_command(struct qemu *q, const char *command)
{
	/* Shorter than any socket buffer, so it never waits. The read notices a closed monitor. */
	if (send(q->qmp_fd, command, strlen(command), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		q->vm.status = -errno;
}

/* Sends all commands that are needed before the guest stops, and the file for its state. */
static void send_park(struct qemu *q)
{
	static const char words[] = QMP_PARK;
	struct iovec text = { .iov_base = (void *)(uintptr_t)words, .iov_len = sizeof(words) - 1 };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct msghdr message = {
		.msg_iov = &text, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	memcpy(CMSG_DATA(&control.head), &q->scan.state_fd, sizeof(int));
	if (sendmsg(q->qmp_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		q->vm.status = -errno;
}

static int fill_memory(void *arg)
{
	struct qemu *q = arg;
	return vm_scan_fill(&q->scan, &q->config, false, &q->err);
}

/* A clone's memory is filled while its QEMU starts. */
static int life_spawn(struct machine *m, int result)
{
	struct qemu *q = container_of(m, struct qemu, life);
	(void)result;
	if (!q->child.running)
		return LIFE_REAP;
	if (q->config.park)
		send_park(q);
	if (!q->config.clone)
		return LIFE_RUN;
	machine_offload(m, &q->filling, fill_memory, q);
	return LIFE_FILL;
}

static int life_fill(struct machine *m, int result)
{
	struct qemu *q = container_of(m, struct qemu, life);
	if (result < 0) {
		if (q->err)
			err_format(q->err, &q->vm.stderr_text);
		return LIFE_KILL;
	}
	send_command(q, QMP_LOAD);
	machine_read(m, q->qmp_fd, q->chunk, sizeof(q->chunk), OP_STREAM);
	return LIFE_RUN;
}

/* Parses the bytes that were read. False: the monitor is closed. */
static bool feed_monitor(struct qemu *q, int result)
{
	if (result <= 0 || qmp_feed(&q->qmp, q->chunk, (size_t)result) < 0)
		return result == -EINTR;
	return true;
}

/* Whether PID 1 stopped the machine at its park point. A panicked kernel with a driver for pvpanic stops it too. */
static bool is_parked(const struct qemu *q)
{
	const uint64_t at = q->scan.memory.log + GUEST_LOG_BYTES - sizeof(struct wire_clone_payload);
	const uint8_t *order = guestmem_at(&q->scan.memory, at, sizeof(struct wire_clone_payload));
	uint64_t magic = 0;
	if (order)
		memcpy(&magic, order, sizeof(magic));
	return magic == WIRE_PARKED_MAGIC;
}

static void on_stop(struct qemu *q)
{
	if (q->config.park && !q->saving && is_parked(q)) {
		q->saving = true;
		send_command(q, QMP_SAVE);
	} else if (!q->saving) {
		q->panicked = true;
		child_kill(&q->child, SIGKILL);
	}
}

static void on_migration(struct qemu *q, const char *status)
{
	if (!strcmp(status, "completed")) {
		q->parked = q->config.park;
		send_command(q, q->config.park ? QMP_QUIT : QMP_CONTINUE);
	} else if (!strcmp(status, "failed")) {
		child_kill(&q->child, SIGKILL);
	}
}

/*
 * A machine that neither parks nor is a clone gets no commands from us, so it sends no events, unless somebody else
 * uses our monitor, who may stop it.
 */
static void handle_events(struct qemu *q)
{
	for (int event; (event = qmp_next(&q->qmp)) != QMP_NONE;) {
		if (event == QMP_STOP || event == QMP_RESUME)
			q->vm.paused = event == QMP_STOP;
		if (!q->config.park && !q->config.clone)
			continue;
		if (event == QMP_STOP)
			on_stop(q);
		else if (event == QMP_MIGRATION)
			on_migration(q, buf_str(&q->qmp.text));
		else if (event == QMP_ERROR)
			child_kill(&q->child, SIGKILL);
		if (event == QMP_ERROR)
			buf_appendf(&q->vm.stderr_text, "QEMU: %s\n", buf_str(&q->qmp.text));
	}
}

static int life_run(struct machine *m, int result)
{
	struct qemu *q = container_of(m, struct qemu, life);
	bool first = m->op.kind == OP_NOP;
	if (!first && !feed_monitor(q, result))
		return LIFE_REAP;
	handle_events(q);
	machine_read(m, q->qmp_fd, q->chunk, sizeof(q->chunk), OP_STREAM);
	return LIFE_RUN;
}

/* Entered by a cancel. Asks for the processors' registers if the caller wants a diagnosis. */
static int life_diagnose(struct machine *m, int result)
{
	struct qemu *q = container_of(m, struct qemu, life);
	if (result == -ECANCELED) {
		q->killed = true;
		if (!q->diagnose)
			return LIFE_KILL;
		/* Not earlier: monitor commands would make a guest less deterministic. */
		send_command(q, QMP_CAPABILITIES);
		send_command(q, QMP_REGISTERS);
	} else if (!feed_monitor(q, result)) {
		return LIFE_KILL;
	}
	for (int event; (event = qmp_next(&q->qmp)) != QMP_NONE;) {
		if (event == QMP_RETURN && q->qmp.text.len) {
			buf_append(&q->vm.diagnosis, q->qmp.text.data, q->qmp.text.len);
			return LIFE_KILL;
		}
	}
	machine_read(m, q->qmp_fd, q->chunk, sizeof(q->chunk), OP_STREAM);
	return LIFE_DIAGNOSE;
}

static int life_kill(struct machine *m, int result)
{
	struct qemu *q = container_of(m, struct qemu, life);
	(void)result;
	child_kill(&q->child, SIGKILL);
	return LIFE_REAP;
}

static int life_reap(struct machine *m, int result)
{
	struct qemu *q = container_of(m, struct qemu, life);
	(void)result;
	if (!q->child.running)
		return MACHINE_END;
	machine_wait_child(m, &q->child);
	return LIFE_REAP;
}

static const struct machine_state life_states[LIFE_COUNT] = {
	[LIFE_SPAWN] = { "spawn", life_spawn, DEADLINE_NONE, LIFE_DIAGNOSE,
			 TO(LIFE_FILL) | TO(LIFE_RUN) | TO(LIFE_REAP) | TO(LIFE_DIAGNOSE) },
	[LIFE_FILL] = { "fill", life_fill, DEADLINE_NONE, LIFE_DIAGNOSE,
			TO(LIFE_RUN) | TO(LIFE_KILL) | TO(LIFE_DIAGNOSE) },
	[LIFE_RUN] = { "run", life_run, DEADLINE_NONE, LIFE_DIAGNOSE, TO(LIFE_DIAGNOSE) | TO(LIFE_REAP) },
	[LIFE_DIAGNOSE] = { "diagnose", life_diagnose, DIAGNOSE_DEADLINE, LIFE_KILL, TO(LIFE_KILL) },
	[LIFE_KILL] = { "kill", life_kill, REAP_DEADLINE, LIFE_REAP, TO(LIFE_REAP) },
	[LIFE_REAP] = { "reap", life_reap, REAP_DEADLINE, LIFE_KILL, TO(LIFE_KILL) | TO_END },
};

/* isa-debug-exit ends QEMU with the status (value << 1) | 1; a reset, because of -no-reboot, with 0. */
static enum vm_end how_it_ended(struct vm *vm)
{
	const struct qemu *q = qemu_of(vm);
	if (q->killed)
		return VM_END_KILLED;
	if (q->parked && WIFEXITED(q->child.status) && !WEXITSTATUS(q->child.status))
		return VM_END_PARKED;
	if (q->panicked)
		return VM_END_RESET;
	if (!WIFEXITED(q->child.status) || WEXITSTATUS(q->child.status) > 1)
		return VM_END_DIED;
	if (WEXITSTATUS(q->child.status) == 1 && !q->vm.hello)
		return VM_END_DIED;
	return WEXITSTATUS(q->child.status) == 0 ? VM_END_RESET : VM_END_EXIT;
}

static void life_done(struct machine *m, int result)
{
	struct qemu *q = container_of(m, struct qemu, life);
	(void)result;
	q->vm.pid = 0;
	q->vm.status = q->child.status;
	q->vm.cpu_usec = q->child.cpu_usec;
	q->vm.rss_kib = q->child.rss_kib;
	q->vm.confinement = confinement_outcome(&q->confinement);
	if (q->observer.vm)
		qemu_observer_child_ended(&q->observer);
	else
		vm_scan_child_ended(&q->scan);
}

static void observer_ended(struct vm *vm)
{
	vm_scan_child_ended(&qemu_of(vm)->scan);
}

static const struct machine_type life_type = { "qemu", life_states, LIFE_COUNT, life_done };

/* --- the backend -------------------------------------------------------------------------------------------------- */

static struct vm *qemu_create(void)
{
	struct qemu *q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->vm.backend = &qemu_backend;
	q->child = CHILD_NULL;
	q->scan = VM_SCAN_NULL;
	q->observer = QEMU_OBSERVER_NULL;
	q->confinement = CONFINEMENT_NULL;
	q->qmp_fd = q->library_fd = q->kernel_fd = q->disk_read_fd = q->tree_fd = -1;
	return &q->vm;
}

static int make_channels(struct qemu *q, int *ret_peer, struct err **err)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return FAIL_SYS(err, -errno, "connect QEMU's monitor");
	q->qmp_fd = pair[0];
	*ret_peer = pair[1];
	return 0;
}

/* The same file for reading only. */
static int open_disk(struct qemu *q, int disk_fd, struct err **err)
{
	char path[40];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", disk_fd);
	q->disk_read_fd = open(path, O_RDONLY | O_CLOEXEC);
	return q->disk_read_fd < 0 ? FAIL_SYS(err, -errno, "open the disk's file") : 0;
}

static int make_device_tree(struct qemu *q, const struct vm_config *c, struct err **err)
{
	_cleanup_buf_ struct buf tree = BUF_NULL;
	int r = devicetree_write(c, &tree);
	if (r == 0)
		r = q->tree_fd = memfd_new("ktstr-device-tree", 0);
	if (r >= 0)
		r = fd_write_full(q->tree_fd, tree.data, tree.len);
	return r < 0 ? FAIL_SYS(err, r, "write the device tree") : 0;
}

/* QEMU sees only the files of its installation; the files of the machine are passed as descriptors. */
static int describe_confinement(struct qemu *q, const struct vm_config *c, struct err **err)
{
	q->kernel_fd = c->clone ? -1 : file_open(c->kernel, err);
	if (q->kernel_fd < 0 && !c->clone)
		return q->kernel_fd;
	int r = confinement_init(&q->confinement, c->files, err);
	if (r == 0)
		r = confinement_show_program(&q->confinement, arch_names[c->arch].qemu, err);
	if (r == -ENOENT && err && *err)
		err_hint(*err, "install QEMU (Debian: %s)", arch_names[c->arch].qemu_debian);
	return r;
}

static int spawn_qemu(struct qemu *q, struct reactor *r, const struct vm_config *c, int peer, struct err **err)
{
	char lag[PRELOAD_VARIABLE_MAX], devices[PRELOAD_VARIABLE_MAX], capacities[PRELOAD_CAPACITIES_MAX];
	/* The library changes how instructions are counted. */
	const char *env[6] = { NULL };
	unsigned variables = 0;
	char *const settings[] = { preload_variable(c->lag_ns, lag), preload_capacities(&c->topology, capacities),
				   preload_devices(c->devices, devices) };
	bool fill = c->initrd_common && !c->clone;
	if (!c->real_time)
		env[variables++] = QEMU_PRELOAD;
	if (fill)
		env[variables++] = "KTSTR_TCG_INITRAMFS=1";
	for (size_t i = 0; i < ARRAY_SIZE(settings) && !c->real_time; i++)
		if (settings[i])
			env[variables++] = settings[i];
	struct child_fd fds[GUEST_NODES_MAX + OBSERVER_FDS + 11] = {
		{ peer, QEMU_FD_QMP },
		{ q->scan.console_fd, QEMU_FD_CONSOLE },
		{ q->scan.stderr_fd, STDERR_FILENO },
		{ q->library_fd, QEMU_FD_ICOUNT_HANDOFF },
		/* We read a clone's initramfs ourselves. */
		{ c->clone ? q->scan.state_fd : c->initrd_fd, c->clone ? QEMU_FD_STATE : QEMU_FD_INITRD },
	};
	unsigned count = 5;
	if (fill)
		fds[count++] = (struct child_fd){ *c->initrd_common, QEMU_FD_INITRD_COMMON };
	if (q->kernel_fd >= 0)
		fds[count++] = (struct child_fd){ q->kernel_fd, QEMU_FD_KERNEL };
	if (c->terminal && !c->park)
		fds[count++] = (struct child_fd){ *c->terminal, QEMU_FD_TERMINAL };
	if (c->devices && c->devices->disk) {
		fds[count++] = (struct child_fd){ c->devices->disk_fd, QEMU_FD_DISK };
		fds[count++] = (struct child_fd){ q->disk_read_fd, QEMU_FD_DISK_READ };
	}
	if (q->tree_fd >= 0)
		fds[count++] = (struct child_fd){ q->tree_fd, QEMU_FD_DEVICE_TREE };
	for (unsigned i = 0; i < q->scan.memory.nodes; i++)
		fds[count++] = (struct child_fd){ q->scan.memory.node[i].fd, QEMU_FD_RAM0 + (int)i };
	count += qemu_observer_fds(&q->observer, fds + count);
	struct child_spec spec = { .argv = q->argv.arg,
				   .fds = fds,
				   .env = env,
				   .fd_count = count,
				   .affinity = c->affinity,
				   .cgroup = c->cgroup };
	int result = confinement_spawn(&q->confinement, r, &q->child, &spec, err);
	q->vm.pid = result < 0 ? 0 : q->child.pid;
	return result;
}

static int qemu_start(struct vm *vm, struct reactor *r, const struct vm_config *c, struct machine *parent,
		      struct err **err)
{
	struct qemu *q = qemu_of(vm);
	_cleanup_close_ int peer = -1;
	q->config = *c;
	int result = vm_scan_init(&q->scan, vm, c, err);
	if (result == 0)
		result = qemu_observer_init(&q->observer, vm, c, err);
	if (result == 0)
		result = make_channels(q, &peer, err);
	if (result == 0 && c->devices && c->devices->disk)
		result = open_disk(q, c->devices->disk_fd, err);
	if (result == 0 && boards[c->arch].device_tree)
		result = make_device_tree(q, c, err);
	if (result == 0)
		result = q->library_fd = preload_open(c->files, err);
	if (result >= 0 && qemu_argv_build(&q->argv, c, &q->scan.memory) < 0)
		result = FAIL_SYS(err, -ENOMEM, "write QEMU's command line");
	if (result >= 0)
		result = describe_confinement(q, c, err);
	if (result == 0)
		result = spawn_qemu(q, r, c, peer, err);
	q->kernel_fd = fd_close(q->kernel_fd);
	if (result < 0)
		return result;
	if (q->observer.vm)
		result = qemu_observer_start(&q->observer, r, parent, observer_ended, err);
	if (result < 0)
		return result;
	machine_start(r, &q->life, &life_type, parent, "qemu");
	vm_scan_start(&q->scan, r, parent, how_it_ended);
	return 0;
}

static int qemu_next_record(struct vm *vm, struct wire_item *ret, struct err **err)
{
	return vm_scan_next_record(&qemu_of(vm)->scan, ret, err);
}

static void qemu_kill(struct vm *vm, bool diagnose)
{
	struct qemu *q = qemu_of(vm);
	q->diagnose = diagnose;
	/* QEMU's monitor only answers while the guest runs. */
	qemu_observer_release(&q->observer);
	machine_cancel(&q->life);
}

/* Describes the whole command line and the program. As with kernels, the program is identified without reading it. */
static int qemu_describe(const struct vm_config *c, struct buf *out, struct err **err)
{
	struct vm_config parked = *c;
	struct guestmem memory;
	struct qemu_argv argv;
	char capacities[PRELOAD_CAPACITIES_MAX];
	parked.park = true;
	parked.clone = NULL;
	parked.observe = NULL;
	guestmem_plan_for(&memory, &c->topology, c->memory_mib);
	if (qemu_argv_build(&argv, &parked, &memory) < 0)
		return FAIL_SYS(err, -ENOMEM, "write QEMU's command line");
	for (unsigned i = 0; i < argv.count; i++)
		buf_appendf(out, "%s\n", argv.arg[i]);
	qemu_argv_done(&argv);
	buf_appendf(out, "lag %u\n", c->lag_ns);
	if (preload_capacities(&c->topology, capacities))
		buf_appendf(out, "%s\n", capacities);
	preload_describe(out);
	if (boards[c->arch].device_tree && devicetree_write(c, out) < 0)
		return FAIL_SYS(err, -EINVAL, "write the device tree");
	_cleanup_free_ char *program = tool_find(arch_names[c->arch].qemu);
	int r = program ? file_identify(program, out) : -ENOENT;
	return r < 0 ? FAIL_SYS(err, r, "look for %s", arch_names[c->arch].qemu) : 0;
}

static int qemu_save(struct vm *vm, int fd, struct err **err)
{
	return vm_scan_save(&qemu_of(vm)->scan, fd, err);
}

static const struct guestmem *qemu_memory(const struct vm *vm)
{
	return &container_of(vm, struct qemu, vm)->scan.memory;
}

static void qemu_resume(struct vm *vm)
{
	qemu_observer_resume(&qemu_of(vm)->observer);
}

static void qemu_set_until(struct vm *vm, const struct observe_until *until)
{
	qemu_observer_set_until(&qemu_of(vm)->observer, until);
}

static void qemu_set_place(struct vm *vm, const struct observe_place *place)
{
	qemu_observer_set_place(&qemu_of(vm)->observer, place);
}

static int qemu_set_hook(struct vm *vm, const struct observe_hook *h, struct err **err)
{
	return qemu_observer_set_hook(&qemu_of(vm)->observer, h, err);
}

static int qemu_hook_state(const struct vm *vm, uint32_t id, struct observe_hook_state *ret)
{
	return qemu_observer_hook_state(&container_of(vm, struct qemu, vm)->observer, id, ret);
}

static unsigned qemu_points(const struct vm *vm, struct observe_point *out, unsigned max)
{
	return qemu_observer_points(&container_of(vm, struct qemu, vm)->observer, out, max);
}

static bool qemu_orders(const struct vm *vm, struct observe_orders *ret)
{
	return qemu_observer_orders(&container_of(vm, struct qemu, vm)->observer, ret);
}

static int qemu_add_program(struct vm *vm, const struct observe_program *p)
{
	return qemu_observer_add_program(&qemu_of(vm)->observer, p);
}

static bool qemu_profile(const struct vm *vm, struct observe_profile *ret)
{
	return qemu_observer_profile(&container_of(vm, struct qemu, vm)->observer, ret);
}

static void qemu_leave_memory(struct vm *vm)
{
	REQUIRE(vm->stop && vm->stop->why == OBSERVE_AT_END);
	vm_scan_leave_memory(&qemu_of(vm)->scan);
}

static struct guestmem qemu_take_memory(struct vm *vm)
{
	return vm_scan_take_memory(&qemu_of(vm)->scan);
}

static void qemu_destroy(struct vm *vm)
{
	struct qemu *q = qemu_of(vm);
	child_done(&q->child);
	confinement_done(&q->confinement);
	qemu_observer_done(&q->observer);
	vm_scan_done(&q->scan);
	qmp_done(&q->qmp);
	qemu_argv_done(&q->argv);
	err_free(q->err);
	fd_close(q->qmp_fd);
	fd_close(q->library_fd);
	fd_close(q->kernel_fd);
	fd_close(q->disk_read_fd);
	fd_close(q->tree_fd);
	free(q);
}

const struct vm_backend qemu_backend = {
	.name = "tcg",
	.fills_initrd = true,
	.refuses = qemu_refuses,
	.create = qemu_create,
	.start = qemu_start,
	.next_record = qemu_next_record,
	.describe = qemu_describe,
	.save = qemu_save,
	.memory = qemu_memory,
	.observer_lack = preload_probe_observer,
	.resume = qemu_resume,
	.set_hook = qemu_set_hook,
	.set_until = qemu_set_until,
	.set_place = qemu_set_place,
	.hook_state = qemu_hook_state,
	.points = qemu_points,
	.orders = qemu_orders,
	.add_program = qemu_add_program,
	.profile = qemu_profile,
	.leave_memory = qemu_leave_memory,
	.take_memory = qemu_take_memory,
	.kill = qemu_kill,
	.destroy = qemu_destroy,
};

/* On one clock, 240 CPUs have no time between their ticks with a shift of 1: a guest did not boot in ten minutes. */
unsigned qemu_icount_shift(unsigned cpus, bool parallel)
{
	if (parallel)
		return 3;
	return cpus <= 4 ? 3 : cpus <= 16 ? 2 : cpus <= 128 ? 1 : 0;
}
