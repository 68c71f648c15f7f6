/* SPDX-License-Identifier: GPL-2.0-only */
/* cmd_shell.c -- ktstr shell: a guest with a terminal, or one command in a guest. See docs/SHELL.md. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/tool.h"
#include "cli/commands.h"
#include "reactor/interrupt.h"
#include "cli/kernels.h"
#include "cli/out.h"
#include "cli/shared_options.h"
#include "run/devices.h"
#include "run/includes.h"
#include "run/plan.h"
#include "run/scheduler_path.h"
#include "shell/session.h"
#include "topo/topology.h"
#include "vmm/accel.h"
#include "vmm/qemu/kernel_patch.h"
#include "vmm/qemu/qemu.h"

#define EXEC_LIMIT_S	120
#define SHELL_LIMIT	(24 * 60 * NSEC_PER_MIN)
#define MEMORY_MIN_MIB	128
#define MEMORY_MAX_MIB	(1u << 20)
#define DISK_MIN	((uint64_t)1 << 20)
#define DISK_MAX	((uint64_t)1 << 40)
#define STATUS_TIMEOUT	124 /* as timeout(1) */
#define STATUS_SIGNAL	128 /* plus the signal, as shells say it */
#define ENVIRONMENT_MAX 4

static const char *const start_words[] = { "clone", "boot", NULL };
enum { START_FROM_CLONE, START_BY_BOOT };

static const char *const accel_words[] = { "auto", "kvm", "tcg", NULL };

struct shell_args {
	struct strings paths, kernel, include;
	const char *topology, *test, *exec, *accel;
	uint64_t memory_mib, disk; /* 0: not said */
	nsec_t exec_timeout;
	unsigned start;
	bool dmesg, no_perf_mode, include_eol, skip_sha256, no_verify_signature, no_ccache;
};

static const struct option_row shell_options[] = {
	ROW_KERNELS(struct shell_args),
	OPT_ONCE(struct shell_args, exec, "exec", 0, "COMMAND",
		 "run COMMAND with 'sh -c' instead of a shell, and exit with its status"),
	OPT_DURATION(struct shell_args, exec_timeout, "exec-timeout", 0, "TIME", NSEC_PER_MSEC, SHELL_LIMIT,
		     EXEC_LIMIT_S *NSEC_PER_SEC, NSEC_PER_SEC, "longest time of the command, after which it is 124"),
	OPT_LIST(struct shell_args, include, "include-files", 'i', "PATH",
		 "bring a file or directory along to /include-files, with its libraries; a name without a slash may "
		 "also be one of the kernel's own schedulers; repeatable"),
	OPT_ONCE(struct shell_args, topology, "topology", 0, "TOPOLOGY",
		 "nodes, last-level caches, cores, threads: 1n2l4c1t or 1,2,4,1 (default: one CPU)"),
	OPT_ONCE(struct shell_args, test, "test", 0, "NAME",
		 "use topology, memory and files of this test; its scheduler comes along and is not started"),
	OPT_NUMBER(struct shell_args, memory_mib, "memory-mib", 0, "N", MEMORY_MIN_MIB, MEMORY_MAX_MIB, 0,
		   "the guest's memory (default: by the number of CPUs and the size of the files)"),
	OPT_SIZE(struct shell_args, disk, "disk", 0, "SIZE", DISK_MIN, DISK_MAX, 0,
		 "an empty disk, /dev/vda, such as 1GiB; it takes space as it is written to, and is lost at the end"),
	OPT_FLAG(struct shell_args, dmesg, "dmesg", 0, "print all messages of the guest's kernel on standard error"),
	OPT_WORD(struct shell_args, accel, "accel", 0, "NAME", accel_words,
		 "what runs the guest: kvm, tcg, or auto, which is kvm where it is usable"),
	OPT_CHOICE(struct shell_args, start, "start", 0, "HOW", start_words,
		   "copy a machine that was booted before, or boot"),
	OPT_FLAG(struct shell_args, no_perf_mode, "no-perf-mode", 0, "accepted: a shell never reserves CPUs"),
	ROW_INCLUDE_EOL(struct shell_args),
	ROW_SKIP_SHA256(struct shell_args),
	ROW_NO_VERIFY_SIGNATURE(struct shell_args),
	ROW_NO_CCACHE(struct shell_args),
	OPT_INSTEAD("cpu-cap", "a shell reserves no CPUs; leave it out"),
	OPT_END,
};

