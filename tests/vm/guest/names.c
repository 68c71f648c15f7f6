/* SPDX-License-Identifier: GPL-2.0-only */
/* names.c -- functions of libc for which it loads libraries: names of users, groups and hosts, and character sets. */
#include <grp.h>
#include <iconv.h>
#include <netdb.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
	struct addrinfo *found = NULL;
	const struct passwd *user = getpwnam("root");
	const struct group *group = getgrnam("root");
	char in[] = "\xe4", out[8] = "", *from = in, *to = out;
	size_t left = 1, room = sizeof(out);
	iconv_t latin = iconv_open("UTF-8", "ISO-8859-1");
	bool names = user && user->pw_uid == 0 && group && group->gr_gid == 0;
	bool host = getaddrinfo("localhost", NULL, NULL, &found) == 0;
	bool text = latin != (iconv_t)-1 && iconv(latin, &from, &left, &to, &room) == 0 && !strcmp(out, "\xc3\xa4");
	printf("{\"names\": %d, \"host\": %d, \"text\": %d}\n", names, host, text);
	return 0;
}
