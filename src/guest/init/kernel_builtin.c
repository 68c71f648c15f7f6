/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel_builtin.c -- see kernel_builtin.h. */
#include <errno.h>
#include <string.h>

#include "base/file.h"
#include "guest/builtin.h"
#include "guest/init/kernel_builtin.h"

static int write_line(const char *line)
{
	struct builtin_line parsed;
	return builtin_line_parse(line, &parsed) ? file_write(parsed.path, parsed.text) : -EINVAL;
}

static int write_lines(struct init *i, const char *const *lines, unsigned count)
{
	for (unsigned k = 0; k < count; k++) {
		int r = write_line(lines[k]);
		if (r < 0) {
			log_error(&i->log, "'%s': %s", lines[k], strerror(-r));
			return r;
		}
	}
	return 0;
}

int builtin_enable(struct init *i)
{
	int r = write_lines(i, i->conf.builtin.enable, i->conf.builtin.enable_count);
	i->builtin_on = r == 0;
	return r;
}

int builtin_disable(struct init *i)
{
	i->builtin_on = false;
	return write_lines(i, i->conf.builtin.disable, i->conf.builtin.disable_count);
}