static const struct option_conflict shell_conflicts[] = { { "test", "topology" }, { "test", "memory-mib" }, { 0 } };

/* All state of the command. Freed in one place. */
struct shell {
	const struct shell_args *args;
	struct reactor *reactor;
	struct cache cache;
	struct kernel kernel;
	struct suite *suite;
	size_t suites;
	const struct test_decl *test;
	struct includes *includes;
	struct ktstr_topology topology;
	struct terminal terminal;
	struct vm_devices devices;
	struct accel_choice accel;
	char *image_cache, *snapshot_cache, *path, *term, *colorterm, *prompt;
	const char *environment[ENVIRONMENT_MAX + 1];
	char boot_path[40];
	int boot_fd, disk_fd;
	struct session session;
	nsec_t began;
};

static void shell_done(struct shell *s)
{
	terminal_close(&s->terminal);
	reactor_free_p(&s->reactor);
	suites_free(s->suite, s->suites);
	kernel_done(&s->kernel);
	cache_done(&s->cache);
	if (s->includes)
		includes_done(s->includes);
	free(s->includes);
	free(s->image_cache);
	free(s->snapshot_cache);
	free(s->path);
	free(s->term);
	free(s->colorterm);
	free(s->prompt);
	fd_close(s->boot_fd);
	fd_close(s->disk_fd);
}

/* --- what was asked for ------------------------------------------------------------------------------------------- */

static int check_terminal(struct shell *s, struct err **err)
{
	if (s->args->exec)
		return 0;
	if (!isatty(STDIN_FILENO))
		return FAIL(err, ERR_USAGE, -ENOTTY,
			    "stdin must be a terminal for interactive shell mode; use --exec COMMAND without one");
	return terminal_open(&s->terminal, STDIN_FILENO, err);
}

static int parse_topology(struct shell *s, struct err **err)
{
	s->topology = (struct ktstr_topology){ .numa_nodes = 1, .llcs = 1, .cores = 1, .threads = 1 };
	if (!s->args->topology)
		return 0;
	int r = topology_parse(s->args->topology, &s->topology, err);
	return r < 0 ? r : topology_check(&s->topology, err);
}

static int find_test(struct shell *s, struct err **err)
{
	static const char *const default_paths[] = { "build", NULL };
	const char *name = s->args->test;
	if (!name && s->args->paths.count)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "'%s': paths are those of test binaries; say which test, by --test",
			    s->args->paths.item[0]);
	if (!name)
		return 0;
	int r = suites_load(s->reactor, s->args->paths.count ? s->args->paths.item : default_paths,
			    /* scenario_program= */ NULL, &s->suite, &s->suites, err);
	for (size_t i = 0; r == 0 && i < s->suites; i++)
		for (size_t k = 0; k < s->suite[i].tests; k++)
			if (!strcmp(s->suite[i].test[k].name, name))
				s->test = &s->suite[i].test[k];
	if (r < 0)
		return r;
	if (!s->test)
		return FAIL(err, ERR_USAGE, -ENOENT, "no test is called '%s'; 'ktstr test --list' lists all tests",
			    name);
	if (s->test->problem)
		return FAIL(err, ERR_DATA, -EINVAL, "test '%s': %s", name, s->test->problem);
	s->topology = s->test->topology;
	return 0;
}

