/* SPDX-License-Identifier: GPL-2.0-only */
/* outcome.c -- see outcome.h. */
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "net/outcome.h"

/* --- the header: untrusted lines ---------------------------------------------------------------------------------- */

struct text {
	const char *at, *end;
};

static struct text trimmed(struct text t)
{
	while (t.at < t.end && (*t.at == ' ' || *t.at == '\t'))
		t.at++;
	while (t.end > t.at && (t.end[-1] == '\r' || t.end[-1] == '\n' || t.end[-1] == ' ' || t.end[-1] == '\t'))
		t.end--;
	return t;
}

static size_t text_length(struct text t)
{
	return (size_t)(t.end - t.at);
}

static bool take_prefix(struct text *t, const char *prefix)
{
	size_t len = strlen(prefix);
	if (text_length(*t) < len || strncasecmp(t->at, prefix, len) != 0)
		return false;
	t->at += len;
	return true;
}

static bool take_number(struct text *t, uint64_t *ret)
{
	uint64_t n = 0;
	const char *from = t->at;
	for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*t->at - '0'), &n))
			return false;
	*ret = n;
	return t->at > from;
}

/* "bytes FIRST-LAST/TOTAL". TOTAL is "*" when unknown; with status 416, "*" replaces FIRST-LAST. */
static void take_range(struct response *r, struct text t)
{
	uint64_t first, last, total = 0;
	if (!take_prefix(&t, "bytes "))
		return;
	if (take_prefix(&t, "*/")) {
		if (take_number(&t, &total) && !text_length(t))
			r->range_total = total;
		return;
	}
	if (!take_number(&t, &first) || !take_prefix(&t, "-"))
		return;
	if (!take_number(&t, &last) || !take_prefix(&t, "/"))
		return;
	if (!take_prefix(&t, "*") && !take_number(&t, &total))
		return;
	if (text_length(t) || last < first || (total && last >= total))
		return;
	r->ranged = true;
	r->range_first = first;
	r->range_total = total;
}

static bool is_printable(struct text t)
{
	for (; t.at < t.end; t.at++)
		if (*t.at < ' ' || *t.at > '~')
			return false;
	return true;
}

static void take_validator(struct response *r, struct text t, bool etag)
{
	size_t len = text_length(t);
	if (!len || len >= sizeof(r->validator) || !is_printable(t))
		return;
	memcpy(r->validator, t.at, len);
	r->validator[len] = '\0';
	r->etag = etag;
}

/* "HTTP/1.1 206 Partial Content" */
static void take_status(struct response *r, struct text t)
{
	uint64_t status;
	while (t.at < t.end && *t.at != ' ')
		t.at++;
	t = trimmed(t);
	*r = (struct response){ 0 };
	if (take_number(&t, &status) && status >= 100 && status <= 999)
		r->status = (unsigned)status;
}

void response_line(struct response *r, const char *line, size_t len)
{
	struct text t = { line, line + len };
	if (take_prefix(&t, "HTTP/")) {
		take_status(r, t);
	} else if (take_prefix(&t, "Content-Range:")) {
		take_range(r, trimmed(t));
	} else if (take_prefix(&t, "Content-Type:")) {
		t = trimmed(t);
		r->html = take_prefix(&t, "text/html");
	} else if (take_prefix(&t, "ETag:")) {
		t = trimmed(t);
		if (text_length(t) && *t.at == '"') /* If-Range does not allow a weak one, W/"..." */
			take_validator(r, t, true);
	} else if (!r->etag && take_prefix(&t, "Last-Modified:")) {
		take_validator(r, trimmed(t), false);
	}
}

/* --- the result --------------------------------------------------------------------------------------------------- */

/* Errors that another attempt at the same server cannot change. All others are taken as temporary. */
static const int lasting[] = {
	CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT,
	CURLE_TOO_MANY_REDIRECTS,   CURLE_PEER_FAILED_VERIFICATION,
	CURLE_SSL_CACERT_BADFILE,   CURLE_SSL_CERTPROBLEM,
	CURLE_SSL_ISSUER_ERROR,	    CURLE_LOGIN_DENIED,
	CURLE_NOT_BUILT_IN,	    CURLE_FAILED_INIT,
	CURLE_BAD_CONTENT_ENCODING, CURLE_WRITE_ERROR,
	CURLE_OUT_OF_MEMORY,	    CURLE_REMOTE_ACCESS_DENIED,
};

static enum outcome judge_status(unsigned status)
{
	static const unsigned passing[] = { 408, 425, 429, 500, 502, 503, 504 };
	if (status == 416)
		return OUTCOME_RESTART;
	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		if (status == passing[i])
			return OUTCOME_RETRY;
	return OUTCOME_GIVE_UP;
}

enum outcome outcome_judge(int curl_code, unsigned status)
{
	if (curl_code == CURLE_OK)
		return status == 200 || status == 206 ? OUTCOME_GOOD : OUTCOME_GIVE_UP;
	if (curl_code == CURLE_HTTP_RETURNED_ERROR)
		return judge_status(status);
	for (size_t i = 0; i < ARRAY_SIZE(lasting); i++)
		if (curl_code == lasting[i])
			return OUTCOME_GIVE_UP;
	return OUTCOME_RETRY;
}

bool outcome_absent(unsigned status)
{
	return status == 404 || status == 410;
}

nsec_t outcome_backoff(unsigned n, nsec_t first, nsec_t most, struct rng *rng)
{
	nsec_t whole = first;
	while (n-- && whole < most)
		whole *= 2;
	whole = MAX_OF(MIN_OF(whole, most), 2);
	return whole / 2 + (nsec_t)rng_below(rng, (uint64_t)(whole - whole / 2) + 1);
}
