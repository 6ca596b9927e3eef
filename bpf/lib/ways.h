/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/**
 * The way to an address that is not of this node. A look-up in a trie and one in the FIB cost as much as all the rest that is done
 * for a packet, and the next packet would hear the same. So each CPU keeps the answers for a few milliseconds: too short for
 * anybody to tell a change from one that came as much later, and nobody has to say that something changed.
 */
#pragma once

#include "addresses.h"

static __always_inline __u32 way_slot(__u32 from_ifindex, const struct address *destination)
{
	const __u32 *words = (const __u32 *)destination;
	__u32 hash = (words[0] ^ words[1] ^ words[2] ^ words[3] ^ from_ifindex) * 0x9e3779b1;

	return hash >> (32 - WAYS_ENTRIES_SHIFT);
}

/** @returns an answer that is still good, or null */
static __always_inline struct way *recall_way(__u32 from_ifindex, const struct packet *p, const struct config *c)
{
	__u32 slot = way_slot(from_ifindex, &p->destination);
	struct way *way = bpf_map_lookup_elem(&ways, &slot);

	if (!way || way->from_ifindex != from_ifindex || !address_equal(&way->destination, &p->destination))
		return 0;
	return bpf_ktime_get_coarse_ns() - way->asked_at < c->way_lifetime ? way : 0;
}

/** Asks ipcache. The FIB is asked by whoever needs it. @returns null only to please the verifier */
static __noinline struct way *ask_way(__u32 from_ifindex, const struct packet *p)
{
	__u32 slot = way_slot(from_ifindex, &p->destination);
	struct way *way = bpf_map_lookup_elem(&ways, &slot);
	const struct ipcache_entry *entry;

	if (!way)
		return 0;
	entry = find_ipcache(&p->destination, p->family == 4);
	way->destination = p->destination;
	way->from_ifindex = from_ifindex;
	way->asked_at = bpf_ktime_get_coarse_ns();
	way->identity = entry ? entry->identity : IDENTITY_WORLD;
	way->flags = entry ? entry->flags : 0;
	if (entry && entry->flags & IPCACHE_TUNNEL)
		way->tunnel_endpoint = entry->tunnel_endpoint;
	return way;
}
