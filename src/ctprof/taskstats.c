/* SPDX-License-Identifier: GPL-2.0-only */
/* taskstats.c -- see taskstats.h. */
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <linux/taskstats.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "ctprof/taskstats.h"

#define ANSWER_MAX 4096
/* The only version whose members have other places. */
#define UNREADABLE_VERSION 15

struct request {
	struct nlmsghdr head;
	struct genlmsghdr generic;
	struct nlattr attribute;
	union {
		char name[16];
		uint32_t pid;
	} value;
};

/* Sends one request with one attribute, and receives one answer. Returns its length, or a negative errno. */
static ssize_t ask(struct taskstats_socket *s, struct request *q, size_t value_len, char *answer)
{
	q->head.nlmsg_len = (uint32_t)(NLMSG_LENGTH(GENL_HDRLEN) + NLA_ALIGN(NLA_HDRLEN + value_len));
	q->head.nlmsg_flags = NLM_F_REQUEST;
	q->head.nlmsg_seq = ++s->sequence;
	q->attribute.nla_len = (uint16_t)(NLA_HDRLEN + value_len);
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	if (sendto(s->fd, q, q->head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	ssize_t n = recv(s->fd, answer, ANSWER_MAX, 0);
	if (n < 0)
		return -errno;
	const struct nlmsghdr *h = (const struct nlmsghdr *)answer;
	if (!NLMSG_OK(h, (size_t)n) || h->nlmsg_seq != s->sequence)
		return -EBADMSG;
	if (h->nlmsg_type != NLMSG_ERROR)
		return (ssize_t)h->nlmsg_len;
	const struct nlmsgerr *e = NLMSG_DATA(h);
	return h->nlmsg_len >= NLMSG_LENGTH(sizeof(*e)) && e->error < 0 ? e->error : -EBADMSG;
}

/* The attribute @type in @len bytes of attributes, or NULL. */
static const struct nlattr *find_attribute(const char *data, size_t len, unsigned type)
{
	while (len >= NLA_HDRLEN) {
		const struct nlattr *a = (const struct nlattr *)data;
		size_t step = NLA_ALIGN(a->nla_len);
		if (a->nla_len < NLA_HDRLEN || a->nla_len > len)
			return NULL;
		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
		if (step >= len)
			return NULL;
		data += step;
		len -= step;
	}
	return NULL;
}

static const struct nlattr *answer_attribute(const char *answer, ssize_t len, unsigned type)
{
	size_t head = NLMSG_LENGTH(GENL_HDRLEN);
	return (size_t)len < head ? NULL : find_attribute(answer + head, (size_t)len - head, type);
}

static int find_family(struct taskstats_socket *s)
{
	_Alignas(8) char answer[ANSWER_MAX];
	struct request q = { .head = { .nlmsg_type = GENL_ID_CTRL },
			     .generic = { .cmd = CTRL_CMD_GETFAMILY, .version = 1 },
			     .attribute = { .nla_type = CTRL_ATTR_FAMILY_NAME },
			     .value = { .name = TASKSTATS_GENL_NAME } };
	ssize_t n = ask(s, &q, sizeof(TASKSTATS_GENL_NAME), answer);
	if (n < 0)
		return (int)n;
	const struct nlattr *a = answer_attribute(answer, n, CTRL_ATTR_FAMILY_ID);
	if (!a || a->nla_len < NLA_HDRLEN + sizeof(s->family))
		return -EBADMSG;
	memcpy(&s->family, (const char *)a + NLA_HDRLEN, sizeof(s->family));
	return 0;
}

int taskstats_open(struct taskstats_socket *s)
{
	struct timeval limit = { .tv_sec = 2 };
	*s = TASKSTATS_NULL;
	s->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (s->fd < 0)
		return -errno;
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	int r = find_family(s);
	if (r < 0)
		taskstats_close(s);
	return r;
}

void taskstats_close(struct taskstats_socket *s)
{
	s->fd = fd_close(s->fd);
}

void taskstats_apply(const void *data, size_t len, struct thread *t)
{
	uint16_t version;
	if (len < sizeof(version))
		return;
	memcpy(&version, data, sizeof(version));
	if (version == UNREADABLE_VERSION)
		return;
	for (unsigned i = METRIC_NAMED_MAX; metric_rows[i].name; i++) {
		const struct metric_row *m = &metric_rows[i];
		uint64_t value;
		if (m->source != SOURCE_TASKSTATS || version < m->since || m->field + sizeof(value) > len)
			continue;
		memcpy(&value, (const char *)data + m->field, sizeof(value));
		/* The kernel gives the watermarks in KiB. */
		if (m->unit == UNIT_BYTES)
			value = value > INT64_MAX / 1024 ? INT64_MAX : value * 1024;
		thread_set(t, i, value > INT64_MAX ? INT64_MAX : (int64_t)value);
	}
	/* The shortest of no waits is not known. */
	for (unsigned d = 0; d < DELAY_MAX; d++)
		if (thread_knows(t, metric_delay(d, DELAY_LEAST)) && !t->value[metric_delay(d, DELAY_LEAST)])
			thread_forget(t, metric_delay(d, DELAY_LEAST));
}

static void count_answer(struct taskstats_socket *s, ssize_t code)
{
	if (code == -EPERM)
		s->eperm++;
	else if (code == -ESRCH)
		s->esrch++;
	else
		s->other++;
}

void taskstats_read(struct taskstats_socket *s, struct thread *t)
{
	_Alignas(8) char answer[ANSWER_MAX];
	struct request q = { .head = { .nlmsg_type = s->family },
			     .generic = { .cmd = TASKSTATS_CMD_GET, .version = TASKSTATS_GENL_VERSION },
			     .attribute = { .nla_type = TASKSTATS_CMD_ATTR_PID },
			     .value = { .pid = (uint32_t)t->tid } };
	if (s->fd < 0)
		return;
	ssize_t n = ask(s, &q, sizeof(q.value.pid), answer);
	const struct nlattr *both = n < 0 ? NULL : answer_attribute(answer, n, TASKSTATS_TYPE_AGGR_PID), *a = NULL;
	if (both)
		a = find_attribute((const char *)both + NLA_HDRLEN, both->nla_len - NLA_HDRLEN, TASKSTATS_TYPE_STATS);
	if (!a || a->nla_len < NLA_HDRLEN + 2) {
		count_answer(s, n);
		return;
	}
	const char *data = (const char *)a + NLA_HDRLEN;
	uint16_t version;
	memcpy(&version, data, sizeof(version));
	s->version = version;
	s->ok++;
	taskstats_apply(data, a->nla_len - NLA_HDRLEN, t);
}

json_t *taskstats_summary(const struct taskstats_socket *s)
{
	json_t *o = json_object();
	json_put_u64(&o, "ok_count", s->ok);
	json_put_u64(&o, "eperm_count", s->eperm);
	json_put_u64(&o, "esrch_count", s->esrch);
	json_put_u64(&o, "other_err_count", s->other);
	json_put(&o, "version", s->version ? json_integer(s->version) : json_null());
	return o;
}
