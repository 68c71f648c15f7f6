/* SPDX-License-Identifier: GPL-2.0-only */
/* Control groups for plans, with a directory and a few functions in the kernel's place. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "lock/sandbox.h"
#include "t.h"

/* --- the kernel's part -------------------------------------------------------------------------------------------- */

static struct {
	const char *narrow; /* the new content of cpuset.cpus.effective; NULL: the requested CPUs */
	const char *type;   /* a new group's cgroup.type */
	int make, pass_on;  /* errors */
	unsigned busy;	    /* how often removing a group still fails */
	unsigned killed;
} kernel;

static void put_file(const char *dir, const char *leaf, const char *text)
{
	_cleanup_free_ char *path = path_join(dir, leaf);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	ck_assert_int_ge(fd, 0);
	t_ok(fd_write_full(fd, text, strlen(text)));
	close(fd);
}

static int fake_make(const char *path)
{
	if (kernel.make)
		return kernel.make;
	if (mkdir(path, 0755) < 0)
		return -errno;
	put_file(path, "cgroup.type", kernel.type);
	put_file(path, "cgroup.procs", "");
	put_file(path, "cpuset.cpus", "");
	put_file(path, "cpuset.mems", "");
	return 0;
}

static int fake_remove(const char *path)
{
	if (kernel.busy) {
		kernel.busy--;
		return -EBUSY;
	}
	return remove_tree(path, NULL);
}

static int fake_write(const char *path, const char *text)
{
	char effective[4400];
	const char *leaf = strrchr(path, '/') + 1;
	kernel.killed += !strcmp(leaf, "cgroup.kill");
	if (!strcmp(leaf, "cgroup.subtree_control") && kernel.pass_on)
		return kernel.pass_on;
	snprintf(effective, sizeof(effective), "%s.effective", leaf);
	_cleanup_free_ char *dir = strndup(path, (size_t)(leaf - 1 - path));
	if (!strcmp(leaf, "cpuset.cpus"))
		put_file(dir, effective, kernel.narrow ? kernel.narrow : text);
	if (!strcmp(leaf, "cpuset.mems"))
		put_file(dir, effective, text);
	put_file(dir, leaf, text);
	return 0;
}

static const struct sandbox_calls fake = { fake_make, fake_remove, fake_write };

/* --- a machine ---------------------------------------------------------------------------------------------------- */

#define GROUP "/cg/user.slice/me"

static char *stage(const char *cgroup, const char *mounts, const char *controllers)
{
	static const char stat[] = "%d (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0\n";
	char *root = t_tmpdir(), own[200], text[200];
	_cleanup_free_ char *group = NULL, *self = NULL, *pid = NULL;
	kernel = (typeof(kernel)){ .type = "domain\n" };
	ck_assert(asprintf(&group, "%s" GROUP, root) > 0 && asprintf(&self, "%s/proc/self", root) > 0);
	ck_assert_int_gt(asprintf(&pid, "%s/proc/77", root), 0);
	t_ok(mkdir_parents(group, 0755, NULL));
	t_ok(mkdir_parents(self, 0755, NULL));
	t_ok(mkdir_parents(pid, 0755, NULL));
	snprintf(own, sizeof(own), stat, getpid());
	snprintf(text, sizeof(text), stat, 77);
	put_file(self, "stat", own);
	put_file(pid, "stat", text);
	put_file(self, "cgroup", cgroup);
	put_file(self, "mountinfo", mounts);
	put_file(group, "cgroup.controllers", controllers);
	put_file(group, "cgroup.subtree_control", "");
	return root;
}

#define MOUNTS "30 1 0:25 / /proc rw - proc proc rw\n31 1 0:26 / /cg rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"

