/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/** Connections: found, made, kept up to date. Who may have one is policy's business. */
#pragma once

#include "policy.h"

/** Both families' keys begin with the local address. */
union conntrack_key {
	struct conntrack4_key v4;
	struct conntrack6_key v6;
} __attribute__((aligned(8)));

/** A connection's own protocol and ports: the packet's, or those that an ICMP error quotes. */
struct flow {
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	/** enum packet_flag: which half of an echo. */
	__u8 flags;
};

/** @param direction in which a packet with that flow goes, as the endpoint sees it */
static __always_inline void conntrack_key_of(const struct address *source, const struct address *destination, const struct flow *f,
					     bool ipv4, __u16 endpoint, const __u8 direction, union conntrack_key *key)
{
	const struct address *local = direction == DIRECTION_EGRESS ? source : destination;
	const struct address *peer = direction == DIRECTION_EGRESS ? destination : source;
	__be16 local_port = direction == DIRECTION_EGRESS ? f->source_port : f->destination_port;
	__be16 peer_port = direction == DIRECTION_EGRESS ? f->destination_port : f->source_port;

	if (f->flags & (PACKET_ECHO_REQUEST | PACKET_ECHO_REPLY)) {
		/* Who asked is part of the key, or a ping from here would open the way for one from there. */
		bool to_peer = !(f->flags & PACKET_ECHO_REQUEST) == (direction == DIRECTION_INGRESS);

		local_port = f->source_port;
		peer_port = bpf_htons(to_peer ? CONNTRACK_ECHO_TO_PEER : CONNTRACK_ECHO_FROM_PEER);
	}
	if (ipv4) {
		*(__be32 *)key->v4.local = get_address4(local);
		*(__be32 *)key->v4.peer = get_address4(peer);
		key->v4.local_port = local_port;
		key->v4.peer_port = peer_port;
		key->v4.endpoint = endpoint;
		key->v4.protocol = f->protocol;
		key->v4.pad = 0;
	} else {
		__builtin_memcpy(key->v6.local, local, 16);
		__builtin_memcpy(key->v6.peer, peer, 16);
		key->v6.local_port = local_port;
		key->v6.peer_port = peer_port;
		key->v6.endpoint = endpoint;
		key->v6.protocol = f->protocol;
		key->v6.pad = 0;
	}
}

/** ICMP is tracked for echoes alone: errors belong to the connection that they quote, and the rest is single messages. */
static __always_inline bool is_tracked(const struct packet *p)
{
	if (p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6)
		return p->flags & (PACKET_ECHO_REQUEST | PACKET_ECHO_REPLY);
	return true;
}

static __always_inline struct flow flow_of(const struct packet *p)
{
	struct flow f = {
		.source_port = p->source_port,
		.destination_port = p->destination_port,
		.protocol = p->protocol,
		.flags = p->flags,
	};

	if (f.flags & (PACKET_ECHO_REQUEST | PACKET_ECHO_REPLY))
		f.source_port = p->echo_id;
	return f;
}

/** What times of connections are in. The clock of the last timer interrupt: several times cheaper than the exact one. */
static __always_inline __u32 conntrack_now(void)
{
	return bpf_ktime_get_coarse_ns() >> CONNTRACK_TICK_SHIFT;
}

/** @returns a connection that has not expired, or null */
static __always_inline struct conntrack_entry *find_connection(const union conntrack_key *key, bool ipv4, __u32 now)
{
	struct conntrack_entry *entry;

	if (ipv4) {
		entry = bpf_map_lookup_elem(&conntrack4, &key->v4);
		KEEP_APART(entry);
	} else {
		entry = bpf_map_lookup_elem(&conntrack6, &key->v6);
	}
	return entry && (__s32)(entry->expires_at - now) > 0 ? entry : 0;
}

/** ns */
static __always_inline __u64 lifetime_of(const struct config *c, __u8 protocol, __u8 state)
{
	if (protocol == IPPROTO_TCP) {
		if (state == CONNTRACK_OPENING)
			return c->tcp_opening_lifetime;
		return state == CONNTRACK_CLOSING ? c->tcp_closing_lifetime : c->tcp_established_lifetime;
	}
	if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6)
		return c->icmp_lifetime;
	return c->other_lifetime;
}

/** Ticks */
static __always_inline __u32 lifetime(const struct config *c, __u8 protocol, __u8 state)
{
	return lifetime_of(c, protocol, state) >> CONNTRACK_TICK_SHIFT;
}

static __always_inline __u8 next_state(const struct conntrack_entry *entry, const struct packet *p, __u8 reply)
{
	if (unlikely(p->tcp_flags & TCP_RST))
		return CONNTRACK_CLOSING;
	if (unlikely(p->tcp_flags & TCP_FIN))
		return entry->tcp_flags[!reply] & TCP_FIN ? CONNTRACK_CLOSING : CONNTRACK_HALF_CLOSED;
	return entry->state == CONNTRACK_OPENING && reply ? CONNTRACK_ESTABLISHED : entry->state;
}

/**
 * Counts the packet in. Plain additions: packets of one direction come on one CPU but for the moment that a sender moves,
 * and a locked addition for each would cost more than the look-up.
 * @param reply 1 if the packet goes against the direction of opening
 * @returns TCP flags that this direction had not had
 */
