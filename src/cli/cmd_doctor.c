/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_doctor.c -- ktstr doctor: the state of every prerequisite, and how to fix it. */
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/term.h"
#include "base/tool.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "image/image.h"
#include "kernel/kernel.h"
#include "kernel/signature.h"
#include "lock/sandbox.h"
#include "reactor/reactor.h"
#include "vmm/accel.h"
#include "vmm/confine/confinement.h"
#include "vmm/qemu/argv.h"

enum health { HEALTH_GOOD, HEALTH_LIMITED, HEALTH_BAD, HEALTH_MAX };

struct finding {
	enum health health;
	char state[256];
	char remedy[256]; /* "" if there is nothing to do */
};

static void find(struct finding *f, enum health health, const char *state, const char *remedy)
{
	f->health = health;
	snprintf(f->state, sizeof(f->state), "%s", state);
	snprintf(f->remedy, sizeof(f->remedy), "%s", remedy);
}

/* --- one function per prerequisite -------------------------------------------------------------------------------- */

static void check_uring(struct finding *f)
{
	_cleanup_err_ struct err *err = NULL;
	struct reactor *r = NULL;
	if (reactor_new(&r, &err) == 0)
		find(f, HEALTH_GOOD, "works", "");
	else
		find(f, HEALTH_BAD, err->msg, err->hint ? err->hint : "use a kernel with io_uring");
	reactor_free(r);
}

static void check_kvm(struct finding *f)
{
	struct kvm_probe probe;
	static const char *const remedies[KVM_STATE_MAX] = {
		[KVM_ABSENT] = "nothing to do: tests run in QEMU's emulator (tcg)",
		[KVM_EMULATED] = "nothing to do: tests run in QEMU's emulator (tcg)",
		[KVM_FORBIDDEN] = "until then, tests run in QEMU's emulator (tcg)", /* the state says what to do */
		[KVM_HARDWARE] = "",
	};
	kvm_probe("/dev/kvm", &probe);
	find(f, probe.state == KVM_HARDWARE ? HEALTH_GOOD : HEALTH_LIMITED, probe.why, remedies[probe.state]);
}

static void check_tool(struct finding *f, const char *name, const char *package, const char *purpose)
{
	_cleanup_free_ char *path = tool_find(name);
	char remedy[160];
	snprintf(remedy, sizeof(remedy), "install %s (%s)", package, purpose);
	find(f, path ? HEALTH_GOOD : HEALTH_BAD, path ? path : "not found", path ? "" : remedy);
}

static void check_qemu(struct finding *f)
{
	check_tool(f, arch_names[arch_host()].qemu, arch_names[arch_host()].qemu_debian, "runs the machines");
}

/* Tests also run without busybox. */
static void check_busybox(struct finding *f)
{
	_cleanup_free_ char *path = tool_find(IMAGE_BUSYBOX);
	find(f, path ? HEALTH_GOOD : HEALTH_LIMITED, path ? path : "not found: guests have no shell and no tools",
	     path ? "" : "install busybox-static");
}

static void check_compiler(struct finding *f)
{
	check_tool(f, "gcc", "gcc", "builds kernels and tests");
}

static void check_make(struct finding *f)
{
	static const char *const tools[][2] = {
		{ "make", "make" }, { "flex", "flex" }, { "bison", "bison" }, { "bc", "bc" }, { "lz4", "lz4" }
	};
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		check_tool(f, tools[i][0], tools[i][1], "builds kernels");
		if (f->health != HEALTH_GOOD)
			return;
	}
	find(f, HEALTH_GOOD, "make, flex, bison, bc, lz4", "");
}

static void check_pahole(struct finding *f)
{
	check_tool(f, "pahole", "pahole", "makes a kernel's BTF");
}

