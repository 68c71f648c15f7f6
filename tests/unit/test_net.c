/* SPDX-License-Identifier: GPL-2.0-only */
/* Downloading without the network: versions, kernel.org's lists, response headers, decisions, the back-off. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <sys/socket.h>

#include "net/fetch.h"
#include "net/releases.h"
#include "t.h"

/* --- versions ----------------------------------------------------------------------------------------------------- */

static struct kversion version(const char *text)
{
	struct kversion v;
	ck_assert_msg(kversion_parse(text, &v) == 0, "%s", text);
	return v;
}

START_TEST(versions_read_and_write_the_same)
{
	static const char *const good[] = {
		"6", "6.12", "6.12.3", "6.13-rc2", "4.9.337", "6.12.3-rc1", "2.6.39", "7.0"
	};
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		char out[KVERSION_TEXT_MAX];
		struct kversion v = version(good[i]);
		ck_assert_str_eq(kversion_format(&v, out), good[i]);
	}
}
END_TEST

START_TEST(versions_that_are_none)
{
	static const char *const bad[] = { "",	    "v6.1",    "6.",	    ".6",      "6.12.",		"6.12.3.4",
					   "6-rc1", "6.12-rc", "6.12-rc1x", "6.12rc1", "next-20261120", "6.012",
					   " 6.1",  "6.1 ",    "-6",	    "6..1",    "6.1-RC1" };
	struct kversion v;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(kversion_parse(bad[i], &v) == -EINVAL, "%s", bad[i]);
	t_errno(kversion_parse("6.99999999999999999999", &v), ERANGE);
	t_errno(kversion_parse("6.12-rc1000000", &v), ERANGE);
}
END_TEST

START_TEST(versions_in_their_order)
{
	static const char *const rising[] = { "2.6.39",	  "5.19",      "6.0",  "6.9.12", "6.12-rc1",
					      "6.12-rc7", "6.12-rc10", "6.12", "6.12.1", "6.12.9",
					      "6.12.10",  "6.13-rc1",  "7.0" };
	for (size_t i = 0; i < ARRAY_SIZE(rising); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(rising); j++) {
			struct kversion a = version(rising[i]), b = version(rising[j]);
			int order = kversion_compare(&a, &b);
			ck_assert_msg((order > 0) - (order < 0) == (i > j) - (i < j), "%s and %s", rising[i],
				      rising[j]);
		}
	}
	struct kversion a = version("6.12"), b = version("6.12.0");
	ck_assert_int_eq(kversion_compare(&a, &b), 0);
}
END_TEST

START_TEST(versions_and_series)
{
	struct kversion v = version("6.12.3"), rc = version("6.12-rc3"), series = version("6.12"), major = version("6");
	struct kversion other = version("6.1");
	ck_assert(kversion_in_series(&v, &series) && kversion_in_series(&v, &major) && !kversion_in_series(&v, &other));
	ck_assert(!kversion_in_series(&rc, &series));
	ck_assert(kversion_is_series(&series) && !kversion_is_series(&v) && !kversion_is_series(&rc));
	char path[KVERSION_PATH_MAX];
	ck_assert_str_eq(kversion_tarball_path(&v, path), "/pub/linux/kernel/v6.x/linux-6.12.3.tar.xz");
	ck_assert_str_eq(kversion_sums_path(&v, path), "/pub/linux/kernel/v6.x/sha256sums.asc");
}
END_TEST

/* --- releases.json ------------------------------------------------------------------------------------------------ */

#define ENTRY(moniker, version, eol, source)                                                            \
	"{\"moniker\":\"" moniker "\",\"version\":\"" version "\",\"iseol\":" eol ",\"source\":" source \
	",\"released\":{\"timestamp\":1,\"isodate\":\"2026-11-20\"}},"