/* A file that is not a source archive is a kernel to boot. Other commands refuse it. */
static bool names_image(const struct strings *kernel)
{
	struct stat st;
	const char *path = kernel->count == 1 ? kernel->item[0] : "";
	return strchr(path, '/') && stat(path, &st) == 0 && S_ISREG(st.st_mode) && !is_tarball_name(path);
}

static int get_kernel(struct shell *s, struct err **err)
{
	const struct shell_args *a = s->args;
	if (names_image(&a->kernel))
		return kernel_from_image(a->kernel.item[0], &s->kernel, err);
	struct kernels_request q = {
		.texts = a->kernel.item,
		.count = a->kernel.count,
		.stop_at_failure = true,
		.include_eol = a->include_eol,
		.skip_sha256 = a->skip_sha256,
		.no_verify_signature = a->no_verify_signature,
		.no_ccache = a->no_ccache,
	};
	_cleanup_(kernels_result_done) struct kernels_result k = { 0 };
	int r = cache_open(&s->cache, err);
	if (r == 0)
		r = kernels_get(s->reactor, &s->cache, &q, &k, err);
	if (r == 0 && k.count > 1)
		r = FAIL(err, ERR_USAGE, -EINVAL, "--kernel: a shell has one kernel, and these are %zu", k.count);
	if (r == 0)
		r = kernels_load(&s->cache, &k, 0, &s->kernel, err);
	if (r == 0 && s->kernel.absent)
		r = FAIL(err, ERR_MISSING, -ENOENT, "%s", s->kernel.absent);
	return r;
}

/* --- files -------------------------------------------------------------------------------------------------------- */

/* A name without a slash that is not a file here may be one of the kernel's own schedulers. */
static int include(struct shell *s, const char *name, struct err **err)
{
	_cleanup_free_ char *own = NULL, *to = NULL;
	if (s->kernel.schedulers && !strchr(name, '/') && !path_exists(name))
		own = path_join(s->kernel.schedulers, name);
	if (!own || access(own, X_OK) < 0)
		return includes_add(s->includes, name, err);
	to = path_join("include-files", name);
	return to ? includes_add_as(s->includes, own, to, err) : -ENOMEM;
}

static int include_scheduler(struct shell *s, struct err **err)
{
	const struct sched_decl *d = s->test->scheduler;
	_cleanup_free_ char *path = NULL, *to = NULL;
	if (!d || !d->binary)
		return 0;
	int r = scheduler_locate(d->binary, s->test->binary, s->kernel.schedulers, &path, err);
	if (r < 0)
		return r;
	to = path_join("include-files", path_basename(path));
	return to ? includes_add_as(s->includes, path, to, err) : -ENOMEM;
}

/* Without busybox, the guest gets the host's own shell and the tools that one misses most. */
static int include_tools(struct shell *s, struct err **err)
{
	static const char *const tools[] = { "sh",    "cat",  "ls",    "ps",	"mount", "dmesg", "uname",
					     "nproc", "kill", "sleep", "stty",	"id",	 "mkdir", "rm",
					     "cp",    "mv",   "grep",  "sed",	"head",	 "tail",  "taskset",
					     "chrt",  "env",  "date",  "sysctl" };
	_cleanup_free_ char *busybox = tool_find(IMAGE_BUSYBOX);
	int r = 0;
	for (size_t i = 0; r == 0 && !busybox && i < ARRAY_SIZE(tools); i++) {
		_cleanup_free_ char *path = tool_find(tools[i]), *to = path_join("bin", tools[i]);
		if (path && to)
			r = includes_add_as(s->includes, path, to, err);
	}
	return r;
}

static int find_files(struct shell *s, struct err **err)
{
	s->includes = calloc(1, sizeof(*s->includes));
	if (!s->includes)
		return -ENOMEM;
	int r = s->test ? includes_resolve(s->test, s->kernel.kit, s->includes, err) : 0;
	if (r == 0 && s->test)
		r = include_scheduler(s, err);
	for (size_t i = 0; r == 0 && i < s->args->include.count; i++)
		r = include(s, s->args->include.item[i], err);
	if (r == 0)
		r = include_tools(s, err);
	return r;
}

