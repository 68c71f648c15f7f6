/* SPDX-License-Identifier: GPL-2.0-only */
/* accel.c -- see accel.h. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/tool.h"
#include "vmm/accel.h"
#include "vmm/kvm/backend.h"
#include "vmm/qemu/argv.h"
#include "vmm/qemu/preload.h"
#include "vmm/qemu/qemu.h"

static const char *const accel_names[ACCEL_MAX] = { "auto", "kvm", "tcg" };

int accel_parse(const char *text, enum accel *ret, struct err **err)
{
	for (unsigned i = 0; i < ACCEL_MAX; i++) {
		if (!strcmp(text, accel_names[i])) {
			*ret = (enum accel)i;
			return 0;
		}
	}
	return FAIL(err, ERR_USAGE, -EINVAL, "'%s' is not a backend; choose auto, kvm or tcg", text);
}

/* --- remembering the probe ---------------------------------------------------------------------------------------- */

static char *boot_id(void)
{
	_cleanup_buf_ struct buf id = BUF_NULL;
	if (file_read("/proc/sys/kernel/random/boot_id", 64, &id, NULL) < 0)
		return NULL;
	id.data[strcspn(id.data, "\n")] = '\0';
	return buf_steal(&id);
}

static bool recall(const char *path, const char *boot, struct kvm_probe *ret)
{
	json_auto_t *file = NULL;
	const char *of_boot, *why;
	uint64_t state, speed;
	if (json_read_file(path, &file, NULL) < 0 || json_get_string(file, "boot_id", &of_boot, NULL) < 0 ||
	    strcmp(of_boot, boot) || json_get_string(file, "why", &why, NULL) < 0 ||
	    json_get_u64(file, "state", &state, NULL) < 0 ||
	    json_get_u64(file, "instructions_per_us", &speed, NULL) < 0 || state >= KVM_STATE_MAX)
		return false;
	*ret = (struct kvm_probe){ .state = (enum kvm_state)state, .instructions_per_us = (uint32_t)speed };
	snprintf(ret->why, sizeof(ret->why), "%s", why);
	return true;
}

void kvm_probe_cached(const char *cache_dir, struct kvm_probe *ret)
{
	_cleanup_free_ char *path = cache_dir ? path_join(cache_dir, "kvm-probe.json") : NULL;
	_cleanup_free_ char *boot = boot_id();
	if (path && boot && recall(path, boot, ret))
		return;
	kvm_probe("/dev/kvm", ret);
	/* Permissions may change within a boot; the processor's abilities do not. */
	if (!path || !boot || ret->state < KVM_EMULATED || mkdir_parents(cache_dir, 0755, NULL) < 0)
		return;
	json_auto_t *file = json_object();
	json_put_text(&file, "boot_id", boot);
	json_put_text(&file, "why", ret->why);
	json_put_int(&file, "state", ret->state);
	json_put_u64(&file, "instructions_per_us", ret->instructions_per_us);
	json_write_file(path, file, NULL);
}

/* --- choosing ----------------------------------------------------------------------------------------------------- */

static int choose_kvm(const struct kvm_probe *probe, bool asked, struct accel_choice *ret, struct err **err)
{
	if (probe->state == KVM_HARDWARE) {
		ret->backend = &kvm_backend;
		snprintf(ret->reason, sizeof(ret->reason), "%s%s", asked ? "asked for; " : "", probe->why);
		return 0;
	}
	FAIL(err, ERR_MISSING, -ENOTSUP, "backend kvm: %s", probe->why);
	if (err && probe->state != KVM_FORBIDDEN)
		err_hint(*err, "use --accel tcg");
	return -ENOTSUP;
}

const char *tcg_time_name(unsigned lag_ns)
{
	return lag_ns ? "parallel" : "shared";
}

/* A QEMU whose vCPUs cannot have clocks of their own still runs tests, on one clock. */
static void choose_time(enum arch arch, unsigned lag_ns, struct accel_choice *ret)
{
	if (lag_ns && !preload_probe(arch, ret->shared_why, sizeof(ret->shared_why)))
		ret->lag_ns = lag_ns;
}

static int choose_tcg(enum arch arch, unsigned lag_ns, const char *why, struct accel_choice *ret, struct err **err)
{
	const struct tool tools[] = { { arch_names[arch].qemu, arch_names[arch].qemu_debian }, { 0 } };
	int r = tools_require(tools, "backend tcg", err);
	if (r < 0)
		return r;
	ret->backend = &qemu_backend;
	choose_time(arch, lag_ns, ret);
	snprintf(ret->reason, sizeof(ret->reason), "%s", why);
	return 0;
}

int accel_choose(enum accel want, unsigned lag_ns, const char *cache_dir, struct accel_choice *ret, struct err **err)
{
	struct kvm_probe probe = { 0 };
	if (want != ACCEL_TCG)
		kvm_probe_cached(cache_dir, &probe);
	if (want == ACCEL_KVM || (want == ACCEL_AUTO && probe.state == KVM_HARDWARE))
		return choose_kvm(&probe, want == ACCEL_KVM, ret, err);
	return choose_tcg(arch_host(), lag_ns, want == ACCEL_TCG ? "asked for" : probe.why, ret, err);
}

void accel_choose_remote_kvm(struct accel_choice *ret)
{
	ret->backend = &kvm_backend;
	snprintf(ret->reason, sizeof(ret->reason), "asked for; of other hosts");
}

int accel_choose_foreign(enum accel want, enum arch arch, unsigned lag_ns, struct accel_choice *ret, struct err **err)
{
	char why[64];
	if (want == ACCEL_KVM)
		return FAIL(err, ERR_USAGE, -ENOTSUP, "kvm runs only guests of this machine's architecture, not of %s",
			    arch_names[arch].name);
	snprintf(why, sizeof(why), "the guests are for %s", arch_names[arch].name);
	return choose_tcg(arch, lag_ns, why, ret, err);
}
