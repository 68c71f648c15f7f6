/* SPDX-License-Identifier: GPL-2.0-only */
/* guest.c -- see guest.h. kvm_guest_init() runs the steps of the table below in order; the threads are in vcpu.c. */
#include <linux/kvm.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/file.h"
#include "base/time.h"
#include "topo/topology.h"
#include "vmm/kvm/caps.h"
#include "vmm/kvm/early.h"
#include "vmm/kvm/events.h"
#include "vmm/kvm/guest.h"
#include "vmm/kvm/perf.h"
#include "vmm/kvm/save.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/x86/acpi.h"
#include "vmm/x86/cpuid.h"
#include "vmm/x86/layout.h"

#define HALT_POLL_NS 200000

/* --- the steps ---------------------------------------------------------------------------------------------------- */

static int open_device(struct kvm_guest *g, struct err **err)
{
	const char *device = g->config->device;
	g->kvm = g->sys->open(g->sys->data, device);
	if (g->kvm >= 0)
		return 0;
	int r = FAIL_SYS(err, g->kvm, "open %s", device);
	if (err && (r == -EACCES || r == -EPERM))
		err_hint(*err, "add yourself to the 'kvm' group, or use --accel tcg");
	return r;
}

static int check_caps(struct kvm_guest *g, struct err **err)
{
	int r = kvm_caps_check(g->sys, g->kvm, g->vcpus, topology_apic_id_max(&g->config->topology), err);
	if (r < 0)
		return r;
	int xcrs = sys_ioctl_number(g->sys, g->kvm, KVM_CHECK_EXTENSION, KVM_CAP_XCRS);
	g->xcr0 = xcrs > 0;
	return xcrs < 0 ? FAIL_SYS(err, xcrs, "ask KVM whether the processor has XSAVE") : 0;
}

