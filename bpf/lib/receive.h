/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "addresses.h"
#include "deliver.h"
#include "enforce.h"

/** To the stack, and from there to to_pod, which believes what the tunnel's mark says. @returns the program's verdict */
static __always_inline int hand_to_stack(struct __sk_buff *ctx, struct packet *p)
{
	if (likely(!is_unknown_sender(p)))
		return PASS;
	p->location = HERE(FILE_RECEIVE);
	return drop(ctx, p, DROP_UNKNOWN_SENDER);
}

/** From outside, for a pod of this node: the way past the stack, or to_pod's turn. @returns the program's verdict */
static __always_inline int receive(struct __sk_buff *ctx, struct packet *p, __u32 ifindex, const struct config *c, __u32 location)
{
	const struct endpoint *to = find_endpoint(ifindex);
	int reason;

	if (unlikely(!to)) {
		p->location = location;
		return drop(ctx, p, DROP_ENDPOINT_NOT_READY);
	}
	p->destination_identity = to->identity;
	if (!(c->flags & CONFIG_FAST_LOCAL) || to->flags & ENDPOINT_CHAINED)
		return hand_to_stack(ctx, p);
	p->point = POINT_TO_ENDPOINT;
	p->target_ifindex = to->ifindex;
	p->flags |= PACKET_PAST_STACK;
	reason = enforce_ingress(ctx, p, to, c);
	if (unlikely(reason))
		return drop(ctx, p, reason);
	return unlikely(p->via_stack) ? hand_to_stack(ctx, p) : deliver(ctx, p, to);
}

/** To the node itself: host policy where there is one, then the stack. @returns the program's verdict */
static __always_inline int receive_for_host(struct __sk_buff *ctx, struct packet *p, const struct config *c)
{
	const struct endpoint *host;
	int reason;

	if (!(c->flags & CONFIG_HOST_FIREWALL))
		return PASS;
	host = find_host();
	if (!host)
		return PASS;
	p->point = POINT_TO_HOST;
	p->destination_identity = IDENTITY_HOST;
	reason = enforce_ingress(ctx, p, host, c);
	return reason ? drop(ctx, p, reason) : PASS;
}
