/* SPDX-License-Identifier: GPL-2.0-only */
/* ticket.c -- see ticket.h. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lock/ticket.h"

#define GATE		 "ktstr-gate.lock"
#define TICKET_NAMES_MAX 64
#define TICKET_BEFORE	 "ktstr-ticket-"
#define GATE_PAUSE_LEAST (200 * NSEC_PER_USEC)
#define GATE_PAUSE_MOST	 (10 * NSEC_PER_MSEC)

/* Zero-padded, so that names sort by time. */
static void name_ticket(nsec_t since, pid_t pid, char out[LOCK_NAME_MAX])
{
	snprintf(out, LOCK_NAME_MAX, TICKET_BEFORE "%020ld-%d.lock", since, pid);
}

int ticket_take(const struct lock_dir *d, nsec_t since, struct ticket *ret, struct err **err)
{
	struct ticket t = { .fd = -1, .since = MAX_OF(since, 0) };
	int r = -EBUSY;
	/* One process may have two admissions that began to wait at the same moment. */
	for (unsigned n = 0; n < TICKET_NAMES_MAX && r == -EBUSY; n++) {
		name_ticket(t.since + n, getpid(), t.name);
		r = lock_take(d, t.name, LOCK_MODE_EXCLUSIVE, &t.fd, err);
	}
	if (r == -EBUSY)
		return FAIL(err, ERR_BUSY, r, "ticket '%s/%s' belongs to another process", d->path, t.name);
	if (r == 0)
		*ret = t;
	return r;
}

void ticket_give_back(const struct lock_dir *d, struct ticket *t)
{
	if (t->fd >= 0) {
		unlinkat(d->fd, t->name, 0);
		fd_close(t->fd);
	}
	*t = TICKET_NULL;
}

static bool parse_since(const char *name, nsec_t *ret)
{
	char digits[24];
	uint64_t since;
	size_t before = strlen(TICKET_BEFORE);
	if (strncmp(name, TICKET_BEFORE, before) || strlen(name) < before + 21 || name[before + 20] != '-')
		return false;
	memcpy(digits, name + before, 20);
	digits[20] = '\0';
	if (parse_u64(digits, &since) < 0 || since > INT64_MAX)
		return false;
	*ret = (nsec_t)since;
	return true;
}

/* Takes the lock of the ticket. Success means that its owner is dead, so the ticket is removed. */
static bool owner_is_alive(const struct lock_dir *d, const char *name)
{
	int fd = -1;
	if (lock_take(d, name, LOCK_MODE_SHARED, &fd, NULL) == -EBUSY)
		return true;
	if (fd >= 0)
		unlinkat(d->fd, name, 0);
	fd_close(fd);
	return false;
}

bool ticket_urgent(const struct ticket *t, nsec_t now, nsec_t overtake_time)
{
	return t->fd >= 0 && now - t->since >= overtake_time;
}

bool ticket_must_wait(const struct lock_dir *d, const struct ticket *mine, nsec_t now, nsec_t overtake_time)
{
	nsec_t since;
	bool found = false;
	DIR *dir = opendir(d->path);
	for (struct dirent *e; dir && !found && (e = readdir(dir));) {
		if (!parse_since(e->d_name, &since) || now - since < overtake_time || !strcmp(e->d_name, mine->name))
			continue;
		/* A time in the future is from before a reboot, or from another clock, and counts as the oldest. */
		if (mine->fd >= 0 && since <= now && strcmp(e->d_name, mine->name) > 0)
			continue;
		found = owner_is_alive(d, e->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

int gate_enter(const struct lock_dir *d, nsec_t longest)
{
	nsec_t until = nsec_now() + longest;
	for (nsec_t pause = GATE_PAUSE_LEAST;; pause = MIN_OF(2 * pause, GATE_PAUSE_MOST)) {
		int fd = -1;
		if (lock_take(d, GATE, LOCK_MODE_EXCLUSIVE, &fd, NULL) != -EBUSY)
			return fd;
		if (nsec_now() >= until)
			return -1;
		struct timespec ts = nsec_to_timespec(pause);
		nanosleep(&ts, NULL);
	}
}
