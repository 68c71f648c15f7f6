/* SPDX-License-Identifier: GPL-2.0-only */
/* capture.c -- see capture.h. */
#include "run/capture.h"

#include <fcntl.h>
#include <string.h>

#include "base/file.h"
#include "base/text.h"
#include "run/list_json.h"
#include "run/plan.h"

static int open_kernel(const char *path, struct packed_content *file, struct err **err)
{
	file->fd = open(path, O_RDONLY | O_CLOEXEC);
	return file->fd < 0 ? FAIL_SYS(err, -errno, "open the kernel '%s'", path) : 0;
}

/* Symbols and types lie beside the file that is booted, or are in it. Without them, the run can still be repeated. */
static void open_vmlinux(const struct kernel *k, struct packed_content *file)
{
	_cleanup_free_ char *dir = path_dirname(k->boot), *path = dir ? path_join(dir, "vmlinux") : NULL;
	if (path && !k->image)
		file->fd = open(path, O_RDONLY | O_CLOEXEC);
}

static int copy_words(const char *const *words, char ***ret)
{
	size_t count = 0;
	while (words && words[count])
		count++;
	char **copy = calloc(count + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < count; i++) {
		copy[i] = strdup(words[i]);
		if (!copy[i]) {
			strings_free(copy);
			return -ENOMEM;
		}
	}
	*ret = copy;
	return copy ? 0 : -ENOMEM;
}

/* Seed and bounds, or exact points, which are copied. */
static int copy_perturb(const struct observe_perturb *from, struct packed_run *p)
{
	p->perturb = *from;
	if (!from->points)
		return 0;
	p->points = calloc(from->point_count + 1, sizeof(*p->points));
	if (!p->points)
		return -ENOMEM;
	memcpy(p->points, from->points, from->point_count * sizeof(*p->points));
	p->perturb.points = p->points;
	return 0;
}

static void copy_settings(const struct attempt *a, struct packed_run *p)
{
	const struct vm_config *c = &a->config;
	snprintf(p->test, sizeof(p->test), "%s", a->item->name);
	text_copy_line(p->origin.kernel, sizeof(p->origin.kernel), a->item->kernel->version ?: "",
		       strlen(a->item->kernel->version ?: ""));
	p->topology = c->topology;
	p->memory_mib = c->memory_mib;
	p->seed = c->seed;
	p->initrd_known = c->initrd_known;
	p->icount_shift = c->icount_shift;
	p->lag_ns = c->lag_ns;
	p->late_cpus = c->late_cpus;
	p->verbose = c->verbose;
	p->kaslr = c->kaslr;
	p->watchdog_s = a->watch.watchdog_s;
	p->patience = a->watch.patience;
	p->boot_deadline = a->boot_deadline;
	p->setup_deadline = a->setup_deadline;
	p->run_deadline = a->run_deadline;
}

/* What a test changes in its guest from outside is not in a pack. */
static const char *find_lack(const struct attempt *a)
{
	if (a->env->backend->vcpu_threads)
		return "only a run on tcg can be repeated";
	if (a->item->kernel->arch != ARCH_X86_64)
		return "only guests of x86-64 can be packed";
	if (a->config.devices)
		return "the test has devices (disk, networks, pci)";
	if (a->watch.captures.decl && a->watch.captures.decl->writes)
		return "the test writes into BPF maps of its scheduler (bpf_map_write) from outside";
	return NULL;
}

int capture_machine(const struct attempt *a, struct packed_run *p, struct err **err)
{
	const char *lack = find_lack(a);
	if (lack)
		return FAIL(err, ERR_IMPOSSIBLE, -EOPNOTSUPP, "test '%s': %s", a->item->name, lack);
	packed_run_done(p);
	copy_settings(a, p);
	open_vmlinux(a->item->kernel, &p->file[PACKED_VMLINUX]);
	p->file[PACKED_INITRD].fd = fcntl(a->initrd_fd, F_DUPFD_CLOEXEC, 3);
	int r = p->file[PACKED_INITRD].fd < 0 ? FAIL_SYS(err, -errno, "keep the initramfs") : 0;
	if (r == 0)
		r = open_kernel(a->config.kernel, &p->file[PACKED_KERNEL], err);
	if (r == 0)
		r = copy_words(a->config.kargs, &p->kargs);
	return r == 0 ? copy_perturb(&a->item->perturb, p) : r;
}

void capture_outcome(const struct attempt *a, struct packed_run *p)
{
	const struct detail *cause = judgement_cause(&a->judgement);
	p->cloned = a->cloned;
	if (a->cloned)
		p->file[PACKED_SNAPSHOT].fd = fcntl(a->clone_template->snapshot.fd, F_DUPFD_CLOEXEC, 3);
	p->outcome = (struct packed_outcome){
		.digest = a->evidence.digest,
		.records = a->evidence.records,
		.last_ns = a->evidence.last_ns,
		.failure = a->watch.failure,
		.failed_ns = a->watch.failed_ns,
	};
	snprintf(p->outcome.verdict, sizeof(p->outcome.verdict), "%s", verdict_name(a->judgement.verdict));
	snprintf(p->outcome.cause, sizeof(p->outcome.cause), "%s", cause ? cause->text : "");
	text_cut(p->outcome.cause, sizeof(p->outcome.cause) - 1);
}
