/* SPDX-License-Identifier: GPL-2.0-only */
/* list.h -- intrusive doubly linked list; a node that is not in a list points to itself. */
#ifndef KTSTR_BASE_LIST_H
#define KTSTR_BASE_LIST_H

#include <stdbool.h>

#include "base/cleanup.h"

struct list {
	struct list *prev, *next;
};

#define LIST_INIT(name) ((struct list){ &(name), &(name) })

static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Unlinks @node; does nothing if it is not in a list. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}

/* Moves all nodes from @from to @to, which must be empty. */
static inline void list_take(struct list *to, struct list *from)
{
	list_init(to);
	if (list_empty(from))
		return;
	*to = *from;
	to->next->prev = to;
	to->prev->next = to;
	list_init(from);
}

static inline struct list *list_pop(struct list *head)
{
	struct list *node = head->next;
	if (node == head)
		return NULL;
	list_remove(node);
	return node;
}

#define list_entry(node, type, member) container_of(node, type, member)
#define list_for_each(it, head)	       for (struct list *it = (head)->next; it != (head); it = it->next)
#define list_for_each_safe(it, head) \
	for (struct list *it = (head)->next, *it##_n = it->next; it != (head); it = it##_n, it##_n = it->next)

#endif
