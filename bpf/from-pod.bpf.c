// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What a pod sends, at tc ingress of its host-side interface: the first place outside of the pod, before the host's stack
 * has done any work for it. For a receiver on this node both policies are enforced here and the packet is put into the
 * receiver's namespace, so that the way between two pods is one program long.
 */
#include "lib/addresses.h"
#include "lib/deliver.h"
#include "lib/enforce.h"
#include "lib/parse.h"
#include "lib/pod-source.h"
#include "lib/route.h"
#include "lib/vxlan.h"

/** To the node itself: host policy, then the stack. */
static __always_inline int to_host(struct __sk_buff *ctx, struct packet *p, const struct endpoint *from, const struct config *c)
{
	int reason;

	p->point = POINT_TO_HOST;
	p->destination_identity = IDENTITY_HOST;
	reason = enforce_egress(ctx, p, from, c);
	if (!reason && c->flags & CONFIG_HOST_FIREWALL) {
		const struct endpoint *host = find_host();

		if (host)
			reason = enforce_ingress(ctx, p, host, c);
	}
	return reason ? drop(ctx, p, reason) : PASS;
}

/** To a pod of this node. */
static __always_inline int to_local(struct __sk_buff *ctx, struct packet *p, const struct endpoint *from, const struct endpoint *to,
				    const struct config *c)
{
	bool fast = is_past_stack(from, to, c);
	bool sender_keeps = !fast || keeps_connections(from, to), receiver_keeps = !fast || keeps_connections(to, from);
	int reason;

	p->destination_identity = to->identity;
	p->point = fast ? POINT_TO_ENDPOINT : POINT_TO_STACK;
	p->target_ifindex = fast ? to->ifindex : 0;
	p->is_local = fast;
	if (sender_keeps) {
		p->local_peer = to->id;
		p->peer_keeps = receiver_keeps;
		/* The receiver's trace tells of the same packet. */
		if (receiver_keeps)
			p->flags |= PACKET_NO_TRACE;
		reason = enforce_egress(ctx, p, from, c);
		p->flags &= ~PACKET_NO_TRACE;
		if (reason)
			return drop(ctx, p, reason);
		if (!fast || p->via_stack)
			return PASS;
	} else {
		count_packet(ctx, DROP_NONE, DIRECTION_EGRESS);
	}
	if (receiver_keeps) {
		p->local_peer = from->id;
		p->peer_keeps = sender_keeps;
		reason = enforce_ingress(ctx, p, to, c);
		if (reason)
			return drop(ctx, p, reason);
		if (unlikely(p->via_stack && !sender_keeps))
			return PASS;
	} else {
		count_packet(ctx, DROP_NONE, DIRECTION_INGRESS);
	}
	return deliver(ctx, p, to);
}

/** To elsewhere: another node's pod, or the world. */
static __always_inline int to_remote(struct __sk_buff *ctx, struct packet *p, const struct endpoint *from, const struct config *c,
				     struct way *way)
{
	bool tunnel, routed;
	int reason;

	if (!way)
		way = ask_way(ctx->ifindex, p);
	if (unlikely(!way)) {
		p->location = HERE(FILE_FROM_POD);
		return drop(ctx, p, DROP_NO_CONFIGURATION);
	}
	p->destination_identity = way->identity;
	tunnel = way->flags & IPCACHE_TUNNEL && c->flags & CONFIG_TUNNEL;
	routed = way->flags & IPCACHE_ROUTED && c->flags & CONFIG_FAST_ROUTED && !(from->flags & ENDPOINT_CHAINED);
	p->point = tunnel ? POINT_TO_OVERLAY : routed ? POINT_TO_NETWORK : POINT_TO_STACK;
	p->target_ifindex = tunnel ? c->tunnel_ifindex : 0;
	reason = enforce_egress(ctx, p, from, c);
	if (reason)
		return drop(ctx, p, reason);
	if (unlikely(p->via_stack))
		return PASS;
	if (tunnel) {
		if (c->flags & CONFIG_FAST_TUNNEL) {
			int verdict = encapsulate(ctx, p, way, c, identity_on_the_wire(from->identity));

			if (likely(verdict != BY_DEVICE))
				return verdict;
		}
		reason = set_tunnel(ctx, p, &way->tunnel_endpoint, identity_on_the_wire(from->identity));
		return reason ? drop(ctx, p, reason) : bpf_redirect(c->tunnel_ifindex, 0);
	}
	return routed ? route(ctx, p, way) : PASS;
}

SEC("tc")
int from_pod(struct __sk_buff *ctx)
{
	struct packet p = { .direction = DIRECTION_EGRESS, .point = POINT_FROM_ENDPOINT };
	const struct config *c = get_config();
	const struct local_address *local;
	const struct endpoint *from, *to;
	struct way *way;
	int reason;

	if (unlikely(!c || c->version != ABI_VERSION)) {
		p.location = HERE(FILE_FROM_POD);
		return drop(ctx, &p, DROP_NO_CONFIGURATION);
	}
	from = find_endpoint(ctx->ifindex);
	if (unlikely(!from)) {
		p.location = HERE(FILE_FROM_POD);
		return drop(ctx, &p, DROP_ENDPOINT_NOT_READY);
	}
	p.endpoint = from->id;
	p.source_identity = from->identity;
	/* The kernel takes a tag out of the frame before we see it, unless there is a second one. */
	if (unlikely(ctx->vlan_present || ctx->protocol == bpf_htons(ETH_P_8021Q) || ctx->protocol == bpf_htons(ETH_P_8021AD))) {
		p.location = HERE(FILE_FROM_POD);
		return drop(ctx, &p, DROP_VLAN_FILTERED);
	}
	if (!(from->flags & ENDPOINT_CHAINED)) {
		reason = check_source_mac(ctx, &p, from);
		if (unlikely(reason))
			return drop(ctx, &p, reason);
	}
	if (unlikely(ctx->protocol == bpf_htons(ETH_P_ARP))) {
		reason = check_arp(ctx, &p, from);
		return reason ? drop(ctx, &p, reason) : PASS;
	}
	reason = parse(ctx, &p);
	if (unlikely(reason))
		return drop(ctx, &p, reason);
	reason = check_source(ctx, &p, from);
	if (unlikely(reason))
		return reason == SOURCE_DISCOVERY ? PASS : drop(ctx, &p, reason);

	way = recall_way(ctx->ifindex, &p, c);
	local = way ? 0 : find_local(&p.destination);
	if (!local)
		return to_remote(ctx, &p, from, c, way);
	if (local->flags & LOCAL_ADDRESS_HOST)
		return to_host(ctx, &p, from, c);
	to = find_endpoint(local->ifindex);
	/* It is about to come or to go. */
	if (unlikely(!to)) {
		p.location = HERE(FILE_FROM_POD);
		return drop(ctx, &p, DROP_ENDPOINT_NOT_READY);
	}
	return to_local(ctx, &p, from, to, c);
}

char _license[] SEC("license") = "GPL";
