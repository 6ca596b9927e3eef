/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/**
 * Connections of two pods of this node. Programs see both ends of each packet, so one entry is enough: a second one would go from the cache of the
 * one pod's CPU to that of the other with each packet, and with it its bucket. Who keeps it changes with policies; an endpoint that
 * begins to keep takes over what the other one knows.
 */
#pragma once

#include "conntrack.h"

/** Whether an endpoint has entries for connections with that one: if its policy is enforced; if neither's is, it does not matter whose. */
static __always_inline bool keeps_connections(const struct endpoint *e, const struct endpoint *peer)
{
	const __u16 enforced = ENDPOINT_INGRESS_ENFORCED | ENDPOINT_EGRESS_ENFORCED;

	return e->flags & enforced || (!(peer->flags & enforced) && e->id <= peer->id);
}

/** @returns the entry of the endpoint at the other end, and its key, or null. @param direction as the endpoint at this end sees the packet */
static __always_inline struct conntrack_entry *find_peers(const struct packet *p, __u8 direction, union conntrack_key *key, __u32 now)
{
	struct flow f = flow_of(p);

	conntrack_key_of(&p->source, &p->destination, &f, p->family == 4, p->local_peer,
			 direction == DIRECTION_EGRESS ? DIRECTION_INGRESS : DIRECTION_EGRESS, key);
	return find_connection(key, p->family == 4, now);
}

/**
 * For a packet that asks for no connection and finds none here. What the peer knows is copied, and taken from it if it does not keep entries any
 * more; with who opened it as seen from here, and a generation that has it judged. What came to the peer through the stack goes back there
 * (via_stack) before anything is judged, and the entry stays where it is.
 * @returns the new entry, or null
 */
static __noinline struct conntrack_entry *take_over(struct __sk_buff *ctx, struct packet *p, const struct endpoint *e, const struct config *c,
						    const union conntrack_key *key)
{
	struct conntrack_entry *peers, entry;
	const __u8 direction = p->direction;
	union conntrack_key peers_key = {};
	__u32 now = conntrack_now();

	peers = find_peers(p, direction, &peers_key, now);
	/* Another pod may have had the address before. */
	if (!peers || peers->local_peer != e->id)
		return 0;
	if (peers->flags & CONNTRACK_STACK && c->flags & CONFIG_STACK_SERVICES) {
		update_connection(ctx, p, c, peers, peers->direction == direction, now);
		p->via_stack = 1;
		return 0;
	}
	entry = *peers;
	entry.direction = peers->direction == DIRECTION_EGRESS ? DIRECTION_INGRESS : DIRECTION_EGRESS;
	entry.policy_generation = e->policy_generation - 1;
	entry.rule = 0;
	entry.peer_identity = IDENTITY_ANY;
	entry.local_peer = p->local_peer;
	if (!p->peer_keeps)
		forget_connection(&peers_key, p->family == 4);
	if (p->family == 4) {
		bpf_map_update_elem(&conntrack4, &key->v4, &entry, BPF_ANY);
		peers = bpf_map_lookup_elem(&conntrack4, &key->v4);
		KEEP_APART(peers);
		return peers;
	}
	bpf_map_update_elem(&conntrack6, &key->v6, &entry, BPF_ANY);
	return bpf_map_lookup_elem(&conntrack6, &key->v6);
}

/** A new connection begins: what the peer has of another one with the same addresses and ports must not say later who opened this one. */
static __noinline int forget_peers(struct packet *p)
{
	union conntrack_key key = {};

	if (find_peers(p, p->direction, &key, conntrack_now()))
		forget_connection(&key, p->family == 4);
	return 0;
}
