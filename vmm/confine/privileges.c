/* SPDX-License-Identifier: GPL-2.0-only */
/* privileges.c -- limits and capabilities. See setup.h, capabilities(7). */
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/file.h"
#include "vmm/confine/setup.h"

#define KILLED_FIRST "500" /* of oom_score_adj, from -1000 to 1000 */

static int set_limit(int resource, rlim_t value)
{
	struct rlimit old;
	if (getrlimit(resource, &old) < 0)
		return -errno;
	/* Only a privileged process may raise it. */
	struct rlimit new = { value, value };
	if (setrlimit(resource, &new) == 0)
		return 0;
	if (value <= old.rlim_max)
		return -errno;
	new = (struct rlimit){ old.rlim_max, old.rlim_max };
	return setrlimit(resource, &new) < 0 ? -errno : 0;
}

/*
 * Real-time priority is a limit because dropping the capabilities drops the right to set it. The OOM killer must choose
 * a machine before the ktstr that judges it.
 */
int setup_limits(const struct confine_request *q)
{
	const struct {
		int resource;
		rlim_t value;
	} limits[] = {
		{ RLIMIT_CORE, 0 },
		{ RLIMIT_MSGQUEUE, 0 },
		{ RLIMIT_NICE, 0 },
		{ RLIMIT_RTPRIO, q->realtime },
	};
	int r = file_write("/proc/self/oom_score_adj", KILLED_FIRST);
	struct rlimit files;
	if (r == 0 && getrlimit(RLIMIT_NOFILE, &files) == 0)
		r = set_limit(RLIMIT_NOFILE, files.rlim_max);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]) && r == 0; i++)
		r = set_limit(limits[i].resource, limits[i].value);
	return r;
}

static int drop_bounding_set(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap) < 0)
			return -errno;
	return 0;
}

int setup_privileges(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	/* An unprivileged process may not drop these two, and does not have them. */
	bool privileged = prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NO_SETUID_FIXUP |
							   SECBIT_NO_CAP_AMBIENT_RAISE | SECURE_ALL_LOCKS) == 0;
	int r = privileged ? drop_bounding_set() : 0;
	if (r < 0)
		return r;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}