static void check_clang(struct finding *f)
{
	_cleanup_free_ char *clang = tool_clang();
	bool old = clang && (!strcmp(clang, "clang-14") || !strcmp(clang, "clang"));
	_cleanup_free_ char *strip = tool_find("llvm-strip");
	if (clang && !strip) {
		find(f, HEALTH_LIMITED, "llvm-strip not found", "install llvm (builds BPF schedulers)");
		return;
	}
	find(f, clang && !old ? HEALTH_GOOD : HEALTH_LIMITED, clang ? clang : "not found",
	     clang && !old ? "" : "install clang-22, or the newest: older ones lose type tags that scx_flatcg needs");
}

static void check_signatures(struct finding *f)
{
	_cleanup_(keyring_done) struct keyring keys = { 0 };
	_cleanup_err_ struct err *err = NULL;
	if (keyring_find(&keys, &err) < 0)
		find(f, HEALTH_BAD, err ? err->msg : "out of memory", "unset KTSTR_KERNEL_KEYRING, or correct it");
	else if (!keys.path)
		find(f, HEALTH_LIMITED, keys.why, "the signatures of lists of checksums are not verified");
	else
		find(f, HEALTH_GOOD, keys.path, "");
}

static void check_disk(struct finding *f)
{
	_cleanup_(cache_done) struct cache cache = { 0 };
	_cleanup_err_ struct err *err = NULL;
	struct statvfs fs;
	char state[256];
	if (cache_open(&cache, &err) < 0) {
		find(f, HEALTH_BAD, err->msg, "set HOME or KTSTR_CACHE_DIR");
		return;
	}
	_cleanup_free_ char *dir = strdup(cache.root);
	while (dir && !path_exists(dir) && strrchr(dir, '/') > dir)
		*strrchr(dir, '/') = '\0';
	if (!dir || statvfs(dir, &fs) < 0) {
		find(f, HEALTH_BAD, "the cache's file system cannot be read", "set KTSTR_CACHE_DIR");
		return;
	}
	uint64_t gib = (uint64_t)fs.f_bavail * fs.f_frsize >> 30;
	snprintf(state, sizeof(state), "%lu GiB free for %s", gib, cache.root);
	find(f, gib >= 4 ? HEALTH_GOOD : HEALTH_BAD, state, gib >= 4 ? "" : "free 4 GiB, or set KTSTR_CACHE_DIR");
}

static void check_memory(struct finding *f)
{
	char state[256];
	struct memory_room room;
	memory_look("", &room);
	bool enough = room.available_mib >= 1024;
	if (room.limit_mib)
		snprintf(state, sizeof(state),
			 "%lu MiB available of the %lu MiB that the control group '%.150s' may use", room.available_mib,
			 room.limit_mib, room.group);
	else
		snprintf(state, sizeof(state), "%lu MiB available", room.available_mib);
	find(f, enough ? HEALTH_GOOD : HEALTH_BAD, state,
	     enough	      ? ""
	     : room.limit_mib ? "raise the control group's memory limit to 1 GiB or more"
			      : "free 1 GiB of memory");
}

static void check_cgroups(struct finding *f)
{
	struct sandboxes groups;
	bool known = sandboxes_find("", NULL, &groups) == 0;
	if (known && groups.parent)
		find(f, HEALTH_GOOD, "cgroup v2 with cpuset", "");
	else
		find(f, HEALTH_LIMITED, known ? groups.why : "out of memory",
		     "nothing to do: guests have control groups of their own, and builds keep to their CPUs by "
		     "affinity");
	if (known)
		sandboxes_close(&groups);
}