static uint64_t memory_of(const struct shell *s)
{
	uint64_t files_mib = (s->includes->bytes + (1 << 20) - 1) >> 20;
	uint64_t floor = MAX_OF(s->test ? s->test->memory_mib : 0u, (unsigned)guest_unpacking_mib(files_mib));
	return s->args->memory_mib ?: guest_memory_mib(&s->topology, (unsigned)floor);
}

static int make_disk(struct shell *s, struct err **err)
{
	uint64_t bytes = s->args->disk & ~(uint64_t)511;
	if (!bytes)
		return 0;
	s->disk_fd = disk_file_open(bytes, err);
	s->devices = (struct vm_devices){ .disk = true, .disk_fd = s->disk_fd, .console_in = -1, .bulk_out = -1 };
	return MIN_OF(s->disk_fd, 0);
}

/* --- the session -------------------------------------------------------------------------------------------------- */

static int set_variable(struct shell *s, char **text, const char *name, const char *value)
{
	size_t n = 0;
	if (!value || strchr(value, '\n'))
		return 0;
	if (asprintf(text, "%s=%s", name, value) < 0)
		return -ENOMEM;
	while (s->environment[n])
		n++;
	s->environment[n] = *text;
	return 0;
}

static int make_environment(struct shell *s)
{
	_cleanup_free_ char *dirs = includes_path(s->includes), *path = NULL;
	if (!dirs || asprintf(&path, "%s:/bin:/usr/bin:/sbin:/usr/sbin", dirs) < 0)
		return -ENOMEM;
	int r = set_variable(s, &s->path, "PATH", path);
	if (r == 0)
		r = set_variable(s, &s->term, "TERM", environment_get(ENV_TERM));
	if (r == 0)
		r = set_variable(s, &s->colorterm, "COLORTERM", environment_get(ENV_COLORTERM));
	if (r == 0 && !s->args->exec)
		r = set_variable(s, &s->prompt, "PS1", "\\[\\e[2m\\]^Ax=quit\\[\\e[0m\\] \\w # ");
	return r;
}

/* The copy of the kernel that boots faster, if there can be one. */
static const char *boot_file(struct shell *s)
{
	const struct cachefile_use use = { 0 };
	if (s->accel.backend != &qemu_backend ||
	    kernel_patch_boot(s->kernel.boot, false, s->image_cache, &use, &s->boot_fd) < 0)
		return s->kernel.boot;
	snprintf(s->boot_path, sizeof(s->boot_path), "/proc/%d/fd/%d", getpid(), s->boot_fd);
	return s->boot_path;
}

static void print_files(const struct shell *s)
{
	for (size_t i = 0; i < s->includes->count; i++) {
		const struct image_include *f = &s->includes->item[i];
		if (!strncmp(f->to, "include-files/", 14))
			say_printf("  /%s%s\n", f->to, access(f->from, X_OK) == 0 ? " (executable)" : "");
	}
}

static void print_banner(void *data, bool cloned)
{
	const struct shell *s = data;
	char topology[TOPOLOGY_TEXT_MAX];
	if (s->args->exec)
		return;
	say_printf("ktstr shell: kernel %s, %lu MiB, topology %s, %s in %.1f s\n", s->kernel.version ?: s->kernel.name,
		   memory_of(s), topology_format(&s->topology, topology), cloned ? "cloned" : "booted",
		   (double)(nsec_now() - s->began) / 1e9);
	if (s->includes->count)
		print_files(s);
	say_printf("type 'exit' to end the guest, Ctrl-A X to stop it at once\n");
}

static void on_signal(void *data, int sig)
{
	struct shell *s = data;
	if (sig == SIGWINCH)
		session_resized(&s->session);
	else
		reactor_cancel_all(s->reactor);
}

