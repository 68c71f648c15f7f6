/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * language.h -- the same tests in C and in C++ (17 with GNU extensions, or 20).
 *
 * In C a list or a value is a compound literal. C++ has none, so a list is a copy there that is never freed: declare
 * lists, do not make them in a loop. C++ also wants designators in the order of the fields, and one level at a time:
 * `.backdrop = { .cgroups = ... }`.
 */
#ifndef KTSTR_LANGUAGE_H
#define KTSTR_LANGUAGE_H

/* The compiler reports a mistake once, where the macro is used, and not again for each macro inside it. */
#pragma GCC system_header

#ifdef __cplusplus
#include <cstdlib>
#include <cstring>
#include <initializer_list>

/* Declarations leave fields out on purpose: they are zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define KTSTR_BEGIN_C extern "C" {
#define KTSTR_END_C   }

template <typename T> const T *ktstr_list(std::initializer_list<T> items)
{
	void *copy = std::malloc(items.size() * sizeof(T));
	if (!copy)
		std::abort();
	std::memcpy(copy, items.begin(), items.size() * sizeof(T));
	return static_cast<const T *>(copy);
}

#define KTSTR_LIST(type, ...) ktstr_list<type>({ __VA_ARGS__ })
#define KTSTR_VALUE(tag, ...) (tag{ __VA_ARGS__ })
#else
#define KTSTR_BEGIN_C
#define KTSTR_END_C
#define KTSTR_LIST(type, ...) ((type const[]){ __VA_ARGS__ })
#define KTSTR_VALUE(tag, ...) ((struct tag){ __VA_ARGS__ })
#endif

#endif