/* Machines also run when parts of the confinement are refused, but the user must know. */
static void check_confinement(struct finding *f)
{
	_cleanup_err_ struct err *err = NULL;
	struct reactor *r = NULL;
	struct confine_outcome o = { 0 };
	char refused[200] = "";
	int result = reactor_new(&r, &err);
	if (result == 0)
		result = confinement_probe(r, &o, &err);
	reactor_free(r);
	for (unsigned i = 0; i < CONFINE_PART_MAX; i++)
		if (o.part[i] && o.part[i] != CONFINE_IN_FORCE)
			snprintf(refused + strlen(refused), sizeof(refused) - strlen(refused), "%s%s (%s)",
				 *refused ? ", " : "refused: ", confine_part_names[i], strerrordesc_np(-o.part[i]));
	if (result < 0)
		find(f, HEALTH_BAD, err ? err->msg : "out of memory", "");
	else
		find(f, *refused ? HEALTH_LIMITED : HEALTH_GOOD, *refused ? refused : "all parts in force",
		     *refused ? "run as root, or allow user namespaces (sysctl user.max_user_namespaces)" : "");
}

/* Finds the kernel with the same function as `ktstr test`. */
static void check_kernels(struct finding *f)
{
	_cleanup_(cache_done) struct cache cache = { 0 };
	_cleanup_err_ struct err *err = NULL;
	struct kernel_id id = { 0 };
	char state[256];
	int r = cache_open(&cache, &err);
	if (r == 0)
		r = kernel_id_default(&cache, &id, &err);
	if (r == 0) {
		snprintf(state, sizeof(state), "%s", id.key ? id.key : id.path);
		find(f, HEALTH_GOOD, state, "");
	} else {
		find(f, HEALTH_LIMITED, err ? err->msg : strerror(-r), err && err->hint ? err->hint : "");
	}
	kernel_id_done(&id);
}

static const struct {
	const char *name;
	void (*check)(struct finding *f);
} checks[] = {
	{ "io_uring", check_uring },   { "confinement", check_confinement },
	{ "kvm", check_kvm },	       { "qemu", check_qemu },
	{ "busybox", check_busybox },  { "compiler", check_compiler },
	{ "build tools", check_make }, { "pahole", check_pahole },
	{ "clang", check_clang },      { "signatures", check_signatures },
	{ "disk", check_disk },	       { "memory", check_memory },
	{ "cgroups", check_cgroups },  { "kernels", check_kernels },
};

struct doctor_args {
	bool json;
};

static const struct option_row doctor_options[] = {
	ROW_JSON(struct doctor_args, "print as JSON"),
	OPT_END,
};

static int run_doctor(void *args, struct err **err)
{
	static const char *const words[HEALTH_MAX] = { "ok", "limited", "missing" };
	static const enum term_style styles[HEALTH_MAX] = { TERM_GOOD, TERM_WARN, TERM_BAD };
	const struct doctor_args *a = args;
	struct term t = term_probe(STDOUT_FILENO);
	json_auto_t *all = json_array();
	bool bad = false;
	(void)err;
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		struct finding f = { 0 };
		checks[i].check(&f);
		bad |= f.health == HEALTH_BAD;
		json_t *o = json_object();
		json_put_text(&o, "name", checks[i].name);
		json_put_text(&o, "health", words[f.health]);
		json_put_text(&o, "state", f.state);
		json_put_text(&o, "remedy", f.remedy);
		json_add(&all, o);
		if (!a->json)
			out_printf("%s%-8s%s %-12s %s%s%s\n", term_style(&t, styles[f.health]), words[f.health],
				   term_plain(&t), checks[i].name, f.state, f.remedy[0] ? "; " : "", f.remedy);
	}
	if (a->json)
		out_json(all, true);
	return bad ? EXIT_NO_BACKEND : 0;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.group = GROUP_HOST,
	.summary = "Say what this machine has, lacks, and needs",
	.text = "Checks every prerequisite of building kernels and running tests. Ends with status 69 if tests cannot "
		"run here.",
	.option = doctor_options,
	.environment = (const enum environment_id[]){ ENV_CACHE_DIR, ENV_KERNEL, ENV_MAX },
	.files = FILES_CACHE,
	.size = sizeof(struct doctor_args),
	.run = run_doctor,
};