static __always_inline __u8 update_connection(const struct __sk_buff *ctx, const struct packet *p, const struct config *c,
					      struct conntrack_entry *entry, __u8 reply, __u32 now)
{
	__u32 segments = ctx->gso_segs;
	__u32 expires;
	__u8 fresh, state;

	reply &= 1;
	entry->packets[reply] += segments ? segments : 1;
	entry->bytes[reply] += ctx->len;
	fresh = p->tcp_flags & ~entry->tcp_flags[reply];
	state = next_state(entry, p, reply);
	/* Only what changes is written: the line is shared with the other direction's CPU. */
	if (unlikely(fresh))
		entry->tcp_flags[reply] |= fresh;
	if (unlikely(state != entry->state))
		entry->state = state;
	expires = now + lifetime(c, p->protocol, state);
	if (expires != entry->expires_at)
		entry->expires_at = expires;
	return fresh;
}

/** Of a TCP segment, from the lengths in its IP header: a frame may be padded. */
static __always_inline __u32 payload_length(struct __sk_buff *ctx, const struct packet *p, __u32 header)
{
	__u32 end = ctx->len;
	__be16 length = 0;

	if (p->family == 4) {
		if (!bpf_skb_load_bytes(ctx, IP_OFFSET + 2, &length, sizeof(length)) && length)
			end = IP_OFFSET + bpf_ntohs(length);
	} else if (!bpf_skb_load_bytes(ctx, IP_OFFSET + 4, &length, sizeof(length)) && length) {
		end = IP_OFFSET + sizeof(struct ipv6hdr) + bpf_ntohs(length);
	}
	return end - p->l4_offset - header;
}

/**
 * Once there has been a FIN: keeps where it ends, and who has acknowledged whose.
 * @returns whether with this packet each side has acknowledged the other's FIN: both have said and heard all
 */
static __noinline bool follow_close(struct __sk_buff *ctx, const struct packet *p, struct conntrack_entry *entry, __u32 reply)
{
	/* Ports, sequence, acknowledgement, the header's length in the first four bits. */
	__be32 words[4];
	__u8 from = reply & 1, to = !from;

	if (p->flags & PACKET_LATER_FRAGMENT || bpf_skb_load_bytes(ctx, p->l4_offset, words, sizeof(words)))
		return false;
	if (p->tcp_flags & TCP_FIN)
		entry->fin_end[from] = bpf_ntohl(words[1]) + payload_length(ctx, p, *(__u8 *)&words[3] >> 4 << 2) + 1;
	if (p->tcp_flags & TCP_ACK && entry->tcp_flags[to] & TCP_FIN && bpf_ntohl(words[2]) == entry->fin_end[to])
		entry->fin_acknowledged |= 1 << from;
	return entry->fin_acknowledged == 3 && !(p->tcp_flags & TCP_FIN);
}

/**
 * A connection that ended in good order is forgotten at once, so that the next one finds its room empty and in the cache: with many
 * short ones, making room in cold memory costs a microsecond each. After a reset much may still be under way, which waits for the
 * collector.
 */
static __always_inline void forget_connection(const union conntrack_key *key, bool ipv4)
{
	long error;

	if (ipv4) {
		error = bpf_map_delete_elem(&conntrack4, &key->v4);
		KEEP_APART(error);
	} else {
		bpf_map_delete_elem(&conntrack6, &key->v6);
	}
}

/** @returns 0 or the helper's error */
static __always_inline long insert_connection(const union conntrack_key *key, bool is_ipv4, const struct conntrack_entry *entry)
{
	long error;

	if (!is_ipv4)
		return bpf_map_update_elem(&conntrack6, &key->v6, entry, BPF_ANY);
	error = bpf_map_update_elem(&conntrack4, &key->v4, entry, BPF_ANY);
	KEEP_APART(error);
	return error;
}

/** A connection opened by this packet, as it was judged. Out of line for its stack. @returns 0 or DROP_CONNTRACK_INSERT_FAILED */
static __noinline int create_connection(struct __sk_buff *ctx, struct packet *p, const struct endpoint *e,
					const union conntrack_key *key, const struct judgement *j)
{
	__u32 now = conntrack_now();
	const struct config *c = get_config();
	__u32 segments = ctx->gso_segs;
	struct conntrack_entry entry = {
		.expires_at = now + (c ? lifetime(c, p->protocol, CONNTRACK_OPENING) : 0),
		.event_at = now,
		.packets = { segments ? segments : 1 },
		.bytes = { ctx->len },
		.tcp_flags = { p->tcp_flags },
		.state = CONNTRACK_OPENING,
		.policy_generation = e->policy_generation,
		.rule = j->rule,
		.peer_identity = j->peer_identity,
		.direction = j->direction,
		.local_peer = p->local_peer,
		.flags = (j->audit ? CONNTRACK_AUDIT : 0) | (p->flags & PACKET_FROM_STACK ? CONNTRACK_STACK : 0),
	};
	long error = insert_connection(key, p->family == 4, &entry);

	if (!error)
		return 0;
	count_helper_error(HERE(FILE_CONNTRACK), error);
	return fail(p, DROP_CONNTRACK_INSERT_FAILED, HERE(FILE_CONNTRACK));
}
