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
	unsigned columns = tty && ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col ? ws.ws_col : 80;
	return (struct term){
		.fd = fd,
		.tty = tty,
		.colour = tty && !environment_is_on(ENV_NO_COLOR),
		.columns = columns,
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