static const struct {
	const char *cgroup, *mounts, *controllers, *why;
	int pass_on;
} without[] = {
	{ "3:cpuset:/\n0::/user.slice/me\n", MOUNTS, "cpu\n", "the cpuset controller belongs to cgroup v1" },
	{ "3:cpu,cpuset:/\n0::/user.slice/me\n", MOUNTS, "cpu\n", "the cpuset controller belongs to cgroup v1" },
	{ "3:memory:/\n", MOUNTS, "cpuset\n", "has no cgroup v2" },
	{ "", MOUNTS, "cpuset\n", "has no cgroup v2" },
	{ "garbage\n\n::\n", MOUNTS, "cpuset\n", "has no cgroup v2" },
	{ "0::/user.slice/me\n", "", "cpuset\n", "is not mounted" },
	{ "0::/../me\n", "31 1 0:26 /user.slice /cg rw - cgroup2 cgroup2 rw\n", "cpuset\n", "is not mounted" },
	{ "0::/user.slice/me\n", MOUNTS, "cpusets memory\n", "is not delegated to" },
	{ "0::/user.slice/me\n", MOUNTS, "cpuset memory\n", "cannot be enabled", -EACCES },
};

START_TEST(where_there_are_none_it_is_said)
{
	char *root = stage(without[_i].cgroup, without[_i].mounts, without[_i].controllers);
	struct cpu_plan plan = { 0 };
	struct sandboxes s;
	struct sandbox b;
	kernel.pass_on = without[_i].pass_on;
	t_ok(sandboxes_open(root, &fake, &s));
	ck_assert_ptr_null(s.parent);
	ck_assert_msg(strstr(s.why, without[_i].why) != NULL, "'%s', not '%s'", s.why, without[_i].why);
	t_ok(sandbox_make(&s, &plan, true, &b, NULL));
	ck_assert(!b.path && b.procs == -1 && !strcmp(b.note, s.why));
	sandbox_remove(&s, &b);
	sandboxes_close(&s);
	t_rmdir(root);
}
END_TEST

static struct cpu_plan two_cpus(void)
{
	struct cpu_plan plan = { 0 };
	cpuset_add(&plan.cpus, 2);
	cpuset_add(&plan.cpus, 3);
	cpuset_add(&plan.mems, 0);
	return plan;
}

static bool holds(const struct sandbox *b, const char *leaf, const char *text)
{
	_cleanup_buf_ struct buf found = BUF_NULL;
	_cleanup_free_ char *path = path_join(b->path, leaf);
	return file_read(path, 4096, &found, NULL) == 0 && !strcmp(buf_str(&found), text);
}

/* Also if only a part of the tree is mounted, and below a group that has processes. */
START_TEST(a_group_has_what_the_plan_has)
{
	static const char *const mounts[] = { MOUNTS, "31 1 0:26 /user.slice /cg/user.slice rw - cgroup2 none rw\n" };
	char *root = stage("0::/user.slice/me\n", mounts[_i], "cpu cpuset\n");
	struct cpu_plan plan = two_cpus();
	struct sandboxes s;
	struct sandbox b, other;
	kernel.type = _i ? "domain invalid\n" : "domain\n";
	kernel.busy = 3;
	t_ok(sandboxes_open(root, &fake, &s));
	t_ok(sandbox_make(&s, &plan, true, &b, NULL));
	t_ok(sandbox_make(&s, &plan, true, &other, NULL));
	ck_assert_ptr_nonnull(b.path);
	ck_assert_ptr_nonnull(other.path);
	ck_assert(strcmp(b.path, other.path) && strstr(b.path, GROUP "/ktstr-"));
	ck_assert(b.procs >= 0 && !*b.note);
	ck_assert(holds(&b, "cpuset.cpus", "2-3") && holds(&b, "cpuset.mems", "0"));
	ck_assert(holds(&b, "cgroup.type", _i ? "threaded" : "domain\n"));
	_cleanup_free_ char *gone = strdup(b.path);
	sandbox_remove(&s, &b);
	sandbox_remove(&s, &other);
	sandbox_remove(&s, &other);
	ck_assert(!path_exists(gone));
	ck_assert_uint_eq(kernel.killed, 2);
	sandboxes_close(&s);
	t_rmdir(root);
}
END_TEST