static int watch_signals(struct shell *s, struct signals *signals, struct err **err)
{
	static const int caught[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH };
	sigset_t set;
	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
		sigaddset(&set, caught[i]);
	return signals_init(signals, s->reactor, &set, on_signal, s, err);
}

/* The exit status of a session that has ended. */
static int status_of(struct shell *s, struct err **err)
{
	const struct session *e = &s->session;
	int code = e->err ? e->err->code : -EIO;
	terminal_close(&s->terminal);
	switch (e->end) {
	case SESSION_ENDED:
		return WIFEXITED(e->status) ? WEXITSTATUS(e->status) : STATUS_SIGNAL + WTERMSIG(e->status);
	case SESSION_QUIT:
		say_printf("\nTerminated.\n");
		return 0;
	case SESSION_HUNG_UP:
		return STATUS_SIGNAL + SIGHUP;
	case SESSION_LIVES:
	case SESSION_FAILED:
		break;
	}
	*err = TAKE_PTR(s->session.err);
	output_buf(&standard_error, &e->last_words);
	if (code != -ETIME || !s->args->exec || !s->session.begun)
		return code;
	_cleanup_buf_ struct buf text = BUF_NULL;
	err_format(*err, &text);
	say_printf("error: %s; allow more by --exec-timeout\n", buf_str(&text));
	*err = err_free(*err);
	return STATUS_TIMEOUT;
}

static int run_session(struct shell *s, const struct session_config *config, struct err **err)
{
	struct signals signals;
	int r = watch_signals(s, &signals, err);
	if (r < 0)
		return r;
	session_start(&s->session, s->reactor, config);
	r = reactor_run(s->reactor);
	signals_done(&signals);
	r = r < 0 ? FAIL_SYS(err, r, "run the session") : status_of(s, err);
	session_done(&s->session);
	return r;
}

/* For 'ktstr top'. */
static struct machine_card card_of(const struct shell *s)
{
	struct machine_card card = { .name = "shell", .image = s->kernel.image };
	snprintf(card.kernel, sizeof(card.kernel), "%s", s->kernel.boot ?: "");
	snprintf(card.version, sizeof(card.version), "%s", s->kernel.version ?: "");
	return card;
}

/* The messages of a boot are not repeated in a copy; a disk is not part of it. On kvm, a boot takes no longer. */
static bool may_clone(const struct shell *s)
{
	const struct shell_args *a = s->args;
	return !a->dmesg && !a->disk && a->start != START_BY_BOOT && s->accel.backend == &qemu_backend;
}

static int choose_accel(struct shell *s, struct err **err)
{
	_cleanup_free_ char *probes = cache_sibling("host");
	const char *said = s->args->accel ?: environment_get(ENV_ACCEL);
	enum accel want = ACCEL_AUTO;
	int r = said ? accel_parse(said, &want, err) : 0;
	return r == 0 ? accel_choose(want, 0, probes, &s->accel, err) : r;
}

