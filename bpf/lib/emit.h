/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/** Events to the agent, and the one way to drop a packet. */
#pragma once

#include "count.h"
#include "packet.h"

/** Records may be written on other CPUs between ours and the question how much there is. */
#define WAKEUP_WINDOW (4 * (sizeof(struct event) + BPF_RINGBUF_HDR_SZ))

/**
 * Without wakeup_bytes the kernel wakes the reader whenever it has caught up, which at a low rate is for each event: an
 * interrupt (in a virtual machine several microseconds) and a switch to the reader, more than all the rest of a connection's
 * set-up costs here. So it is woken when the backlog passes a multiple of wakeup_bytes, and not again for what comes until it has come.
 */
static __always_inline __u64 wakeup(void)
{
	const struct config *c = get_config();
	__u32 backlog;

	if (!c || !c->wakeup_bytes)
		return 0;
	backlog = bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA);
	if (backlog < c->wakeup_bytes)
		return BPF_RB_NO_WAKEUP;
	return backlog % c->wakeup_bytes < WAKEUP_WINDOW ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/**
 * Within the node, what passes by nobody's rule is told as the receiver sees it, whichever of the two keeps the connection: who that is, only
 * programs need to know.
 */
static __always_inline bool is_receivers(const struct packet *p, __u32 type)
{
	return p->is_local && p->direction == DIRECTION_EGRESS && !p->peer_keeps && type != EVENT_DROP && !p->rule &&
	       p->verdict == VERDICT_FORWARDED;
}

/** @param reason enum drop_reason or enum trace_reason. Out of line: it is rare, and used everywhere. */
static __noinline int emit(struct __sk_buff *ctx, const struct packet *p, __u32 type, __u32 reason)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		__u64 *lost = bpf_map_lookup_elem(&lost_events, &type);

		if (lost)
			*lost += 1;
		return 0;
	}
	event->time = bpf_ktime_get_ns();
	event->type = type;
	event->point = p->point;
	event->reason = reason;
	event->verdict = type == EVENT_DROP ? VERDICT_DROPPED : p->verdict;
	event->direction = is_receivers(p, type) ? DIRECTION_INGRESS : p->direction;
	event->family = p->family;
	event->protocol = p->protocol;
	event->tcp_flags = p->tcp_flags;
	event->endpoint = is_receivers(p, type) ? p->local_peer : p->endpoint;
	event->match_prefixlen = p->match_prefixlen;
	event->match_identity = p->match_identity;
	event->source_identity = p->source_identity;
	event->destination_identity = p->destination_identity;
	event->rule = p->rule;
	event->length = ctx->len;
	event->ifindex = ctx->ifindex;
	event->target_ifindex = p->target_ifindex;
	event->source_port = p->source_port;
	event->destination_port = p->destination_port;
	event->icmp_type = p->icmp_type;
	event->icmp_code = p->icmp_code;
	event->flags = p->event_flags | (p->flags & PACKET_LATER_FRAGMENT ? EVENT_FRAGMENT : 0);
	event->pad = 0;
	event->location = type == EVENT_DROP ? p->location : 0;
	event->source = p->source;
	event->destination = p->destination;
	event->proxy_port = p->proxy_port;
	event->pad2 = 0;
	if (bpf_skb_load_bytes(ctx, 0, event->destination_mac, 2 * ETH_ALEN))
		__builtin_memset(event->destination_mac, 0, 2 * ETH_ALEN);
	bpf_ringbuf_submit(event, wakeup());
	return 0;
}

/** Counted, told, gone. Where it failed is in the packet: see fail(). */
static __noinline int drop(struct __sk_buff *ctx, const struct packet *p, int reason)
{
	count_packet(ctx, reason, p->direction);
	emit(ctx, p, EVENT_DROP, reason);
	return TC_ACT_SHOT;
}
