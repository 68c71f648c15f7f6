/* SPDX-License-Identifier: GPL-2.0-only */
/* environment.c -- see environment.h. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/cleanup.h"
#include "base/environment.h"

/* In alphabetical order of the names, for readers of the documentation. */
const struct environment_variable environment_variables[ENV_MAX] = {
	[ENV_ACTIONS_CACHE_URL] = { "ACTIONS_CACHE_URL", "URL of GitHub's older cache service, with KTSTR_GHA_CACHE=1.",
				    "", "src/kernel/gha.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_ACTIONS_RESULTS_URL] = { "ACTIONS_RESULTS_URL",
				      "URL of GitHub's results service, which has the cache, with KTSTR_GHA_CACHE=1.",
				      "", "src/kernel/gha.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_ACTIONS_RUNTIME_TOKEN] = { "ACTIONS_RUNTIME_TOKEN", "The token for these services.", "",
					"src/kernel/gha.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_CARGO_TARGET_DIR] = { "CARGO_TARGET_DIR",
				   "Build directory: results are written to its subdirectory ktstr, and programs of "
				   "schedulers are also searched in release and debug.",
				   "target", "src/run/rundir.c", ENVIRONMENT_SYSTEM, ENVIRONMENT_VALUE },
	[ENV_CLICOLOR_FORCE] = { "CLICOLOR_FORCE",
				 "Not empty: print colours even if the output is not a terminal. The option --color "
				 "wins.",
				 "off", "src/base/term.c", ENVIRONMENT_SYSTEM, ENVIRONMENT_NONEMPTY },
	[ENV_COLORTERM] = { "COLORTERM", "Colours of the terminal. 'ktstr shell' sets it in the guest.", "",
			    "src/cli/cmd_shell.c", ENVIRONMENT_SYSTEM, ENVIRONMENT_VALUE },
	[ENV_GITHUB_BASE_REF] = { "GITHUB_BASE_REF",
				  "Branch into which a pull request goes: changes are those since the last commit that "
				  "origin's branch of this name and HEAD both have, and 'ktstr perf-delta' compares "
				  "with "
				  "that commit. --base and --base-ref win.",
				  "", "src/affected/changes.c", ENVIRONMENT_SYSTEM, ENVIRONMENT_VALUE },
	[ENV_HOME] = { "HOME",
		       "Home directory. The cache is in its .cache/ktstr, and '~' in a kernel's path stands for it.",
		       "", "src/kernel/cache.c", ENVIRONMENT_SYSTEM, ENVIRONMENT_EMPTY_TOO },
	[ENV_ACCEL] = { "KTSTR_ACCEL", "Backend for virtual machines: auto, kvm or tcg. The option --accel wins.",
			"auto", "src/cli/test_session.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_APT_SOURCES] = { "KTSTR_APT_SOURCES",
			      "File in the one-line format of apt's sources.list: the repositories in which "
			      "distro:VERSION looks for kernel source packages.",
			      "Debian's mirrors in /etc/apt, all suites", "src/kernel/distro.c", ENVIRONMENT_USER,
			      ENVIRONMENT_VALUE },
	[ENV_BACKTRACE] = { "KTSTR_BACKTRACE", "1 or full: the same as KTSTR_VERBOSE=1.", "off", "src/cli/cmd_test.c",
			    ENVIRONMENT_USER, ENVIRONMENT_ONE_OR_FULL, .decides = true },
	[ENV_BUDGET_SECS] = { "KTSTR_BUDGET_SECS",
			      "Run only a selection of the tests: as many different ones as can run within this many "
			      "seconds.",
			      "no limit", "src/cli/cmd_test.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_BYPASS_LLC_LOCKS] = { "KTSTR_BYPASS_LLC_LOCKS",
				   "Not empty: use CPUs without locking them, even if other ktstr processes use them.",
				   "off", "src/lock/cpu_budget.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE,
				   .decides = true },
	[ENV_CACHE_DIR] = { "KTSTR_CACHE_DIR", "Directory of built kernels.",
			    "$XDG_CACHE_HOME/ktstr/kernels, or ~/.cache/ktstr/kernels", "src/kernel/cache.c",
			    ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_CACHE_STORE_LOCK_TIMEOUT] = { "KTSTR_CACHE_STORE_LOCK_TIMEOUT",
					   "How long to wait for another process that builds the same kernel: "
					   "60s, 5m.",
					   "no limit", "src/cli/kernels.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_CARGO_TEST_MODE] = { "KTSTR_CARGO_TEST_MODE",
				  "Not empty: run without gauntlet and lock files, and look for schedulers in PATH "
				  "first.",
				  "off", "src/run/scheduler_path.c", ENVIRONMENT_USER, ENVIRONMENT_NONEMPTY },
	[ENV_CGROUP_WALK_ROOT] = { "KTSTR_CGROUP_WALK_ROOT",
				   "Control group from which `ktstr run` enables controllers, down to its own group.",
				   "/sys/fs/cgroup", "src/guest/binary/host.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_CI] = { "KTSTR_CI", "Not empty: sidecars record that the run was part of continuous integration.", "off",
		     "src/report/sidecar.c", ENVIRONMENT_USER, ENVIRONMENT_NONEMPTY },
	[ENV_CPU_CAP] = { "KTSTR_CPU_CAP", "Largest number of CPUs to keep busy. The option --cpu-cap wins.",
			  "30 % of the CPUs for a kernel build, all for tests", "src/lock/cpu_budget.c",
			  ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_GHA_CACHE] = { "KTSTR_GHA_CACHE",
			    "1: in a workflow of GitHub, look for kernels in its cache before they are built, and "
			    "upload "
			    "those that were built.",
			    "off", "src/kernel/gha.c", ENVIRONMENT_USER, ENVIRONMENT_ONE },
	[ENV_GUEST_DIR] = { "KTSTR_GUEST_DIR",
			    "Directory of ktstr-init for guests of another architecture than this machine's.",
			    "../lib/ktstr/ARCH beside ktstr's directory, or that of a build", "src/image/init.c",
			    ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_HOST_CGROUP_PARENT] = { "KTSTR_HOST_CGROUP_PARENT",
				     "Control group in which `ktstr run` creates its own ones. It is created if it "
				     "does not exist.",
				     "/sys/fs/cgroup", "src/guest/binary/host.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_HOST_DEADLINE_PERCENT] = { "KTSTR_HOST_DEADLINE_PERCENT",
					"Host time after which a machine counts as hanging, in percent of the built-in "
					"limit. Set more than 100 on a very slow host.",
					"100", "src/cli/test_settings.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE,
					.decides = true },
	[ENV_KERNEL] = { "KTSTR_KERNEL", "Kernel to test, in any form that --kernel takes. The option --kernel wins.",
			 "the newest usable one in the cache, else ./linux, ../linux, or the one that this machine "
			 "runs",
			 "src/cli/kernels.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_KERNEL_KEYRING] = { "KTSTR_KERNEL_KEYRING",
				 "File with public keys. A list of checksums must be signed by one of them. If there "
				 "is no such file, only kernel.org's key is accepted.",
				 "$XDG_DATA_HOME/ktstr/kernel.org.gpg", "src/kernel/signature.c", ENVIRONMENT_USER,
				 ENVIRONMENT_VALUE },
	[ENV_KERNEL_LIST] = { "KTSTR_KERNEL_LIST",
			      "Kernels to test, and their labels in names of tests: LABEL=KERNEL;LABEL=KERNEL. The "
			      "option --kernel wins. ktstr sets it for the programs that it starts.",
			      "", "src/cli/kernel_list.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_KERNEL_MIRROR] = { "KTSTR_KERNEL_MIRROR",
				"Where to download kernels instead of kernel.org: URLs, separated by commas, "
				"tried in this order.",
				"kernel.org", "src/kernel/mirror.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_KERNEL_PARALLELISM] = { "KTSTR_KERNEL_PARALLELISM",
				     "How many kernels are downloaded and built at the same time.", "all",
				     "src/cli/kernels.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_KERNEL_STORE] = { "KTSTR_KERNEL_STORE",
			       "URL of a store of built kernels, which is asked before a kernel is built. It has "
			       "KEY.tar.zst, "
			       "an archive of the cache's directory KEY, and KEY.tar.zst.sha256.",
			       "", "src/kernel/remote.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_KIT] = { "KTSTR_KIT",
		      "Directory with the selftests of a kernel, for kernels that were built without them.",
		      "beside the kernel", "src/kernel/identify.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE,
		      .decides = true },
	[ENV_LLM_DEBUG_RESPONSES] = { "KTSTR_LLM_DEBUG_RESPONSES",
				      "1: keep what the language model's server answered beside the result, as "
				      "NAME.llm.txt.",
				      "off", "src/run/model_metrics.c", ENVIRONMENT_USER, ENVIRONMENT_ONE },
	[ENV_LLM_TIMEOUT] = { "KTSTR_LLM_TIMEOUT", "How many seconds the language model may take for an answer.", "300",
			      "src/model/server.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_LLM_URL] = { "KTSTR_LLM_URL",
			  "URL of a server with the interface of llama.cpp's, which reads the output of payloads with "
			  "KTSTR_OUTPUT_LLM. Without it, ktstr starts llama-server with the model of 'ktstr model "
			  "fetch'.",
			  "", "src/model/server.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_LOCK_DIR] = { "KTSTR_LOCK_DIR",
			   "Directory of the lock files by which ktstr processes share this machine's CPUs.", "/tmp",
			   "src/lock/flock.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_LOG_PASSES] = { "KTSTR_LOG_PASSES", "Not empty: print a report also for tests that passed.", "off",
			     "src/cli/cmd_test.c", ENVIRONMENT_USER, ENVIRONMENT_NONEMPTY },
	[ENV_MODEL_OFFLINE] = { "KTSTR_MODEL_OFFLINE", "'ktstr model fetch' refuses to download.", "off",
				"src/cli/cmd_model.c", ENVIRONMENT_USER, ENVIRONMENT_ONE },
	[ENV_NO_PERF_MODE] = { "KTSTR_NO_PERF_MODE", "Not empty: the same as the option --no-perf-mode.", "off",
			       "src/cli/test_session.c", ENVIRONMENT_USER, ENVIRONMENT_NONEMPTY },
	[ENV_NO_SKIP_MODE] = { "KTSTR_NO_SKIP_MODE",
			       "If it is set, even to an empty value, a test that is skipped counts as failed.", "off",
			       "src/cli/cmd_test.c", ENVIRONMENT_USER, ENVIRONMENT_PRESENT },
	[ENV_PERF_DELTA] = { "KTSTR_PERF_DELTA",
			     "1: where the backend has no performance mode, performance_mode tests run as ordinary "
			     "ones.",
			     "off", "src/cli/test_session.c", ENVIRONMENT_INTERNAL, ENVIRONMENT_ONE },
	[ENV_PERF_ONLY] = { "KTSTR_PERF_ONLY", "1: skip every test that does not set performance_mode.", "off",
			    "src/cli/test_session.c", ENVIRONMENT_INTERNAL, ENVIRONMENT_ONE },
	[ENV_RUNS_ROOT] = { "KTSTR_RUNS_ROOT", "Directory in which each run creates its directory of results.",
			    "$CARGO_TARGET_DIR/ktstr, or target/ktstr", "src/run/rundir.c", ENVIRONMENT_USER,
			    ENVIRONMENT_VALUE },
	[ENV_SCHEDULER] = { "KTSTR_SCHEDULER",
			    "Program to run instead of every scheduler that is named without a path.", "",
			    "src/run/scheduler_path.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE, .decides = true },
	[ENV_SCHEDULER_ALLOW_STALE_FALLBACK] = { "KTSTR_SCHEDULER_ALLOW_STALE_FALLBACK",
						 "Not empty: if building a scheduler fails, its tests use the existing "
						 "program instead of failing.",
						 "off", "src/run/build.c", ENVIRONMENT_USER, ENVIRONMENT_NONEMPTY,
						 .decides = true },
	[ENV_SCHEDULER_BIN] = { "KTSTR_SCHEDULER_BIN_",
				"KTSTR_SCHEDULER_BIN_SCX_SIMPLE names the program for the scheduler scx_simple "
				"only; it wins over KTSTR_SCHEDULER.",
				"", "src/run/scheduler_path.c", ENVIRONMENT_USER, ENVIRONMENT_VALUE, .decides = true },
	[ENV_SIDECAR_DIR] = { "KTSTR_SIDECAR_DIR",
			      "Directory for the results of this run. No earlier results are moved out of it.",
			      "a directory of the run's own below KTSTR_RUNS_ROOT", "src/run/rundir.c",
			      ENVIRONMENT_USER, ENVIRONMENT_VALUE },
	[ENV_TEST_KERNEL] = { "KTSTR_TEST_KERNEL",
			      "Kernel image to test, booted as it is. It wins over KTSTR_KERNEL; set to "
			      "nothing it is "
			      "an error.",
			      "", "src/kernel/discover.c", ENVIRONMENT_USER, ENVIRONMENT_EMPTY_TOO },
	[ENV_VERBOSE] = { "KTSTR_VERBOSE",
			  "1: guests print all kernel messages on the console, from the start of the boot.", "off",
			  "src/cli/cmd_test.c", ENVIRONMENT_USER, ENVIRONMENT_ONE, .decides = true },
	[ENV_VERIFIER_RAW] = { "KTSTR_VERIFIER_RAW", "1: 'ktstr verifier' prints logs as they are, as with --raw.",
			       "off", "src/cli/cmd_verifier.c", ENVIRONMENT_USER, ENVIRONMENT_ONE },
	[ENV_LD_LIBRARY_PATH] = { "LD_LIBRARY_PATH",
				  "Directories that are searched first for the libraries of programs that run in a "
				  "guest.",
				  "", "src/image/elf.c", ENVIRONMENT_SYSTEM, ENVIRONMENT_VALUE, .decides = true },
	[ENV_LLVM_COV_TARGET_DIR] = { "LLVM_COV_TARGET_DIR", "Directory of what 'ktstr coverage' counts.",
				      "the directory of LLVM_PROFILE_FILE, else llvm-cov-target in CARGO_TARGET_DIR",
				      "src/cli/coverage_dir.c", ENVIRONMENT_SYSTEM, ENVIRONMENT_VALUE },
	[ENV_LLVM_PROFILE_FILE] = { "LLVM_PROFILE_FILE", "Its directory is the default of LLVM_COV_TARGET_DIR.", "",
				    "src/cli/coverage_dir.c", ENVIRONMENT_SYSTEM, ENVIRONMENT_VALUE },
	[ENV_NO_COLOR] = { "NO_COLOR", "Not empty: print no colours on a terminal. The option --color wins.", "off",
			   "src/base/term.c", ENVIRONMENT_SYSTEM, ENVIRONMENT_NONEMPTY },
	[ENV_PATH] = { "PATH", "Directories that are searched for programs.", "/usr/bin:/bin", "src/base/tool.c",
		       ENVIRONMENT_SYSTEM, ENVIRONMENT_VALUE },
	[ENV_TERM] = { "TERM", "Type of the terminal. If it is unset or dumb, output is the same as to a file.", "",
		       "src/base/term.c", ENVIRONMENT_SYSTEM, ENVIRONMENT_VALUE },
	[ENV_TMPDIR] = { "TMPDIR",
			 "Directory of temporary files: the disk of a guest; results of a run that is packed.", "/tmp",
			 "src/run/devices.c", ENVIRONMENT_SYSTEM, ENVIRONMENT_VALUE },
	[ENV_XDG_CACHE_HOME] = { "XDG_CACHE_HOME", "Directory of caches. ktstr uses its subdirectory ktstr.",
				 "~/.cache", "src/kernel/cache.c", ENVIRONMENT_SYSTEM, ENVIRONMENT_VALUE },
	[ENV_XDG_DATA_HOME] = { "XDG_DATA_HOME",
				"Directory of a user's data. The keyring for kernel.org is in its subdirectory ktstr.",
				"~/.local/share", "src/kernel/signature.c", ENVIRONMENT_SYSTEM, ENVIRONMENT_VALUE },
};

const char *environment_get(enum environment_id id)
{
	REQUIRE(id < ENV_MAX);
	const struct environment_variable *v = &environment_variables[id];
	const char *value = getenv(v->name);
	return value && !*value && v->rule != ENVIRONMENT_EMPTY_TOO ? NULL : value;
}

const char *environment_get_for(enum environment_id id, const char *name)
{
	char full[128];
	REQUIRE(id < ENV_MAX);
	size_t at = (size_t)snprintf(full, sizeof(full), "%s", environment_variables[id].name);
	for (const char *p = name; *p && at < sizeof(full) - 1; p++)
		full[at++] = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';
	full[at] = '\0';
	const char *value = getenv(full);
	return value && *value ? value : NULL;
}

bool environment_is_on(enum environment_id id)
{
	REQUIRE(id < ENV_MAX);
	const struct environment_variable *v = &environment_variables[id];
	const char *value = getenv(v->name);
	if (!value)
		return false;
	switch (v->rule) {
	case ENVIRONMENT_PRESENT:
		return true;
	case ENVIRONMENT_ONE:
		return !strcmp(value, "1");
	case ENVIRONMENT_ONE_OR_FULL:
		return !strcmp(value, "1") || !strcmp(value, "full");
	case ENVIRONMENT_NONEMPTY:
	case ENVIRONMENT_VALUE:
	case ENVIRONMENT_EMPTY_TOO:
		break;
	}
	return *value != '\0';
}

/* --- for make ----------------------------------------------------------------------------------------------------- */

/* A name that ends in '_' is a prefix. */
static const char
	*const
		make_passes[] = {
			"PATH",
			"HOME",
			"USER",
			"LOGNAME",
			"SHELL",
			"TERM",
			"TMPDIR",
			"TZ",
			"LANG",
			"LANGUAGE",
			"LC_",
			"LD_LIBRARY_PATH",
			"PKG_CONFIG_PATH", /* tools and libraries outside the usual places */
			"XDG_CACHE_HOME",
			"CCACHE_",
		};

static bool make_may_see(const char *setting)
{
	size_t len = strcspn(setting, "=");
	for (size_t i = 0; i < ARRAY_SIZE(make_passes); i++) {
		size_t n = strlen(make_passes[i]);
		bool prefix = make_passes[i][n - 1] == '_';
		if (!strncmp(setting, make_passes[i], n) && (prefix ? len >= n : len == n))
			return true;
	}
	return false;
}

const char **environment_for_make(void)
{
	size_t all = 0, kept = 0;
	while (environ && environ[all])
		all++;
	const char **list = calloc(all + 1, sizeof(*list));
	for (size_t i = 0; list && i < all; i++)
		if (make_may_see(environ[i]))
			list[kept++] = environ[i];
	return list;
}
