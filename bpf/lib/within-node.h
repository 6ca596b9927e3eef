/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/**
 * Connections of two pods of this node. Programs see both ends of each packet, so one entry is enough: a second one would go from the cache of the
 * one pod's CPU to that of the other with each packet, and with it its bucket. Who keeps it changes with policies; an endpoint that
 * begins to keep takes over what the other one knows.
 */
#pragma once

#include "conntrack.h"

/** Whether packets between the two go past the stack, so that a program sees both ends of each. */
static __always_inline bool is_past_stack(const struct endpoint *e, const struct endpoint *peer, const struct config *c)
{
	return c->flags & CONFIG_FAST_LOCAL && !((e->flags | peer->flags) & ENDPOINT_CHAINED);
}

/** What is egress for one of the two is ingress for the other. */
static __always_inline __u8 as_peer_sees(__u8 direction)
{
	return direction == DIRECTION_EGRESS ? DIRECTION_INGRESS : DIRECTION_EGRESS;
}

/** Whether an endpoint has entries for connections with that one: if its policy is enforced; if neither's is, it does not matter whose. */
static __always_inline bool keeps_connections(const struct endpoint *e, const struct endpoint *peer)
{
	const __u16 enforced = ENDPOINT_INGRESS_ENFORCED | ENDPOINT_EGRESS_ENFORCED;

	return e->flags & enforced || (!(peer->flags & enforced) && e->id <= peer->id);
}

/** @returns the entry of the endpoint at the other end, and its key, or null */
static __always_inline struct conntrack_entry *find_peers(const struct packet *p, union conntrack_key *key, __u32 now)
{
	struct flow f = flow_of(p);

	conntrack_key_of(&p->source, &p->destination, &f, p->family == 4, p->local_peer,
			 as_peer_sees(p->direction), key);
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
	union conntrack_key peers_key = {};
	__u32 now = conntrack_now();

	peers = find_peers(p, &peers_key, now);
	/* Another pod may have had the address before. */
	if (!peers || peers->local_peer != e->id)
		return 0;
	if (peers->flags & CONNTRACK_STACK && c->flags & CONFIG_STACK_SERVICES) {
		update_connection(ctx, p, c, peers, peers->direction == p->direction, now);
		p->via_stack = 1;
		return 0;
	}
	entry = *peers;
	entry.direction = as_peer_sees(peers->direction);
	entry.policy_generation = e->policy_generation - 1;
	entry.rule = 0;
	entry.peer_identity = IDENTITY_ANY;
	entry.local_peer = p->local_peer;
	if (!p->peer_keeps)
		forget_connection(&peers_key, p->family == 4);
	insert_connection(key, p->family == 4, &entry);
	return find_connection(key, p->family == 4, now);
}

/** A new connection begins: what the peer has of another one with the same addresses and ports must not say later who opened this one. */
static __noinline int forget_peers(struct packet *p)
{
	union conntrack_key key = {};

	if (find_peers(p, &key, conntrack_now()))
		forget_connection(&key, p->family == 4);
	return 0;
}
