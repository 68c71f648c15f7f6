/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * units.c -- see units.h.
 *
 * "Fewest" is exact: the k largest items reach the need, and no k-1 items do. The preferred set of k items is built
 * item by item: an item is picked when the need can still be reached with it and the largest remaining items. The
 * result is the first set in the order of preference, found without trying all sets.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "lock/units.h"

/* A node or a cell. Arrays are in the order of preference. */
struct item {
	uint32_t room;
	uint32_t id;
	bool picked;
};

static int by_room_desc(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return (*x < *y) - (*x > *y);
}

static void sorted_rooms(const struct item *item, unsigned count, uint32_t *rooms)
{
	for (unsigned i = 0; i < count; i++)
		rooms[i] = item[i].room;
	qsort(rooms, count, sizeof(*rooms), by_room_desc);
}

/* How many of the largest reach @need; 0: all together do not. @rooms: sorted. */
static unsigned count_fewest(const uint32_t *rooms, unsigned count, uint64_t need)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < count; i++) {
		sum += rooms[i];
		if (sum >= need)
			return i + 1;
	}
	return 0;
}

static uint64_t sum_of_largest(const uint32_t *rooms, unsigned count, unsigned places)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < count && i < places; i++)
		sum += rooms[i];
	return sum;
}

static void remove_room(uint32_t *rooms, unsigned *count, uint32_t room)
{
	for (unsigned i = 0; i < *count; i++) {
		if (rooms[i] != room)
			continue;
		memmove(&rooms[i], &rooms[i + 1], (*count - i - 1) * sizeof(*rooms));
		--*count;
		return;
	}
	REQUIRE(!"a room that is not in the list");
}

/* Picks exactly @places items that reach @need, the first ones preferred. @rooms: sorted; consumed. */
static void pick_preferred(struct item *item, unsigned count, uint32_t *rooms, unsigned places, uint64_t need)
{
	unsigned left = count;
	uint64_t have = 0;
	for (unsigned i = 0; i < count && places; i++) {
		remove_room(rooms, &left, item[i].room);
		if (have + item[i].room + sum_of_largest(rooms, left, places - 1) < need)
			continue;
		item[i].picked = true;
		have += item[i].room;
		places--;
	}
	REQUIRE(!places && have >= need);
}

/* --- nodes -------------------------------------------------------------------------------------------------------- */

struct node_choice {
	const struct host *host;
	struct item item[HOST_NODES_MAX]; /* nodes with room */
	unsigned count;
	uint32_t sharers[HOST_NODES_MAX]; /* by node index: the most of any unit in it */
	const struct unit *unit;
	unsigned units;
	uint64_t need;
};

static void collect_nodes(struct node_choice *c)
{
	uint32_t room[HOST_NODES_MAX] = { 0 };
	for (unsigned i = 0; i < c->units; i++) {
		const struct unit *u = &c->unit[i];
		room[u->node] += u->room;
		c->sharers[u->node] = MAX_OF(c->sharers[u->node], u->sharers);
	}
	for (unsigned n = 0; n < c->host->nodes; n++)
		if (room[n])
			c->item[c->count++] = (struct item){ .room = room[n], .id = n };
}

/* Orders nodes by distance from @seed, then most room, then number. Insertion sort, because there are at most 64. */
static void order_nodes_from(const struct node_choice *c, unsigned seed, struct item *out)
{
	const uint16_t *distance = c->host->node[seed].distance;
	for (unsigned i = 0; i < c->count; i++) {
		struct item it = c->item[i];
		unsigned at = i;
		for (; at > 0; at--) {
			const struct item *o = &out[at - 1];
			unsigned mine = it.id == seed ? 0 : distance[it.id];
			unsigned other = o->id == seed ? 0 : distance[o->id];
			if (other < mine || (other == mine && o->room >= it.room))
				break;
			out[at] = out[at - 1];
		}
		out[at] = it;
	}
}

struct node_score {
	uint64_t distance;
	unsigned cells;	  /* fewest that reach the need in this set */
	uint32_t sharers; /* of the seed */
};