static int run_guest(struct shell *s, struct err **err)
{
	const struct shell_args *a = s->args;
	const struct session_size size = terminal_size(STDIN_FILENO);
	const bool input = a->exec && !isatty(STDIN_FILENO);
	const uint64_t now = (uint64_t)nsec_clock(CLOCK_REALTIME);
	struct rng rng = { now ^ (uint64_t)getpid() };
	const struct image_session session = { .command = a->exec,
					       .input = input,
					       .columns = size.columns,
					       .rows = size.rows,
					       .clock = now / (uint64_t)NSEC_PER_SEC };
	const struct session_config config = {
		.backend = s->accel.backend,
		.kernel = s->kernel.boot,
		.card = card_of(s),
		.machine = { .topology = s->topology,
			     .memory_mib = memory_of(s),
			     .kernel = boot_file(s),
			     .kargs = s->test && s->test->scheduler ? (const char *const *)s->test->scheduler->kargs
								    : NULL,
			     .real_time = true,
			     .terminal_serial = s->kernel.image,
			     .verbose = a->dmesg,
			     .devices = s->devices.disk ? &s->devices : NULL },
		.base = { .include = s->includes->item, .includes = s->includes->count, .cache_dir = s->image_cache },
		.suffix = { .seed = rng_next(&rng), .session = &session, .environment = s->environment },
		.image_cache = s->image_cache,
		.snapshot_cache = may_clone(s) ? s->snapshot_cache : NULL,
		.terminal = a->exec ? NULL : &s->terminal,
		.in = input ? STDIN_FILENO : -1,
		.out = STDOUT_FILENO,
		.err = STDERR_FILENO,
		.kernel_log = a->dmesg,
		.limit = a->exec ? a->exec_timeout : SHELL_LIMIT,
		.began = print_banner,
		.data = s,
	};
	char why[128];
	const char *refused = s->accel.backend->refuses(&config.machine, why, sizeof(why));
	if (refused)
		return FAIL(err, ERR_MISSING, -ENOTSUP, "%s", refused);
	return run_session(s, &config, err);
}

static int run_shell(void *args, struct err **err)
{
	_cleanup_(shell_done) struct shell s = {
		.args = args, .terminal = TERMINAL_NULL, .boot_fd = -1, .disk_fd = -1, .began = nsec_now()
	};
	s.image_cache = cache_sibling("images");
	s.snapshot_cache = cache_sibling("snapshots");
	int r = parse_topology(&s, err);
	if (r == 0)
		r = check_terminal(&s, err);
	if (r == 0)
		r = reactor_new(&s.reactor, err);
	if (r == 0)
		r = find_test(&s, err);
	if (r == 0)
		r = get_kernel(&s, err);
	if (r == 0)
		r = find_files(&s, err);
	if (r == 0)
		r = make_environment(&s);
	if (r == 0)
		r = make_disk(&s, err);
	if (r == 0)
		r = choose_accel(&s, err);
	return r < 0 ? r : run_guest(&s, err);
}

const struct command cmd_shell = {
	.name = "shell",
	.group = GROUP_TESTS,
	.summary = "Start a guest with a terminal, or run one command in a guest",
	.operands = "[PATH...]",
	.text = "Starts a virtual machine with the kernel and a shell in it, on this terminal. The machine is copied "
		"from "
		"one that was booted before, where there is one; otherwise it boots once and is kept as the one to "
		"copy. "
		"Ctrl-A X stops it at once, 'exit' ends it, and everything in it is lost then.\n\n"
		"Where KVM is usable, the guest runs on it and boots each time; otherwise on QEMU's TCG.\n\n"
		"The exit status is that of the shell or of the command; 128 and the number of the signal that ended "
		"it; "
		"124 if the command took too long; 0 after Ctrl-A X. Errors of ktstr itself have the statuses below "
		"and a "
		"message that begins with 'error:'.\n\n"
		"A command's standard input comes from here unless that is a terminal; its output and its errors stay "
		"apart.\n\nTime in such a guest is the host's, unlike in tests, so nothing in it is repeatable. The "
		"paths "
		"are those of test binaries, for --test (default: build).",
	.option = shell_options,
	.conflict = shell_conflicts,
	.example =
		(const struct example[]){
			{ "ktstr shell --kernel 6.12 -i scx_simple", "a shell, with one of the kernel's schedulers" },
			{ "ktstr shell --exec 'uname -r; nproc' --topology 1,2,4,1", "one command on eight CPUs" },
			{ "ktstr shell --test my_test build", "the machine of a test, with its files" },
			{ NULL },
		},
	.environment = (const enum environment_id[]){ ENV_ACCEL, ENV_KERNEL, ENV_TERM, ENV_COLORTERM, ENV_TMPDIR,
						      KERNEL_ENVIRONMENT, ENV_MAX },
	.files = FILES_CACHE,
	OPERANDS(struct shell_args, paths),
	.run = run_shell,
};
