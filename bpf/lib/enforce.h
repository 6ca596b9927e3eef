/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/**
 * One endpoint's say in one packet: is it part of a connection that was allowed under the policy in force, or may it open
 * one? An established packet costs one look-up and a compare of generations.
 */
#pragma once

#include "conntrack.h"
#include "emit.h"
#include "policy.h"
#include "related.h"
#include "within-node.h"

static __always_inline void take_judgement(struct packet *p, const struct judgement *j)
{
	p->rule = j->rule;
	p->proxy_port = j->proxy_port;
	p->match_prefixlen = j->match_prefixlen;
	p->match_identity = j->match_identity;
	p->verdict = j->audit ? VERDICT_AUDIT : VERDICT_FORWARDED;
	if (!j->enforced)
		p->event_flags |= EVENT_NOT_ENFORCED;
}

/** Whatever there was. Other protocols do not say it. */
static __always_inline bool asks_for_connection(const struct packet *p)
{
	return (p->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/**
 * Whether what the peer has under these addresses and ports is not this connection: it is a new one, or the stack translated it (what is really between
 * the two goes past the stack, unless they both keep it).
 */
static __always_inline bool is_peers_other(const struct packet *p)
{
	return asks_for_connection(p) || (p->flags & PACKET_FROM_STACK && !p->peer_keeps);
}

/** The peer's identity, which nobody may have needed yet. */
static __always_inline __u32 resolve_peer(struct packet *p, const __u8 direction)
{
	if (direction == DIRECTION_EGRESS) {
		if (!p->destination_identity)
			p->destination_identity = find_identity(&p->destination, p->family == 4);
		return p->destination_identity;
	}
	if (!p->source_identity) {
		p->source_identity = find_identity(&p->source, p->family == 4);
		if (unlikely(p->from_node && (p->source_identity == IDENTITY_HOST || !is_node(p->source_identity))))
			p->source_identity = IDENTITY_REMOTE_NODE;
	}
	return p->source_identity;
}

/** Of the connection that this packet opens: what a policy's port is compared with. */
static __always_inline __be16 policy_port(const struct packet *p)
{
	return p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6 ? bpf_htons(p->icmp_type) : p->destination_port;
}

/** The same for a connection that is there, from a packet of either direction. */
static __always_inline __be16 opened_port(const struct packet *p, bool reply)
{
	if (p->flags & (PACKET_ECHO_REQUEST | PACKET_ECHO_REPLY))
		return bpf_htons(p->family == 4 ? ICMP4_ECHO_REQUEST : ICMP6_ECHO_REQUEST);
	return reply ? p->source_port : p->destination_port;
}

static __always_inline void trace(struct __sk_buff *ctx, struct packet *p, const struct config *c, struct conntrack_entry *entry,
				  __u8 reply, __u8 fresh_flags, __u32 now)
{
	if (!(c->flags & CONFIG_TRACE_EVENTS) || p->flags & PACKET_NO_TRACE)
		return;
	if (likely(now - entry->event_at < c->trace_interval >> CONNTRACK_TICK_SHIFT && !(fresh_flags & c->trace_tcp_flags)))
		return;
	entry->event_at = now;
	p->rule = entry->rule;
	p->verdict = entry->flags & CONNTRACK_AUDIT ? VERDICT_AUDIT : VERDICT_FORWARDED;
	if (reply)
		p->event_flags |= EVENT_REPLY;
	if (p->direction == DIRECTION_EGRESS && !p->destination_identity)
		p->destination_identity = entry->peer_identity;
	if (p->direction == DIRECTION_INGRESS && !p->source_identity)
		p->source_identity = entry->peer_identity;
	emit(ctx, p, EVENT_TRACE, reply ? TRACE_REPLY : TRACE_ESTABLISHED);
}

/** The policy is another than when the connection was allowed. Denied, the entry stays: replies are still known as such. */
static __noinline int rejudge(struct __sk_buff *ctx, struct packet *p, const struct endpoint *e, const struct config *c,
			      struct conntrack_entry *entry)
{
	struct judgement j = {
		.direction = entry->direction,
		.protocol = p->protocol,
		.port = opened_port(p, entry->direction != p->direction),
		.bytes = ctx->len,
	};
	bool changed;
	int result;

	j.peer_identity = p->direction == DIRECTION_EGRESS ? resolve_peer(p, DIRECTION_EGRESS) : resolve_peer(p, DIRECTION_INGRESS);
	result = judge(e, c, &j);
	take_judgement(p, &j);
	p->event_flags |= EVENT_REJUDGED;
	if (entry->direction != p->direction)
		p->event_flags |= EVENT_REPLY;
	if (result)
		return fail(p, result, HERE(FILE_ENFORCE));
	changed = entry->rule != j.rule || !(entry->flags & CONNTRACK_AUDIT) != !j.audit;
	entry->policy_generation = e->policy_generation;
	entry->rule = j.rule;
	entry->peer_identity = j.peer_identity;
	entry->flags = (entry->flags & ~CONNTRACK_AUDIT) | (j.audit ? CONNTRACK_AUDIT : 0);
	if (changed && c->flags & CONFIG_VERDICT_EVENTS)
		emit(ctx, p, EVENT_POLICY_VERDICT, TRACE_ESTABLISHED);
	return 0;
}

/** Encapsulated by somebody who is no node: what it says about the source's identity is worth nothing. */
static __always_inline bool is_unknown_sender(const struct packet *p)
{
	return p->flags & PACKET_TUNNEL && !is_node(find_identity(&p->tunnel_remote, is_mapped(&p->tunnel_remote)));
}

/** No connection: may the packet open one, or pass by itself? */
static __always_inline int open_connection(struct __sk_buff *ctx, struct packet *p, const struct endpoint *e, const struct config *c,
					   const union conntrack_key *key, const __u8 direction)
{
	struct judgement j = { .direction = direction, .protocol = p->protocol, .bytes = ctx->len };
	__u8 flags = p->tcp_flags;
	int result;

	/* The client will ask again, and then both halves are seen. Judged alone, a reply could pass for a request. */
	if ((flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
		return fail(p, DROP_UNSOLICITED_REPLY, HERE(FILE_ENFORCE));
	if (is_unknown_sender(p))
		return fail(p, DROP_UNKNOWN_SENDER, HERE(FILE_ENFORCE));
	j.peer_identity = resolve_peer(p, direction);
	j.port = policy_port(p);
	result = judge(e, c, &j);
	take_judgement(p, &j);
	if (result)
		return fail(p, result, HERE(FILE_ENFORCE));
	/*
	 * What ends a connection, or answers an echo, opens none: the entry would have the directions the wrong way round. TCP
	 * without a SYN does, as connections may be older than we are.
	 */
	if (is_tracked(p) && !(flags & (TCP_FIN | TCP_RST)) && !(p->flags & PACKET_ECHO_REPLY)) {
		if (p->local_peer && !p->peer_keeps && is_peers_other(p))
			forget_peers(p);
		result = create_connection(ctx, p, e, key, &j);
		if (result)
			return result;
	}
	/* Where no rule was asked it is a trace, and of a packet within the node the receiver's says it all. */
	if (j.enforced ? c->flags & CONFIG_VERDICT_EVENTS : c->flags & CONFIG_TRACE_EVENTS && !(p->flags & PACKET_NO_TRACE))
		emit(ctx, p, EVENT_POLICY_VERDICT, TRACE_NEW);
	return 0;
}

/** An ICMP error passes with the connection that it is about. @returns 1 if it does */
static __always_inline int pass_related(struct __sk_buff *ctx, struct packet *p, const struct endpoint *e, const struct config *c,
					const __u8 direction, __u32 now)
{
	struct conntrack_entry *entry = find_related(ctx, p, e->id, direction, now);

	/* After a change of policy it has to wait for the connection's own packets, which are judged. */
	if (!entry || entry->policy_generation != e->policy_generation)
		return 0;
	resolve_peer(p, direction);
	p->rule = entry->rule;
	p->verdict = VERDICT_FORWARDED;
	if (c->flags & CONFIG_TRACE_EVENTS)
		emit(ctx, p, EVENT_TRACE, TRACE_RELATED);
	return 1;
}

/**
 * The peer's labels changed, and with them its identity. Known at no cost of peers on this node, behind the tunnel and, for what
 * is sent, on other nodes; for the rest the agent changes the generation.
 */
static __always_inline bool is_somebody_else(const struct packet *p, const struct conntrack_entry *entry, const __u8 direction)
{
	__u32 identity = direction == DIRECTION_EGRESS ? p->destination_identity : p->source_identity;

	return identity && identity != entry->peer_identity;
}

/**
 * Whether nothing comes after the packet that ends a connection. What is put into a pod's namespace arrives. On a network it may be
 * lost, and the second FIN comes again: it needs the entry, unless it may come in without one and be answered.
 */
static __always_inline bool is_last(const struct packet *p, const struct endpoint *e, const struct conntrack_entry *entry,
				    const __u8 direction)
{
	if (p->is_local || p->flags & PACKET_PAST_STACK)
		return true;
	return direction == DIRECTION_EGRESS && !is_enforced(e, DIRECTION_INGRESS) &&
	       (entry->direction == DIRECTION_EGRESS || !is_enforced(e, DIRECTION_EGRESS));
}

static __always_inline int enforce(struct __sk_buff *ctx, struct packet *p, const struct endpoint *e, const struct config *c,
				   const __u8 direction)
{
	__u32 now = conntrack_now();
	struct conntrack_entry *entry = 0;
	/* Whole, as the verifier does not know that a family's look-up reads just what was written for it. */
	union conntrack_key key = {};
	int result;

	p->direction = direction;
	p->endpoint = e->id;
	p->event_flags = 0;
	p->rule = 0;
	p->match_prefixlen = 0;
	p->match_identity = 0;
	p->proxy_port = 0;
	p->via_stack = 0;
	if (likely(is_tracked(p))) {
		struct flow f = flow_of(p);

		conntrack_key_of(&p->source, &p->destination, &f, p->family == 4, e->id, direction, &key);
		entry = find_connection(&key, p->family == 4, now);
		if (unlikely(!entry && p->local_peer && !is_peers_other(p))) {
			entry = take_over(ctx, p, e, c, &key);
			if (p->via_stack)
				return 0;
		}
		p->via_stack = entry && entry->flags & CONNTRACK_STACK && c->flags & CONFIG_STACK_SERVICES;
	} else if (p->flags & PACKET_ICMP_ERROR && !(p->flags & PACKET_LATER_FRAGMENT)) {
		if (pass_related(ctx, p, e, c, direction, now)) {
			count_packet(ctx, DROP_NONE, direction);
			return 0;
		}
	}
	if (unlikely(p->flags & PACKET_PAST_STACK && c->flags & CONFIG_STACK_SERVICES)) {
		if (!entry && !asks_for_connection(p))
			p->via_stack = 1;
		if (p->via_stack)
			return 0;
	}
	if (likely(entry)) {
		__u8 reply = entry->direction != direction;

		/* A SYN asks for a new connection, whatever was there; unless it only asks again. */
		if (unlikely(asks_for_connection(p) && (reply || entry->state != CONNTRACK_OPENING)))
			entry = 0;
		else {
			if (unlikely(entry->policy_generation != e->policy_generation ||
				     is_somebody_else(p, entry, direction))) {
				result = rejudge(ctx, p, e, c, entry);
				if (result)
					return result;
			}
			trace(ctx, p, c, entry, reply, update_connection(ctx, p, c, entry, reply, now), now);
			if (unlikely(entry->state >= CONNTRACK_HALF_CLOSED && p->protocol == IPPROTO_TCP) &&
			    follow_close(ctx, p, entry, reply) && is_last(p, e, entry, direction))
				forget_connection(&key, p->family == 4);
		}
	}
	if (!entry) {
		result = open_connection(ctx, p, e, c, &key, direction);
		if (result)
			return result;
	}
	count_packet(ctx, DROP_NONE, direction);
	return 0;
}

/*
 * Not static: the verifier takes such a function by itself, once, instead of again for each state in which it is called: a
 * fifth of the work, and half a second of an agent's start. So it does not know that its arguments are there.
 */

/** Policy for what is sent to the endpoint. @returns 0 or a drop reason */
__noinline int enforce_ingress(struct __sk_buff *ctx, struct packet *p, const struct endpoint *e, const struct config *c)
{
	if (!p || !e || !c)
		return DROP_NO_CONFIGURATION;
	return enforce(ctx, p, e, c, DIRECTION_INGRESS);
}

/** Policy for what the endpoint sends. @returns 0 or a drop reason */
__noinline int enforce_egress(struct __sk_buff *ctx, struct packet *p, const struct endpoint *e, const struct config *c)
{
	if (!p || !e || !c)
		return DROP_NO_CONFIGURATION;
	return enforce(ctx, p, e, c, DIRECTION_EGRESS);
}