static bool is_better_score(const struct node_score *a, const struct node_score *b)
{
	if (a->distance != b->distance)
		return a->distance < b->distance;
	if (a->cells != b->cells)
		return a->cells < b->cells;
	return a->sharers > b->sharers;
}

/* The fewest cells of the picked nodes that reach the need. */
static unsigned cells_needed(const struct node_choice *c, const bool *in_set)
{
	uint32_t rooms[HOST_CPUS_MAX];
	unsigned count = 0;
	for (unsigned i = 0; i < c->units; i++)
		if (in_set[c->unit[i].node])
			rooms[count++] = c->unit[i].room;
	qsort(rooms, count, sizeof(*rooms), by_room_desc);
	return count_fewest(rooms, count, c->need);
}

/* The best set around @seed. False: no set that contains @seed reaches the need. */
static bool score_nodes_from(const struct node_choice *c, unsigned seed, unsigned places, bool *in_set,
			     struct node_score *ret)
{
	struct item order[HOST_NODES_MAX];
	uint32_t rooms[HOST_NODES_MAX];
	struct node_score score = { .sharers = c->sharers[seed] };
	order_nodes_from(c, seed, order);
	sorted_rooms(order, c->count, rooms);
	pick_preferred(order, c->count, rooms, places, c->need);
	memset(in_set, 0, HOST_NODES_MAX * sizeof(*in_set));
	for (unsigned i = 0; i < c->count; i++) {
		if (!order[i].picked)
			continue;
		in_set[order[i].id] = true;
		score.distance += c->host->node[seed].distance[order[i].id];
	}
	score.cells = cells_needed(c, in_set);
	*ret = score;
	return in_set[seed];
}

/* The fewest nodes that reach the need; of those sets, the closest together. Tries each node as the seed. */
static bool choose_nodes(struct node_choice *c, bool *ret_set)
{
	uint32_t rooms[HOST_NODES_MAX];
	struct node_score best = { 0 };
	bool found = false, in_set[HOST_NODES_MAX];
	collect_nodes(c);
	sorted_rooms(c->item, c->count, rooms);
	unsigned places = count_fewest(rooms, c->count, c->need);
	for (unsigned i = 0; places && i < c->count; i++) {
		struct node_score score;
		if (!score_nodes_from(c, c->item[i].id, places, in_set, &score) ||
		    (found && !is_better_score(&score, &best)))
			continue;
		best = score;
		found = true;
		memcpy(ret_set, in_set, sizeof(in_set));
	}
	return found;
}

/* --- cells -------------------------------------------------------------------------------------------------------- */

static int by_preference(const void *a, const void *b, void *units)
{
	const struct unit *x = (const struct unit *)units + ((const struct item *)a)->id;
	const struct unit *y = (const struct unit *)units + ((const struct item *)b)->id;
	if (x->sharers != y->sharers)
		return x->sharers > y->sharers ? -1 : 1;
	return (x->cell > y->cell) - (x->cell < y->cell);
}

static void choose_cells(struct unit *unit, unsigned count, const bool *nodes, unsigned need)
{
	struct item item[HOST_CPUS_MAX];
	uint32_t rooms[HOST_CPUS_MAX];
	unsigned n = 0;
	for (unsigned i = 0; i < count; i++)
		if (nodes[unit[i].node])
			item[n++] = (struct item){ .room = unit[i].room, .id = i };
	qsort_r(item, n, sizeof(*item), by_preference, unit);
	sorted_rooms(item, n, rooms);
	pick_preferred(item, n, rooms, count_fewest(rooms, n, need), need);
	for (unsigned i = 0; i < n; i++)
		unit[item[i].id].picked = item[i].picked;
}

bool choose_units(const struct host *h, struct unit *unit, unsigned count, unsigned need)
{
	struct node_choice c = { .host = h, .unit = unit, .units = count, .need = need };
	bool nodes[HOST_NODES_MAX] = { 0 };
	REQUIRE(need > 0 && count <= HOST_CPUS_MAX);
	if (!choose_nodes(&c, nodes))
		return false;
	choose_cells(unit, count, nodes, need);
	return true;
}
