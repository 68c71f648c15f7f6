/* SPDX-License-Identifier: GPL-2.0-only */
/* server.c -- see server.h. */
#include "model/server.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/parse.h"
#include "base/text.h"
#include "model/model.h"

#define PROGRAM	       "llama-server"
#define ENDPOINT       "/v1/chat/completions"
#define LIMIT_DEFAULT  (5 * NSEC_PER_MIN)
#define LIMIT_MOST_S   (24 * 3600)
#define CONTEXT_TOKENS "20480" /* instructions, WIRE_OUTPUT_MAX bytes of the worst text, and the reply */
#define END_DEADLINE   (10 * NSEC_PER_SEC)

enum server_state { SERVER_RUN, SERVER_GONE, SERVER_STATE_MAX };

static struct model_server *server_of(struct machine *m)
{
	return container_of(m, struct model_server, machine);
}

/* --- the child ---------------------------------------------------------------------------------------------------- */

static int keep_child(struct machine *m, int result)
{
	(void)result;
	machine_wait_child(m, &server_of(m)->child);
	return SERVER_GONE;
}

static int note_gone(struct machine *m, int result)
{
	(void)m;
	return result < 0 ? result : MACHINE_END;
}

static const struct machine_state states[SERVER_STATE_MAX] = {
	[SERVER_RUN] = { "run", keep_child, DEADLINE_NONE, SERVER_GONE, TO(SERVER_GONE) },
	[SERVER_GONE] = { "gone", note_gone, END_DEADLINE, 0, TO_END },
};
static const struct machine_type server_type = { "model server", states, SERVER_STATE_MAX, NULL };

/* Its output goes to memory: it prints a lot, and only the last line of a server that ended is shown. */
static int start_child(struct model_server *s, struct err **err)
{
	const char *const argv[] = { PROGRAM,	     "-m",	   s->model, "--host",	   s->socket, "-c",
				     CONTEXT_TOKENS, "--parallel", "1",	     "--no-webui", NULL };
	struct child_fd fds[] = { { -1, STDOUT_FILENO }, { -1, STDERR_FILENO } };
	const struct child_spec spec = { .argv = argv, .fds = fds, .fd_count = ARRAY_SIZE(fds) };
	fd_close(s->log);
	s->log = memfd_create("ktstr-llama-server", MFD_CLOEXEC);
	if (s->log < 0 || fcntl(s->log, F_SETFL, O_APPEND) < 0)
		return FAIL_SYS(err, -errno, "start %s", PROGRAM);
	fds[0].from = fds[1].from = s->log;
	int r = child_spawn(s->reactor, &s->child, &spec, err);
	if (r < 0) {
		if (err && *err)
			err_hint(*err, "install llama.cpp's " PROGRAM ", or set KTSTR_LLM_URL to a server that runs");
		return r;
	}
	machine_start(s->reactor, &s->machine, &server_type, NULL, PROGRAM);
	return 0;
}

/* Below /tmp, because the path of a socket is short. */
static int make_socket_path(struct model_server *s, struct err **err)
{
	snprintf(s->dir, sizeof(s->dir), "/tmp/ktstr-llm-XXXXXX");
	if (!mkdtemp(s->dir)) {
		s->dir[0] = '\0';
		return FAIL_SYS(err, -errno, "make a directory for the socket of %s in /tmp", PROGRAM);
	}
	snprintf(s->socket, sizeof(s->socket), "%s/llama.sock", s->dir);
	return 0;
}

/* --- which server ------------------------------------------------------------------------------------------------- */

static int use_url(struct model_server *s, const char *url, struct err **err)
{
	size_t length = strlen(url), end = sizeof(ENDPOINT) - 1;
	while (length && url[length - 1] == '/')
		length--;
	bool complete = length > end && !memcmp(url + length - end, ENDPOINT, end);
	if (strncmp(url, "http://", 7) && strncmp(url, "https://", 8))
		return FAIL(err, ERR_USAGE, -EINVAL, "KTSTR_LLM_URL is not an HTTP URL; write http://HOST:PORT");
	if (snprintf(s->url, sizeof(s->url), "%.*s%s", (int)length, url, complete ? "" : ENDPOINT) >=
	    (int)sizeof(s->url))
		return FAIL(err, ERR_USAGE, -ENAMETOOLONG, "KTSTR_LLM_URL is too long");
	return 0;
}

