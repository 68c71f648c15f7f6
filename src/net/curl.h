/* SPDX-License-Identifier: GPL-2.0-only */
/* curl.h -- a table of libcurl's functions, which is filled when the network is needed. */
#ifndef KTSTR_NET_CURL_H
#define KTSTR_NET_CURL_H

#include <curl/curl.h>

/* clang-format off */
#define CURL_FUNCTIONS(X) \
	X(global_init) X(global_cleanup) X(easy_init) X(easy_cleanup) X(easy_setopt) X(easy_getinfo) \
	X(easy_pause) X(easy_strerror) X(multi_init) X(multi_cleanup) X(multi_setopt) X(multi_add_handle) \
	X(multi_remove_handle) X(multi_socket_action) X(multi_info_read) X(multi_assign) X(slist_append) \
	X(slist_free_all)
/* clang-format on */
#define CURL_SLOT(name) __typeof__(curl_##name) *name;
#define CURL_NAME(name) "curl_" #name,

struct curl_api {
	CURL_FUNCTIONS(CURL_SLOT)
};

#endif
