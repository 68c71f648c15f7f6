/* SPDX-License-Identifier: GPL-2.0-only */
/* term.c -- see term.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/environment.h"
#include "base/term.h"

struct term term_probe(int fd)
{
	const char *kind = environment_get(ENV_TERM);
	bool tty = isatty(fd) && kind && strcmp(kind, "dumb") != 0;
	struct winsize ws = { 0 };
	if (tty && ioctl(fd, TIOCGWINSZ, &ws) < 0)
		ws = (struct winsize){ 0 };
	return (struct term){
		.fd = fd,
		.tty = tty,
		.colour = (tty || environment_is_on(ENV_CLICOLOR_FORCE)) && !environment_is_on(ENV_NO_COLOR),
		.columns = ws.ws_col ? ws.ws_col : 80,
		.rows = ws.ws_row ? ws.ws_row : 24,
	};
}

const char *term_style(const struct term *t, enum term_style style)
{
	static const char *const sequences[TERM_STYLE_MAX] = {
		[TERM_GOOD] = "\033[32m", [TERM_BAD] = "\033[1;31m", [TERM_WARN] = "\033[33m",
		[TERM_DIM] = "\033[2m",	  [TERM_NAME] = "\033[1m",
	};
	return t->colour ? sequences[style] : "";
}

const char *term_plain(const struct term *t)
{
	return t->colour ? "\033[0m" : "";
}

/* Not from the first column on: tmux takes that, in the first row, for a screen that is to be kept in its history. */
#define ERASE_BELOW  "\r\033[K\033[C\033[J\r"
#define AUTOWRAP_OFF "\033[?7l" /* a line that is wider than we think must not become two */
#define AUTOWRAP_ON  "\033[?7h"

void term_frame_draw(struct term_frame *frame, const struct term *t, const struct buf *lines, struct buf *out)
{
	unsigned count = 0, most = t->rows > 1 ? t->rows - 1 : 1;
	term_frame_erase(frame, out);
	buf_puts(out, AUTOWRAP_OFF);
	for (const char *p = buf_str(lines); *p && count < most; count++) {
		size_t len = strcspn(p, "\n");
		buf_puts(out, count ? "\r\n" : "");
		buf_append(out, p, len);
		p += len + (p[len] == '\n');
	}
	buf_puts(out, AUTOWRAP_ON);
	if (count > 1)
		buf_appendf(out, "\r\033[%uA", count - 1);
	buf_puts(out, "\r");
	frame->drawn = true;
}

void term_frame_erase(struct term_frame *frame, struct buf *out)
{
	if (frame->drawn)
		buf_puts(out, ERASE_BELOW);
	frame->drawn = false;
}
