// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What the host's stack delivers to a pod, at tc egress of the pod's host-side interface: connections of the node itself
 * (probes of the kubelet), and everything while fast paths are off or the pod's interface is another plugin's. Behind the
 * stack on purpose: only here is it known that routing, NAT and netfilter are done with the packet.
 */
#include "lib/addresses.h"
#include "lib/enforce.h"
#include "lib/mark.h"
#include "lib/neighbours.h"
#include "lib/parse.h"

/** Who sent it. The mark is the tunnel's word, which knew before ipcache did. @returns 0 or a drop reason, of the host's policy */
static __always_inline int identify_source(struct __sk_buff *ctx, struct packet *p, const struct endpoint *to, const struct config *c)
{
	const struct local_address *local;
	const struct endpoint *from;

	if (has_identity(ctx->mark)) {
		p->source_identity = identity_of_mark(ctx->mark);
		ctx->mark = 0;
		if (is_node(p->source_identity)) {
			p->source_identity = 0;
			p->from_node = 1;
		}
		return 0;
	}
	local = find_local(&p->source);
	if (!local)
		return 0;
	if (!(local->flags & LOCAL_ADDRESS_HOST)) {
		from = find_endpoint(local->ifindex);
		if (from) {
			p->source_identity = from->identity;
			p->local_peer = from->id;
			p->peer_keeps = !is_past_stack(from, to, c);
		}
		return 0;
	}
	p->source_identity = IDENTITY_HOST;
	if (c->flags & CONFIG_HOST_FIREWALL) {
		from = find_host();
		if (from) {
			p->flags |= PACKET_NO_TRACE;
			return enforce_egress(ctx, p, from, c);
		}
	}
	return 0;
}

SEC("tc")
int to_pod(struct __sk_buff *ctx)
{
	struct packet p = { .direction = DIRECTION_INGRESS, .point = POINT_FROM_STACK };
	const struct config *c = get_config();
	const struct endpoint *to;
	int reason;

	if (unlikely(!c || c->version != ABI_VERSION)) {
		p.location = HERE(FILE_TO_POD);
		return drop(ctx, &p, DROP_NO_CONFIGURATION);
	}
	to = find_endpoint(ctx->ifindex);
	if (unlikely(!to)) {
		p.location = HERE(FILE_TO_POD);
		return drop(ctx, &p, DROP_ENDPOINT_NOT_READY);
	}
	p.endpoint = to->id;
	if (unlikely(ctx->protocol == bpf_htons(ETH_P_ARP)))
		return PASS;
	reason = parse(ctx, &p);
	if (unlikely(reason))
		return drop(ctx, &p, reason);
	/* The node's own side of the link; from elsewhere the stack passes none of it on. */
	if (unlikely(is_discovery(&p) && (is_link_local(&p.source) || is_link_multicast(&p.destination))))
		return PASS;
	p.destination_identity = to->identity;
	p.point = POINT_TO_ENDPOINT;
	p.target_ifindex = to->ifindex;
	reason = identify_source(ctx, &p, to, c);
	p.flags &= ~PACKET_NO_TRACE;
	p.flags |= PACKET_FROM_STACK;
	if (!reason)
		reason = enforce_ingress(ctx, &p, to, c);
	return reason ? drop(ctx, &p, reason) : PASS;
}

char _license[] SEC("license") = "GPL";