static void find_model(struct model_server *s, const char *models)
{
	_cleanup_(model_done) struct model m = { 0 };
	const char *verdict = models && model_read(models, &m) == 0 ? model_check(&m) : "NotCached";
	if (!strcmp(verdict, "Matches"))
		s->model = strdup(m.path);
	else if (!strcmp(verdict, "NotCached"))
		buf_puts(&s->lack, "there is no language model");
	else
		buf_appendf(&s->lack, "the language model %s is damaged (%s)", m.path, verdict);
	if (!s->model)
		buf_puts(&s->lack,
			 "; fetch one ('ktstr model fetch --url URL --sha256 SUM'), or set KTSTR_LLM_URL to a "
			 "server that runs");
}

static const char *server_url(void)
{
	const char *url = environment_get(ENV_LLM_URL);
	return url && *url ? url : NULL;
}

void model_server_look(struct model_server *s, const char *models)
{
	pthread_mutex_lock(&s->lock);
	if (!s->looked && !server_url())
		find_model(s, models);
	s->looked = true;
	pthread_mutex_unlock(&s->lock);
}

static int read_limit(struct model_server *s, struct err **err)
{
	const char *text = environment_get(ENV_LLM_TIMEOUT);
	uint64_t seconds = 0;
	s->limit = LIMIT_DEFAULT;
	if (!text)
		return 0;
	if (parse_u64(text, &seconds) < 0 || !seconds || seconds > LIMIT_MOST_S)
		return FAIL(err, ERR_USAGE, -EINVAL, "KTSTR_LLM_TIMEOUT is not a number of seconds from 1 to %d",
			    LIMIT_MOST_S);
	s->limit = (nsec_t)seconds * NSEC_PER_SEC;
	return 0;
}

int model_server_check_settings(struct err **err)
{
	struct model_server s = MODEL_SERVER_NULL;
	const char *url = server_url();
	int r = read_limit(&s, err);
	return r == 0 && url ? use_url(&s, url, err) : r;
}

static int open_child(struct model_server *s, struct err **err)
{
	snprintf(s->url, sizeof(s->url), "http://localhost" ENDPOINT);
	int r = make_socket_path(s, err);
	return r < 0 ? r : start_child(s, err);
}

static void remove_socket(struct model_server *s)
{
	if (!s->dir[0])
		return;
	unlink(s->socket);
	rmdir(s->dir);
	s->dir[0] = s->socket[0] = '\0';
}

int model_server_open(struct model_server *s, struct reactor *r, struct err **err)
{
	const char *url = server_url();
	if (s->opened)
		return 0;
	s->reactor = r;
	if (s->lack.len)
		return FAIL(err, ERR_MISSING, -ENOENT, "%s", buf_str(&s->lack));
	int result = read_limit(s, err);
	if (result == 0 && url)
		result = use_url(s, url, err);
	if (result == 0 && !s->http)
		result = http_new(r, NULL, &s->http, err);
	if (result == 0 && !url)
		result = open_child(s, err);
	s->opened = result == 0;
	if (result < 0)
		remove_socket(s);
	return result;
}

/* The last line that the child printed. */
static void last_line(int fd, char *out, size_t size)
{
	char text[2048];
	off_t length = lseek(fd, 0, SEEK_END), from = MAX_OF(length - (off_t)sizeof(text), (off_t)0);
	ssize_t n = pread(fd, text, sizeof(text), from);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	const char *newline = n > 0 ? memrchr(text, '\n', (size_t)n) : NULL;
	const char *line = newline ? newline + 1 : text;
	text_copy_line(out, size, line, n > 0 ? (size_t)(text + n - line) : 0);
}

const char *model_server_end(const struct model_server *s, char out[MODEL_SAID_MAX])
{
	char how[64], line[120];
	if (!s->machine.started || !s->child.exited)
		return NULL;
	last_line(s->log, line, sizeof(line));
	snprintf(out, MODEL_SAID_MAX, PROGRAM " ended (%s)%s%s", child_describe(s->child.status, how, sizeof(how)),
		 line[0] ? ": " : "", line);
	return out;
}

void model_server_close(struct model_server *s)
{
	if (s->machine.started && !s->machine.ended) {
		machine_cancel(&s->machine);
		while (!s->machine.ended && reactor_turn(s->reactor, NSEC_NEVER) == 0)
			;
	}
	child_done(&s->child);
	s->http = http_free(s->http);
	remove_socket(s);
	buf_done(&s->lack);
	s->log = fd_close(s->log);
	free(s->model);
	*s = MODEL_SERVER_NULL;
}