static int create_vm(struct kvm_guest *g, struct err **err)
{
	g->vm = sys_create_vm(g->sys, g->kvm);
	if (g->vm < 0)
		return FAIL_SYS(err, g->vm, "create a virtual machine");
	int size = sys_ioctl(g->sys, g->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (size < (int)sizeof(struct kvm_run))
		return FAIL_SYS(err, size < 0 ? size : -EPROTO, "ask KVM for the size of a vCPU's shared memory");
	g->run_size = (size_t)size;
	return 0;
}

static int enable_cap(struct kvm_guest *g, unsigned cap, uint64_t arg, const char *what, struct err **err)
{
	struct kvm_enable_cap enable = { .cap = cap, .args = { arg } };
	int r = sys_ioctl(g->sys, g->vm, KVM_ENABLE_CAP, &enable);
	return r < 0 ? FAIL_SYS(err, r, "enable %s", what) : 0;
}

/*
 * Sets how long a halted vCPU's thread spins before it sleeps: spinning makes a wake-up cheaper where the CPU is free
 * otherwise. Optional: an old KVM keeps its own default. Perf mode leaves the setting to the host's administrator.
 */
static int set_idling(struct kvm_guest *g, struct err **err)
{
	bool crowded = g->vcpus > (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
	(void)err;
	if (g->config->perf)
		perf_prepare_guest(g);
	else
		enable_cap(g, KVM_CAP_HALT_POLL, crowded ? 0 : HALT_POLL_NS, "halt polling", NULL);
	return 0;
}

/*
 * On Intel hosts KVM needs three pages for a TSS and one for an identity map, outside of the memory that a guest may
 * use.
 */
static int make_irqchip(struct kvm_guest *g, struct err **err)
{
	uint64_t identity = X86_KVM_IDENTITY_MAP;
	int r = sys_ioctl(g->sys, g->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	if (r == 0)
		r = sys_ioctl_number(g->sys, g->vm, KVM_SET_TSS_ADDR, X86_KVM_TSS);
	if (r < 0)
		return FAIL_SYS(err, r, "reserve KVM's own pages");
	g->split = g->config->split || topology_apic_id_max(&g->config->topology) > APIC_ID_FULL_MAX;
	if (!g->split) {
		r = sys_ioctl_number(g->sys, g->vm, KVM_CREATE_IRQCHIP, 0);
		return r < 0 ? FAIL_SYS(err, r, "create the interrupt controllers") : 0;
	}
	r = enable_cap(g, KVM_CAP_SPLIT_IRQCHIP, X86_IOAPIC_PINS, "the split interrupt controller", err);
	if (r < 0)
		return r;
	return enable_cap(g, KVM_CAP_X2APIC_API, KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK,
			  "32-bit APIC ids", err);
}

static int map_node(struct kvm_guest *g, unsigned i, struct err **err)
{
	struct stat st;
	uint64_t size = g->config->node[i].size;
	if (fstat(g->config->node[i].fd, &st) < 0)
		return FAIL_SYS(err, -errno, "look at the memory of node %u", i);
	/* A page behind the end of the file would be a SIGBUS here, without an exit reason from KVM. */
	if ((uint64_t)st.st_size < size)
		return FAIL(err, ERR_DATA, -EINVAL, "the memory of node %u has %lu bytes, not %lu", i,
			    (uint64_t)st.st_size, size);
	int r = g->sys->map(g->sys->data, g->config->node[i].fd, size, &g->map[i]);
	return r < 0 ? FAIL_SYS(err, r, "map guest memory: %lu MiB", size >> 20) : 0;
}

static int set_region(struct kvm_guest *g, unsigned slot, const struct x86_region *region, struct err **err)
{
	struct kvm_userspace_memory_region memory = {
		.slot = slot,
		.guest_phys_addr = region->address,
		.memory_size = region->size,
		.userspace_addr = (uint64_t)(uintptr_t)region->host,
	};
	int r = sys_ioctl(g->sys, g->vm, KVM_SET_USER_MEMORY_REGION, &memory);
	return r < 0 ? FAIL_SYS(err, r, "give the guest %lu MiB of memory at 0x%lx", region->size >> 20,
				region->address)
		     : 0;
}

static int make_memory(struct kvm_guest *g, struct err **err)
{
	const struct kvm_guest_config *c = g->config;
	uint64_t mib[GUEST_NODES_MAX], used[GUEST_NODES_MAX] = { 0 };
	for (unsigned i = 0; i < c->nodes; i++)
		mib[i] = c->node[i].size >> 20;
	int r = x86_ram_plan_nodes(c->nodes, mib, &g->ram, err);
	for (unsigned i = 0; i < c->nodes && r == 0; i++) {
		r = map_node(g, i, err);
		if (r == 0 && c->clone && !c->filled)
			r = snapshot_map(&g->origin, i, g->map[i], GUEST_LOG_ADDRESS,
					 GUEST_LOG_ADDRESS + GUEST_LOG_BYTES, err);
	}
	for (unsigned i = 0; i < g->ram.count && r == 0; i++) {
		struct x86_region *region = &g->ram.region[i];
		region->host = (uint8_t *)g->map[region->node] + used[region->node];
		region->backed = true;
		region->fd = c->node[region->node].fd;
		region->offset = used[region->node];
		used[region->node] += region->size;
		if (used[region->node] > c->node[region->node].size)
			return FAIL(err, ERR_DATA, -EINVAL, "node %u has less memory than its share", region->node);
		r = set_region(g, i, region, err);
	}
	if (r == 0 && c->perf)
		perf_prepare_memory(g);
	return r;
}

static int read_cpuid(struct kvm_guest *g, struct err **err)
{
	g->cpuid = calloc(1, sizeof(*g->cpuid) + CPUID_ENTRIES_MAX * sizeof(g->cpuid->entries[0]));
	if (!g->cpuid)
		return FAIL_SYS(err, -ENOMEM, "read the processor's features");
	g->cpuid->nent = CPUID_ENTRIES_MAX;
	int r = sys_ioctl(g->sys, g->kvm, KVM_GET_SUPPORTED_CPUID, g->cpuid);
	return r < 0 ? FAIL_SYS(err, r, "read the processor's features") : 0;
}

struct mapped {
	void *data;
	size_t len;
};

static void unmap_file(struct mapped *m)
{
	if (m->data)
		munmap(m->data, m->len);
}

/* Leaves *@ret as it is for an empty file. */
static int map_file(int fd, const char *what, struct mapped *ret, struct err **err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return FAIL_SYS(err, -errno, "look at the %s", what);
	if (!st.st_size)
		return 0;
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return FAIL_SYS(err, -errno, "map the %s", what);
	*ret = (struct mapped){ p, (size_t)st.st_size };
	return 0;
}

/* A guest that parks needs the whole kernel in its memory's files. */
static bool maps_constants(const struct kvm_guest *g)
{
	return !g->config->copy_kernel && !g->config->perf && !g->config->park;
}

/*
 * Read-only kernel pages are shared by all guests. Only read-only ones: the orchestrator reads the memory's files, and
 * would not see writes to a private mapping.
 */
static bool map_constant(void *userdata, uint64_t address, uint64_t offset, uint64_t bytes)
{
	struct kvm_guest *g = userdata;
	void *to = x86_ram_at(&g->ram, address, bytes);
	return to && mmap(to, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
			  g->config->kernel_fd, (off_t)offset) != MAP_FAILED;
}

/* Reads the snapshot of a clone before anything else of the guest is made. */
static int read_origin(struct kvm_guest *g, struct err **err)
{
	const struct kvm_guest_config *c = g->config;
	if (!c->clone)
		return 0;
	int r = snapshot_read(c->snapshot_fd, &g->origin, err);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < GUEST_NODES_MAX && r == 0; i++)
		if (g->origin.head.node_bytes[i] != (i < c->nodes ? c->node[i].size : 0))
			r = -EINVAL;
	if (r == 0)
		r = save_check(&g->origin.state, g->vcpus);
	return r < 0 ? FAIL_SYS(err, r, "restore a machine's snapshot") : 0;
}

static int prepare_parking(struct kvm_guest *g, struct err **err)
{
	return g->config->park ? save_prepare(g, err) : 0;
}

#define TOLD_KHZ_MAX (UINT32_MAX / 125) /* setup_APIC_timer() multiplies by 125 in 32 bits */

/*
 * Time dilation: the guest runs at full speed, but its kernel is told (tsc_early_khz: arch/x86/kernel/tsc.c) that the
 * time stamp counter ticks that many times faster. It then takes all time from the counter, and programs its timers,
 * which are TSC deadlines, accordingly. kvm-clock is off because it knows the real frequency. Steal time is off because
 * KVM reports it in host time: it would be subtracted from the tasks' shares N times too often.
 */
static int dilate_time(const struct kvm_guest *g, struct buf *out, struct err **err)
{
	const unsigned dilation = g->config->time_dilation;
	int khz = sys_ioctl_number(g->sys, g->vm, KVM_GET_TSC_KHZ, 0);
	if (khz <= 0)
		return FAIL_SYS(err, khz < 0 ? khz : -EINVAL,
				"ask this host's KVM for its TSC's frequency, which time dilation needs");
	uint64_t told = (uint64_t)khz * dilation;
	if (told > TOLD_KHZ_MAX)
		return FAIL(err, ERR_USAGE, -ERANGE,
			    "a time dilation of %u is too much for a TSC of %d kHz; at most %u", dilation, khz,
			    TOLD_KHZ_MAX / (unsigned)khz);
	buf_appendf(out, " no-kvmclock no-steal-acc tsc_early_khz=%lu", told);
	return 0;
}

static int write_cmdline(const struct kvm_guest *g, struct buf *out, struct err **err)
{
	buf_puts(out, g->config->cmdline);
	int r = g->config->time_dilation > 1 ? dilate_time(g, out, err) : 0;
	return r == 0 && out->failed ? FAIL_SYS(err, -ENOMEM, "write the kernel's command line") : r;
}

/* In perf mode all memory is populated already, with large pages where possible. */
static void prepare_memory(void *userdata, const struct boot_plan *p)
{
	struct kvm_guest *g = userdata;
	if (!g->config->perf)
		early_prepare_memory(g, p, maps_constants(g));
}

/* Maps kernel and initramfs; the kernel's constants stay mapped, all other bytes are copied into guest memory. */
static int load_kernel(struct kvm_guest *g, struct err **err)
{
	const struct kvm_guest_config *c = g->config;
	if (g->origin.state.len)
		return 0;
	_cleanup_(unmap_file) struct mapped kernel = { 0 }, initrd = { 0 };
	_cleanup_buf_ struct buf cmdline = BUF_NULL;
	int r = write_cmdline(g, &cmdline, err);
	if (r == 0)
		r = map_file(c->kernel_fd, "kernel", &kernel, err);
	if (r == 0 && !kernel.data)
		r = FAIL(err, ERR_DATA, -ENOEXEC, "the kernel is empty");
	if (r == 0 && c->initrd_fd >= 0)
		r = map_file(c->initrd_fd, "initramfs", &initrd, err);
	struct boot_config boot = { .kernel = kernel.data,
				    .kernel_len = kernel.len,
				    .initrd = initrd.data,
				    .initrd_len = initrd.len,
				    .cmdline = buf_str(&cmdline),
				    .userdata = g,
				    .placed = prepare_memory,
				    .map = maps_constants(g) ? map_constant : NULL };
	return r == 0 ? boot_load(&boot, &g->ram, &g->entry, err) : r;
}

static int write_tables(struct kvm_guest *g, struct err **err)
{
	struct acpi_config acpi = { .topology = g->config->topology,
				    .ram = &g->ram,
				    .virtio = kvm_virtio_windows(&g->config->devices) };
	if (g->origin.state.len)
		return 0;
	uint8_t *to = x86_ram_at(&g->ram, X86_ACPI, X86_ACPI_BYTES_MAX);
	if (!to || !acpi_build(&acpi, X86_ACPI, to, X86_ACPI_BYTES_MAX))
		return FAIL(err, ERR_DATA, -ENOSPC, "the ACPI tables do not fit into guest memory");
	return 0;
}

static int add_devices(struct kvm_guest *g, struct err **err)
{
	int r = devices_init(&g->devices, g, err);
	return r == 0 ? kvm_virtio_new(g, &g->virtio, err) : r;
}

static int attach_events(struct kvm_guest *g, struct err **err)
{
	if (!g->config->events)
		return 0;
	int r = shmring_area_attach(g->config->events_fd, g->config->doorbell_fd, &g->events, err);
	if (r < 0)
		return r;
	if (g->events.rings <= g->vcpus)
		return FAIL(err, ERR_BUG, -EINVAL, "%u event rings are too few for %u vCPUs", g->events.rings,
			    g->vcpus);
	for (unsigned i = 0; i < g->vcpus; i++)
		shmring_writer_init(&g->vcpu[i].events, &g->events, i);
	shmring_writer_init(&g->main_events, &g->events, g->vcpus);
	return 0;
}

static int build_filters(struct kvm_guest *g, struct err **err)
{
	int r = 0;
	for (int kind = 0; g->config->confined && kind < CONFINE_KIND_MAX && r == 0; kind++)
		if (kind != CONFINE_DEVICE || g->virtio)
			r = confine_build((enum confine_kind)kind, &g->confine[kind], err);
	return r;
}

static int (*const init_steps[])(struct kvm_guest *g, struct err **err) = {
	open_device, check_caps,  read_origin,	create_vm,   set_idling,    make_irqchip,    make_memory,
	read_cpuid,  load_kernel, write_tables, add_devices, attach_events, prepare_parking, build_filters,
};

/* --- life --------------------------------------------------------------------------------------------------------- */

static int check_config(const struct kvm_guest_config *c, struct err **err)
{
	int r = topology_check(&c->topology, err);
	if (r == 0 && (!c->nodes || c->nodes > GUEST_NODES_MAX))
		r = FAIL(err, ERR_DATA, -EINVAL, "%u NUMA nodes, must be 1 to %d", c->nodes, GUEST_NODES_MAX);
	return r;
}

int kvm_guest_init(struct kvm_guest *g, const struct kvm_sys *sys, const struct kvm_guest_config *config,
		   struct err **err)
{
	*g = (struct kvm_guest){
		.sys = sys, .config = config, .kvm = -1, .vm = -1, .events = SHMRING_AREA_NULL, .origin = SNAPSHOT_NULL
	};
	g->devices.console_fd = -1;
	int r = lifecycle_init(&g->life);
	if (r < 0)
		return FAIL_SYS(err, r, "make an eventfd for the end of the guest");
	r = check_config(config, err);
	if (r < 0)
		return r;
	g->vcpus = topology_cpus(&config->topology);
	g->vcpu = calloc(g->vcpus, sizeof(*g->vcpu));
	if (!g->vcpu)
		return FAIL_SYS(err, -ENOMEM, "make room for %u vCPUs", g->vcpus);
	for (unsigned i = 0; i < g->vcpus; i++)
		vcpu_init(&g->vcpu[i], g, i);
	for (size_t i = 0; i < ARRAY_SIZE(init_steps) && r == 0; i++)
		r = init_steps[i](g, err);
	return r;
}

int kvm_guest_start(struct kvm_guest *g, struct err **err)
{
	vcpu_install_kick();
	int r = kvm_virtio_start(g->virtio, err);
	for (unsigned i = 0; i < g->vcpus && r == 0; i++)
		r = vcpu_start(&g->vcpu[i], err);
	return r;
}

static void kick_all(struct kvm_guest *g)
{
	for (unsigned i = 0; g->vcpu && i < g->vcpus; i++)
		vcpu_kick(&g->vcpu[i]);
}

void kvm_guest_pause(struct kvm_guest *g)
{
	pthread_mutex_lock(&g->life.lock);
	if (g->life.end == KVM_GUEST_RUNS)
		atomic_store(&g->life.command, KVM_COMMAND_PAUSE);
	kick_all(g);
	while (g->life.end == KVM_GUEST_RUNS && g->life.paused < g->vcpus)
		pthread_cond_wait(&g->life.changed, &g->life.lock);
	pthread_mutex_unlock(&g->life.lock);
}

void kvm_guest_resume(struct kvm_guest *g)
{
	pthread_mutex_lock(&g->life.lock);
	if (g->life.end == KVM_GUEST_RUNS)
		atomic_store(&g->life.command, KVM_COMMAND_RUN);
	pthread_cond_broadcast(&g->life.changed);
	pthread_mutex_unlock(&g->life.lock);
}

void kvm_guest_dump(struct kvm_guest *g, struct buf *out)
{
	for (unsigned i = 0; i < g->vcpus; i++)
		vcpu_dump(&g->vcpu[i], out);
}

/* A second kick does no harm; a thread that is not in KVM_RUN yet reads the command before it enters. */
void kvm_guest_stop(struct kvm_guest *g)
{
	lifecycle_end(&g->life, KVM_GUEST_STOPPED, 0, NULL);
	pthread_mutex_lock(&g->life.lock);
	kick_all(g);
	pthread_mutex_unlock(&g->life.lock);
	for (unsigned i = 0; g->vcpu && i < g->vcpus; i++)
		vcpu_join(&g->vcpu[i]);
	kvm_virtio_stop(g->virtio);
}

void kvm_guest_report(struct kvm_guest *g)
{
	if (!g->config->events)
		return;
	for (unsigned i = 0; i < g->vcpus; i++) {
		struct vm_event_heartbeat beat = { .time_ns = (uint64_t)nsec_now(), .vcpu = i };
		vcpu_beat(&g->vcpu[i], &beat);
		shmring_stage(&g->main_events, VM_EVENT_HEARTBEAT, &beat, sizeof(beat));
	}
	pthread_mutex_lock(&g->life.lock);
	struct vm_event_end end = { .time_ns = (uint64_t)nsec_now(), .end = g->life.end, .code = g->life.exit_code };
	pthread_mutex_unlock(&g->life.lock);
	if (end.end != KVM_GUEST_RUNS)
		shmring_stage(&g->main_events, VM_EVENT_END, &end, sizeof(end));
	shmring_publish(&g->main_events);
}

int kvm_guest_wait(struct kvm_guest *g, struct err **err)
{
	return lifecycle_wait(&g->life, err);
}

void kvm_guest_done(struct kvm_guest *g)
{
	kvm_guest_stop(g);
	for (unsigned i = 0; g->vcpu && i < g->vcpus; i++)
		vcpu_done(&g->vcpu[i]);
	free(g->vcpu);
	devices_done(&g->devices);
	kvm_virtio_free(g->virtio);
	shmring_area_done(&g->events);
	fd_close(g->vm);
	for (unsigned i = 0; i < GUEST_NODES_MAX; i++)
		if (g->map[i])
			g->sys->unmap(g->sys->data, g->map[i], g->config->node[i].size);
	fd_close(g->kvm);
	free(g->cpuid);
	for (int kind = 0; kind < CONFINE_KIND_MAX; kind++)
		confine_done(&g->confine[kind]);
	snapshot_done(&g->origin);
	free(g->msr_list);
	lifecycle_done(&g->life);
	*g = (struct kvm_guest){
		.kvm = -1, .vm = -1, .life.ended_fd = -1, .events = SHMRING_AREA_NULL, .origin = SNAPSHOT_NULL
	};
}