/* clang-format off */
static const char list_text[] =
	"{\"latest_stable\":{\"version\":\"6.17.8\"},\"releases\":["
	ENTRY("mainline", "6.18-rc6", "false", "\"https://git.kernel.org/torvalds/t/linux-6.18-rc6.tar.gz\"")
	ENTRY("longterm", "6.12.58", "false", "\"https://cdn.kernel.org/pub/linux-6.12.58.tar.xz\"")
	ENTRY("stable", "6.17.8", "false", "\"https://cdn.kernel.org/x\"")
	ENTRY("stable", "6.16.12", "true", "\"ftp://cdn.kernel.org/x\"")
	ENTRY("longterm", "6.12.9", "false", "null")
	ENTRY("stable", "7.0.1", "false", "\"https://a b/\"")
	ENTRY("longterm", "6.12.58", "false", "null")
	ENTRY("linux-next", "next-20261120", "false", "\"\"")
	"17,{\"moniker\":\"stable\"},{\"moniker\":\"stable\",\"version\":\"six\"}]}";
/* clang-format on */

START_TEST(releases_are_read)
{
	struct releases r;
	t_ok(releases_parse(list_text, strlen(list_text), "url", &r, NULL));
	ck_assert_int_eq(r.count, 6);
	static const char *const order[] = { "7.0.1", "6.18-rc6", "6.17.8", "6.16.12", "6.12.58", "6.12.9" };
	for (size_t i = 0; i < r.count; i++) {
		char out[KVERSION_TEXT_MAX];
		ck_assert_str_eq(kversion_format(&r.list[i].version, out), order[i]);
		ck_assert_str_eq(r.list[i].date, "2026-11-20");
	}
	ck_assert_int_eq(r.list[1].moniker, MONIKER_MAINLINE);
	ck_assert(r.list[3].eol && !r.list[2].eol);
	ck_assert_str_eq(r.list[0].source, ""); /* a URL contains no blank */
	ck_assert_str_eq(r.list[3].source, "");
	ck_assert_str_eq(r.list[2].source, "https://cdn.kernel.org/x");
	releases_done(&r);
}
END_TEST

START_TEST(releases_are_chosen)
{
	struct releases r;
	struct kversion series = version("6.12"), major = version("6"), gone = version("6.15");
	t_ok(releases_parse(list_text, strlen(list_text), "url", &r, NULL));
	ck_assert_int_eq(releases_newest(&r, 0)->version.major, 7);
	ck_assert_int_eq(releases_newest(&r, 8)->version.minor, 17);
	ck_assert_int_eq(releases_of_series(&r, &series)->version.patch, 58);
	ck_assert_int_eq(releases_of_series(&r, &major)->version.minor, 17);
	ck_assert_ptr_null(releases_of_series(&r, &gone));
	ck_assert_ptr_null(releases_newest(&r, 1000));
	releases_done(&r);
}
END_TEST

