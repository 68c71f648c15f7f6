/* SPDX-License-Identifier: GPL-2.0-only */
/* signature.c -- see signature.h. Status lines: GnuPG's doc/DETAILS, "VALIDSIG". */
#include <string.h>

#include "base/environment.h"
#include "base/file.h"
#include "base/tool.h"
#include "kernel/signature.h"

#define KEYRING_FILE	   "ktstr/kernel.org.gpg"
#define FINGERPRINT_DIGITS 40
#define VALIDSIG	   "[GNUPG:] VALIDSIG "
#define VALIDSIG_WORDS	   10 /* the last word is the primary key's fingerprint; the first one may be a subkey's */

void keyring_done(struct keyring *k)
{
	free(k->path);
	*k = (struct keyring){ 0 };
}

static char *usual_path(void)
{
	const char *data = environment_get(ENV_XDG_DATA_HOME), *home = environment_get(ENV_HOME);
	if (data)
		return path_join(data, KEYRING_FILE);
	return home && *home ? path_join(home, ".local/share/" KEYRING_FILE) : NULL;
}

int keyring_find(struct keyring *ret, struct err **err)
{
	const char *said = environment_get(ENV_KERNEL_KEYRING);
	_cleanup_free_ char *path = said ? strdup(said) : usual_path(), *gpgv = tool_find("gpgv");
	*ret = (struct keyring){ .said = said != NULL };
	if (said && !gpgv)
		return FAIL(err, ERR_MISSING, -ENOENT,
			    "KTSTR_KERNEL_KEYRING is set, but gpgv is not installed; "
			    "install it (Debian: gpgv), or use --no-verify-signature");
	if (said && (!path || !path_exists(path)))
		return FAIL(err, ERR_MISSING, -ENOENT, "KTSTR_KERNEL_KEYRING: there is no file '%s'", said);
	if (!gpgv)
		ret->why = "gpgv is not installed";
	else if (!path || !path_exists(path))
		ret->why = "there is no keyring with kernel.org's key (see docs/KERNELS.md)";
	else
		/* gpgv searches its own directory for a name without a slash. */
		ret->path = strchr(path, '/') ? TAKE_PTR(path) : path_join(".", path);
	return ret->path || ret->why ? 0 : -ENOMEM;
}

bool signature_line_is_good(const char *line, bool any_key)
{
	const char *word = line + strlen(VALIDSIG);
	if (strncmp(line, VALIDSIG, strlen(VALIDSIG)))
		return false;
	for (int i = 1; i < VALIDSIG_WORDS; i++) {
		word = strchr(word, ' ');
		if (!word)
			return false;
		word++;
	}
	if (strspn(word, "0123456789ABCDEF") != FINGERPRINT_DIGITS || word[FINGERPRINT_DIGITS])
		return false;
	return any_key || !strcmp(word, SIGNATURE_KERNEL_ORG);
}
