/* SPDX-License-Identifier: GPL-2.0-only */
/* library.c -- see library.h. */
#include <dlfcn.h>
#include <string.h>

#include "base/library.h"

int library_open(const char *soname, const char *const *names, void *table, struct err **err)
{
	/* RTLD_NODELETE: libraries that start threads or use thread-specific keys must not be unloaded. */
	void *library = dlopen(soname, RTLD_LAZY | RTLD_NODELETE);
	if (!library)
		return FAIL(err, ERR_MISSING, -ELIBACC, "load %s: %s; install it", soname, dlerror());
	int r = 0;
	for (size_t i = 0; names[i] && r == 0; i++) {
		void *function = dlsym(library, names[i]);
		if (!function)
			r = FAIL(err, ERR_MISSING, -ENOSYS, "%s has no %s(): install a newer one", soname, names[i]);
		memcpy((char *)table + i * sizeof(function), &function, sizeof(function));
	}
	dlclose(library);
	return r;
}