/* With a promise, fewer CPUs than planned are an error; without one, the group gets the available CPUs. */
START_TEST(less_than_the_plan_is_told)
{
	static const char *const allowed[] = { "2", "0-1", "", "nonsense" };
	char *root = stage("0::/user.slice/me\n", MOUNTS, "cpuset\n");
	struct cpu_plan plan = two_cpus();
	struct err *err = NULL;
	struct sandboxes s;
	struct sandbox b;
	kernel.narrow = allowed[_i];
	t_ok(sandboxes_open(root, &fake, &s));
	t_ok(sandbox_make(&s, &plan, false, &b, NULL));
	ck_assert(*b.note);
	/* A group without CPUs is not used. */
	ck_assert_int_eq(b.path != NULL, _i < 2);
	sandbox_remove(&s, &b);
	int r = sandbox_make(&s, &plan, true, &b, &err);
	if (_i < 3) {
		t_errno(r, ERANGE);
		ck_assert_int_eq(err_kind_of(err), ERR_BUSY);
		t_err_contains(&err, "of the plan's 2-3");
	} else {
		t_ok(r);
	}
	ck_assert(!b.path || _i == 3);
	sandbox_remove(&s, &b);
	sandboxes_close(&s);
	t_rmdir(root);
}
END_TEST

START_TEST(where_none_can_be_made_affinity_must_do)
{
	char *root = stage("0::/user.slice/me\n", MOUNTS, "cpuset\n");
	struct cpu_plan plan = two_cpus();
	struct sandboxes s;
	struct sandbox b;
	kernel.make = -EROFS;
	t_ok(sandboxes_open(root, &fake, &s));
	t_ok(sandbox_make(&s, &plan, true, &b, NULL));
	ck_assert(!b.path && b.procs == -1 && strstr(b.note, "Read-only file system"));
	sandboxes_close(&s);
	t_rmdir(root);
}
END_TEST

/*
 * Removes groups of dead processes, and of pids that another process now has; keeps those of living ones and other
 * names.
 */
START_TEST(orphans_are_swept)
{
	static const struct {
		const char *name;
		bool stays;
	} left[] = {
		{ "ktstr-77-4711-0", true },	    { "ktstr-77-4712-0", false },
		{ "ktstr-78-4711-3", false },	    { "ktstr-x-1-1", true },
		{ "ktstr-78-4711-3-backup", true }, { "ktstr-78-4711-", true },
		{ "ktstr--1-4711-3", true },	    { "other", true },
	};
	char *root = stage("0::/user.slice/me\n", MOUNTS, "cpuset\n"), path[4400];
	struct sandboxes s;
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		snprintf(path, sizeof(path), "%s" GROUP "/%s", root, left[i].name);
		t_ok(mkdir(path, 0755));
	}
	t_ok(sandboxes_find(root, &fake, &s));
	snprintf(path, sizeof(path), "%s" GROUP "/%s", root, left[1].name);
	ck_assert_msg(path_exists(path), "looking changes nothing");
	sandboxes_close(&s);
	t_ok(sandboxes_open(root, &fake, &s));
	for (size_t i = 0; i < ARRAY_SIZE(left); i++) {
		snprintf(path, sizeof(path), "%s" GROUP "/%s", root, left[i].name);
		ck_assert_msg(path_exists(path) == left[i].stays, "%s", left[i].name);
	}
	sandboxes_close(&s);
	t_rmdir(root);
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_loop_test(tc, where_there_are_none_it_is_said, 0, ARRAY_SIZE(without));
	tcase_add_loop_test(tc, a_group_has_what_the_plan_has, 0, 2);
	tcase_add_loop_test(tc, less_than_the_plan_is_told, 0, 4);
	tcase_add_test(tc, where_none_can_be_made_affinity_must_do);
	tcase_add_test(tc, orphans_are_swept);
}

int main(void)
{
	return t_main("sandbox", fill);
}
