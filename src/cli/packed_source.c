/* SPDX-License-Identifier: GPL-2.0-only */
/* packed_source.c -- see packed_source.h. */
#include "cli/packed_source.h"

#include <string.h>

#include "base/arch.h"
#include "base/environment.h"
#include "base/file.h"
#include "base/text.h"
#include "base/tool.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/test_session.h"
#include "reactor/interrupt.h"
#include "report/host.h"
#include "run/pack.h"
#include "run/replay_source.h"
#include "run/suite.h"
#include "vmm/qemu/argv.h"

/* --- origin ------------------------------------------------------------------------------------------------------- */

/* "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)" */
static int ask_qemu(struct reactor *r, struct packed_origin *ret, struct err **err)
{
	_cleanup_buf_ struct buf text = BUF_NULL;
	const char *program = arch_names[ARCH_X86_64].qemu; /* packs are of no other architecture */
	_cleanup_free_ char *path = tool_find(program);
	if (!path)
		return FAIL(err, ERR_MISSING, -ENOENT, "%s is not installed; install qemu-system-x86", program);
	int code = suite_ask(r, path, "--version", &text, err);
	const char *line = buf_str(&text);
	text_copy_line(ret->qemu, sizeof(ret->qemu), line, strcspn(line, "\n"));
	return code;
}

int packed_origin_here(struct reactor *r, struct packed_origin *ret, struct err **err)
{
	json_auto_t *host = host_context();
	const char *cpu = json_string_value(json_object_get(host, "cpu_model")) ?: "";
	snprintf(ret->ktstr, sizeof(ret->ktstr), "%s", KTSTR_VERSION);
	text_copy_line(ret->cpu, sizeof(ret->cpu), cpu, strlen(cpu));
	return ask_qemu(r, ret, err);
}

/* --- a test, run once more ---------------------------------------------------------------------------------------- */

static int set_variable(const char *name, const char *value)
{
	return setenv(name, value, /* overwrite= */ 1) < 0 ? -ENOMEM : 0;
}

static int enter_environment(char *const *variables)
{
	int r = 0;
	for (; r == 0 && *variables; variables++) {
		_cleanup_free_ char *name = strndup(*variables, strcspn(*variables, "="));
		r = name ? set_variable(name, *variables + strlen(name) + 1) : -ENOMEM;
	}
	return r;
}

static int run_captured(const struct replay_source *s, struct packed_run *ret, struct err **err)
{
	_cleanup_free_ struct test_args *args = calloc(1, sizeof(*args));
	if (!args)
		return -ENOMEM;
	if (strcmp(s->words[0], cmd_test.name) != 0)
		return FAIL(err, ERR_USAGE, -EINVAL,
			    "only a run of 'ktstr test' can be packed or debugged, not one of "
			    "'ktstr %s'",
			    s->words[0]);
	int r = options_parse(&cmd_test, s->words + 1, args, err);
	if (r < 0)
		return r;
	args->accel = "tcg";
	args->capture = ret;
	r = test_run(args, err);
	if (r == EXIT_INTERRUPTED)
		return FAIL(err, ERR_INTERRUPTED, -ECANCELED, "interrupted");
	if (r >= 0 && ret->file[PACKED_KERNEL].fd < 0)
		r = FAIL(err, ERR_IMPOSSIBLE, -EOPNOTSUPP, "the test had no machine here; the lines above say why");
	return r;
}

/* Results of this run are not the user's: they go to a directory that is removed. */
static int run_aside(const struct replay_source *s, struct packed_run *ret, struct err **err)
{
	const char *tmp = environment_get(ENV_TMPDIR);
	_cleanup_free_ char *dir = NULL;
	sigset_t before;
	if (asprintf(&dir, "%s/ktstr-replay-XXXXXX", tmp ?: "/tmp") < 0)
		return -ENOMEM;
	interrupt_hold(&before);
	if (!mkdtemp(dir)) {
		int code = -errno;
		interrupt_release(&before, NULL);
		return FAIL_SYS(err, code, "make the directory '%s'", dir);
	}
	int r = enter_environment(s->environment);
	if (r == 0)
		r = set_variable(environment_variables[ENV_SIDECAR_DIR].name, dir);
	if (r == 0)
		r = run_captured(s, ret, err);
	remove_tree(dir, NULL);
	int interrupted = interrupt_release(&before, r < 0 ? NULL : err);
	return r < 0 ? r : interrupted ?: r;
}

/* The run must be that of the result. */
static int compare(const struct replay_source *s, const struct packed_run *p, struct err **err)
{
	const char *digest = json_string_value(json_object_get(json_object_get(s->result, "guest"), "event_digest"));
	char now[24];
	snprintf(now, sizeof(now), "%08x", p->outcome.digest);
	if (!digest || !strcmp(digest, now))
		return 0;
	int r = FAIL(err, ERR_DATA, -EBADMSG,
		     "the run of '%s' is another one now: its events had the digest %s, and have %s", s->path, digest,
		     now);
	if (err)
		err_hint(*err, "the test, its scheduler, the kernel or QEMU has changed since; a pack made at once "
			       "keeps all of them");
	return r;
}

static int read_source(const struct strings *operands, struct packed_run *ret, struct err **err)
{
	struct replay_source s = { 0 };
	int r = replay_source_read(operands->item, &s, err);
	if (r < 0)
		return r;
	r = run_aside(&s, ret, err);
	if (r == 0)
		r = compare(&s, ret, err);
	replay_source_done(&s);
	return r;
}

int packed_source_read(const struct strings *operands, struct packed_run *ret, struct err **err)
{
	packed_run_init(ret);
	if (operands->count == 1 && pack_is(operands->item[0]))
		return pack_read(operands->item[0], ret, err);
	return read_source(operands, ret, err);
}