START_TEST(releases_that_are_none)
{
	static const struct {
		const char *text, *said;
	} bad[] = {
		{ "", "not valid JSON" },
		{ "<html>", "not valid JSON" },
		{ "[]", "no list 'releases'" },
		{ "{}", "no list 'releases'" },
		{ "{\"releases\":[]}", "0 entries" },
		{ "{\"releases\":[1]}", "no mainline, stable or longterm" },
		{ "{\"releases\":[", "not valid JSON" },
		{ "{\"releases\":{}}", "no list" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct releases r;
		struct err *err = NULL;
		t_errno(releases_parse(bad[i].text, strlen(bad[i].text), "http://x/releases.json", &r, &err), EBADMSG);
		ck_assert_int_eq(err_kind_of(err), ERR_DATA);
		ck_assert_ptr_nonnull(strstr(err->msg, "http://x/releases.json"));
		t_err_contains(&err, bad[i].said);
	}
}
END_TEST

/* --- sha256sums.asc ----------------------------------------------------------------------------------------------- */

#define SUM_A	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SUM_B	     "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
#define BEGIN_SIGNED "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n"
#define SIGNATURE    "-----BEGIN PGP SIGNATURE-----\n\niQ==\n-----END PGP SIGNATURE-----\n"

static int find(const char *text, const char *name, char out[SHA256_TEXT_MAX], struct err **err)
{
	return sha256sums_find(text, strlen(text), name, out, err);
}

START_TEST(sums_are_found)
{
	static const char *const text[] = {
		BEGIN_SIGNED SUM_A "  a.tar.xz\n" SUM_B "  b.tar.xz\n" SIGNATURE,
		"-----BEGIN PGP SIGNED MESSAGE-----\r\nHash: SHA256\r\n\r\n" SUM_A "  a.tar.xz\r\n" SUM_B
		" *b.tar.xz\r\n" SIGNATURE,
		SUM_A "  a.tar.xz\n\njunk\n" SUM_B "  b.tar.xz",
	};
	for (size_t i = 0; i < ARRAY_SIZE(text); i++) {
		char out[SHA256_TEXT_MAX];
		t_ok(find(text[i], "a.tar.xz", out, NULL));
		ck_assert_str_eq(out, SUM_A);
		t_ok(find(text[i], "b.tar.xz", out, NULL));
		ck_assert_int_eq(strspn(out, "b"), 64);
		t_errno(find(text[i], "a.tar", out, NULL), ENOENT);
		t_errno(find(text[i], "", out, NULL), ENOENT);
	}
}
END_TEST

START_TEST(sums_outside_the_signature_do_not_count)
{
	char out[SHA256_TEXT_MAX];
	const char *before = "-----BEGIN PGP SIGNED MESSAGE-----\n" SUM_A "  a\n\n" SUM_B "  b\n" SIGNATURE;
	const char *after = BEGIN_SIGNED SUM_B "  b\n" SIGNATURE SUM_A "  a\n";
	t_errno(find(before, "a", out, NULL), ENOENT);
	t_errno(find(after, "a", out, NULL), ENOENT);
}
END_TEST

START_TEST(sums_that_are_none)
{
	char out[SHA256_TEXT_MAX];
	struct err *err = NULL;
	t_errno(find(BEGIN_SIGNED SUM_A "  a\n", "a", out, &err), EBADMSG);
	t_err_contains(&err, "is truncated");
	t_errno(find("", "a", out, &err), EBADMSG);
	t_err_contains(&err, "has no sums");
	t_errno(find("<html>404</html>\n", "a", out, &err), EBADMSG);
	t_err_contains(&err, "has no sums");
	t_errno(find(SUM_A "  a\n" SUM_B "  a\n", "a", out, &err), EBADMSG);
	t_err_contains(&err, "two different sums for 'a'");
	t_ok(find(SUM_A "  a\n" SUM_A "  a\n", "a", out, NULL));
	t_errno(find(SUM_A "  b\n", "a", out, &err), ENOENT);
	t_err_contains(&err, "no sum for 'a'");
}
END_TEST

/* --- answers ------------------------------------------------------------------------------------------------------ */

static struct response header(const char *const *lines)
{
	struct response r = { 0 };
	for (; *lines; lines++)
		response_line(&r, *lines, strlen(*lines));
	return r;
}
#define HEADER(...) header((const char *const[]){ __VA_ARGS__, NULL })

START_TEST(headers_are_read)
{
	struct response r = HEADER("HTTP/1.1 302 Found\r\n", "ETag: \"old\"\r\n", "Content-Type: text/html\r\n",
				   "HTTP/1.1 206 Partial Content\r\n", "content-range: bytes 5-9/10\r\n",
				   "last-modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n", "etag:\"abc\"\r\n",
				   "Content-Type: application/x-xz\r\n", "\r\n");
	ck_assert_int_eq(r.status, 206);
	ck_assert(r.ranged && !r.html && r.etag);
	ck_assert_int_eq(r.range_first, 5);
	ck_assert_int_eq(r.range_total, 10);
	ck_assert_str_eq(r.validator, "\"abc\"");
	r = HEADER("HTTP/2 200\r\n", "etag: W/\"weak\"\r\n", "Last-Modified: Thu\r\n",
		   "Content-Type: Text/HTML; charset=x\r\n");
	ck_assert_int_eq(r.status, 200);
	ck_assert(r.html && !r.ranged);
	ck_assert_str_eq(r.validator, "Thu");
}
END_TEST

START_TEST(headers_that_lie)
{
	static const char *const range[] = {
		"Content-Range: bytes 9-5/10\r\n",
		"Content-Range: bytes 5-10/10\r\n",
		"Content-Range: bytes -5/10\r\n",
		"Content-Range: 5-9/10\r\n",
		"Content-Range: bytes */10\r\n",
		"Content-Range: bytes 5-9/1x\r\n",
		"Content-Range: bytes 5-9\r\n",
		"Content-Range: bytes 5-9/\r\n",
		"Content-Range:",
		"Content-Range: bytes 5-99999999999999999999/*\r\n",
	};
	for (size_t i = 0; i < ARRAY_SIZE(range); i++)
		ck_assert_msg(!HEADER(range[i]).ranged, "%s", range[i]);
	ck_assert(HEADER("Content-Range: bytes 5-9/*\r\n").ranged);
	ck_assert_int_eq(HEADER("Content-Range: bytes */10\r\n").range_total, 10);
	ck_assert_int_eq(HEADER("HTTP/1.1 banana\r\n").status, 0);
	ck_assert_int_eq(HEADER("HTTP/1.1\r\n").status, 0);
	/* A validator that could split the request in two, or does not fit, is rejected. */
	ck_assert_str_eq(HEADER("ETag: \"a\tb\"\r\n").validator, "");
	char longer[2 * VALIDATOR_TEXT_MAX];
	memset(longer, 'x', sizeof(longer));
	memcpy(longer, "Last-Modified: ", 15);
	struct response r = { 0 };
	response_line(&r, longer, sizeof(longer));
	ck_assert_str_eq(r.validator, "");
}
END_TEST

START_TEST(ends_are_judged)
{
	static const struct {
		int code;
		unsigned status;
		enum outcome expected;
	} rows[] = {
		{ CURLE_OK, 200, OUTCOME_GOOD },
		{ CURLE_OK, 206, OUTCOME_GOOD },
		{ CURLE_OK, 304, OUTCOME_GIVE_UP },
		{ CURLE_HTTP_RETURNED_ERROR, 404, OUTCOME_GIVE_UP },
		{ CURLE_HTTP_RETURNED_ERROR, 403, OUTCOME_GIVE_UP },
		{ CURLE_HTTP_RETURNED_ERROR, 416, OUTCOME_RESTART },
		{ CURLE_HTTP_RETURNED_ERROR, 429, OUTCOME_RETRY },
		{ CURLE_HTTP_RETURNED_ERROR, 503, OUTCOME_RETRY },
		{ CURLE_HTTP_RETURNED_ERROR, 501, OUTCOME_GIVE_UP },
		{ CURLE_PARTIAL_FILE, 200, OUTCOME_RETRY },
		{ CURLE_RECV_ERROR, 200, OUTCOME_RETRY },
		{ CURLE_COULDNT_CONNECT, 0, OUTCOME_RETRY },
		{ CURLE_COULDNT_RESOLVE_HOST, 0, OUTCOME_RETRY },
		{ CURLE_TOO_MANY_REDIRECTS, 302, OUTCOME_GIVE_UP },
		{ CURLE_PEER_FAILED_VERIFICATION, 0, OUTCOME_GIVE_UP },
		{ CURLE_UNSUPPORTED_PROTOCOL, 0, OUTCOME_GIVE_UP },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert_msg(outcome_judge(rows[i].code, rows[i].status) == rows[i].expected, "row %zu", i);
	ck_assert(outcome_absent(404) && outcome_absent(410) && !outcome_absent(403) && !outcome_absent(0));
}
END_TEST

START_TEST(urls_in_messages)
{
	char out[URL_SHOWN_MAX], longer[2 * URL_SHOWN_MAX];
	ck_assert_str_eq(http_url_shown("https://me:secret@host:1/a@b", out), "https://host:1/a@b");
	ck_assert_str_eq(http_url_shown("https://host/a@b", out), "https://host/a@b");
	ck_assert_str_eq(http_url_shown("http://a@b@host", out), "http://host");
	ck_assert_str_eq(http_url_shown("nonsense\n\033[1m", out), "nonsense??[1m");
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_int_eq(strlen(http_url_shown(longer, out)), URL_SHOWN_MAX - 1);
	ck_assert_str_eq(out + URL_SHOWN_MAX - 4, "...");
}
END_TEST

/* --- back-off ----------------------------------------------------------------------------------------------------- */

START_TEST(backoff_doubles_within_its_bounds)
{
	const nsec_t first = 500, most = 30000;
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct rng rng = { seed };
		for (unsigned n = 0; n < 80; n++) {
			nsec_t whole = n < 6 ? first << n : most, got = outcome_backoff(n, first, most, &rng);
			ck_assert_int_ge(got, whole / 2);
			ck_assert_int_le(got, whole);
		}
	}
}
END_TEST

START_TEST(backoff_differs_by_seed_only)
{
	unsigned differ = 0;
	for (uint64_t seed = 0; seed < 100; seed++) {
		struct rng a = { seed }, b = { seed }, c = { seed + 1000 };
		nsec_t x = outcome_backoff(3, NSEC_PER_SEC, NSEC_PER_MIN, &a);
		ck_assert_int_eq(x, outcome_backoff(3, NSEC_PER_SEC, NSEC_PER_MIN, &b));
		differ += x != outcome_backoff(3, NSEC_PER_SEC, NSEC_PER_MIN, &c);
	}
	ck_assert_int_ge(differ, 95);
}
END_TEST

/* --- invalid requests, and cancels: no connection is made --------------------------------------------------------- */

struct world {
	struct reactor *reactor;
	struct http *http;
	struct fetch fetch;
	unsigned told;
	uint16_t port; /* of a silent peer, or 0 */
};

static struct world world;

static void world_init(void)
{
	world = (struct world){ 0 };
	t_ok(reactor_new(&world.reactor, NULL));
	t_ok(http_new(world.reactor, NULL, &world.http, NULL));
}

static void world_done(void)
{
	fetch_done(&world.fetch);
	http_free(world.http);
	reactor_free(world.reactor);
}

static void on_done(struct fetch *f)
{
	ck_assert_ptr_eq(f, &world.fetch);
	world.told++;
}

static int run(const struct fetch_request *q, bool cancel)
{
	fetch_start(&world.fetch, world.http, world.reactor, q, NULL, on_done);
	if (cancel)
		machine_cancel(&world.fetch.machine);
	reactor_run(world.reactor);
	return world.fetch.machine.result;
}

START_TEST(requests_that_cannot_be)
{
	const char *const url[] = { "http://localhost/x", NULL }, *const odd[] = { "file:///etc/passwd", NULL };
	world_init();
	t_errno(run(&(struct fetch_request){ .urls = url + 1, .fd = -1 }, false), EINVAL);
	t_err_contains(&world.fetch.err, "got 0 URLs");
	t_errno(run(&(struct fetch_request){ .urls = url, .fd = -1, .sha256_hex = "abc" }, false), EINVAL);
	t_err_contains(&world.fetch.err, "not 64 hex digits");
	t_errno(run(&(struct fetch_request){ .urls = odd, .fd = -1 }, false), EIO);
	ck_assert_int_eq(world.fetch.attempts, 1);
	t_err_contains(&world.fetch.err, "download file:///etc/passwd: ");
	ck_assert_int_eq(world.told, 3);
	world_done();
}
END_TEST

START_TEST(cancelled_before_it_begins)
{
	const char *const url[] = { "http://localhost/x", NULL };
	world_init();
	t_errno(run(&(struct fetch_request){ .urls = url, .fd = -1 }, true), ECANCELED);
	ck_assert_int_eq(err_kind_of(world.fetch.err), ERR_INTERRUPTED);
	t_err_contains(&world.fetch.err, "download http://localhost/x: cancelled");
	ck_assert_int_eq(world.told, 1);
	world_done();
}
END_TEST

/* --- a parent that waits for a fetch ------------------------------------------------------------------------------ */

struct parent {
	struct machine machine;
	int got, ended;
};

enum { PARENT_START, PARENT_GOT, PARENT_GIVEN_UP, PARENT_STATES };

static int parent_start(struct machine *m, int result)
{
	static const char *const nowhere[] = { "file:///x", NULL };
	static char url[64];
	static const char *const silent[] = { url, NULL };
	const struct fetch_request q = { .urls = world.port ? silent : nowhere, .fd = -1 };
	(void)result;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u/x", world.port);
	fetch_start(&world.fetch, world.http, m->reactor, &q, m, on_done);
	machine_await(m, &world.fetch.machine);
	return PARENT_GOT;
}

static int parent_got(struct machine *m, int result)
{
	container_of(m, struct parent, machine)->got = result;
	return MACHINE_END;
}

static void parent_ended(struct machine *m, int result)
{
	container_of(m, struct parent, machine)->ended = result;
}

static const struct machine_state parent_states[PARENT_STATES] = {
	[PARENT_START] = { "start", parent_start, NSEC_PER_MIN, PARENT_GIVEN_UP, TO(PARENT_GOT) | TO(PARENT_GIVEN_UP) },
	[PARENT_GOT] = { "got", parent_got, NSEC_PER_MIN, 0, TO_END },
	[PARENT_GIVEN_UP] = { "given up", parent_got, NSEC_PER_MIN, 0, TO_END },
};
static const struct machine_type parent_type = { "parent", parent_states, PARENT_STATES, parent_ended };

static void cancel_world(struct timer *t)
{
	(void)t;
	reactor_cancel_all(world.reactor);
}

START_TEST(a_parent_gets_the_result)
{
	struct parent p = { .got = 1, .ended = 1 };
	world_init();
	machine_start(world.reactor, &p.machine, &parent_type, NULL, "parent");
	reactor_run(world.reactor);
	ck_assert_int_eq(p.got, -EIO);
	ck_assert_int_eq(p.ended, 0);
	ck_assert_int_eq(world.told, 1);
	world_done();
}
END_TEST

/* A peer whose kernel accepts connections, but which never sends anything. */
static int silent_peer(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	t_ok(bind(fd, (struct sockaddr *)&at, sizeof(at)));
	t_ok(listen(fd, 8));
	t_ok(getsockname(fd, (struct sockaddr *)&at, &len));
	world.port = ntohs(at.sin_port);
	return fd;
}

START_TEST(a_cancelled_parent_cancels_it)
{
	struct parent p = { .got = 1, .ended = 1 };
	struct timer timer = { .fire = cancel_world };
	world_init();
	int peer = silent_peer();
	machine_start(world.reactor, &p.machine, &parent_type, NULL, "parent");
	timer_arm(world.reactor, &timer, reactor_now(world.reactor) + 50 * NSEC_PER_MSEC);
	reactor_run(world.reactor);
	ck_assert_int_eq(p.ended, -ECANCELED);
	ck_assert_int_eq(world.fetch.machine.result, -ECANCELED);
	ck_assert_int_eq(world.told, 1);
	close(peer);
	world_done();
}
END_TEST

static void fill(TCase *tc)
{
	tcase_add_test(tc, versions_read_and_write_the_same);
	tcase_add_test(tc, versions_that_are_none);
	tcase_add_test(tc, versions_in_their_order);
	tcase_add_test(tc, versions_and_series);
	tcase_add_test(tc, releases_are_read);
	tcase_add_test(tc, releases_are_chosen);
	tcase_add_test(tc, releases_that_are_none);
	tcase_add_test(tc, sums_are_found);
	tcase_add_test(tc, sums_outside_the_signature_do_not_count);
	tcase_add_test(tc, sums_that_are_none);
	tcase_add_test(tc, headers_are_read);
	tcase_add_test(tc, headers_that_lie);
	tcase_add_test(tc, ends_are_judged);
	tcase_add_test(tc, urls_in_messages);
	tcase_add_test(tc, backoff_doubles_within_its_bounds);
	tcase_add_test(tc, backoff_differs_by_seed_only);
	tcase_add_test(tc, requests_that_cannot_be);
	tcase_add_test(tc, cancelled_before_it_begins);
	tcase_add_test(tc, a_parent_gets_the_result);
	tcase_add_test(tc, a_cancelled_parent_cancels_it);
}

int main(void)
{
	return t_main("net", fill);
}
