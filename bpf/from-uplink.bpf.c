// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What reaches the node from the network, at tc ingress of its devices: before routing, so that packets for pods need
 * none. Other traffic is none of our business unless there are host policies.
 */
#include "lib/decapsulate.h"
#include "lib/neighbours.h"
#include "lib/parse.h"
#include "lib/receive.h"
#include "lib/uplink.h"

/** Of another node's pod, taken out of the tunnel. What is not for a pod, or has to see the stack, goes on behind the device. */
static __always_inline int receive_decapsulated(struct __sk_buff *ctx, struct packet *p, const struct config *c, __u32 *flow)
{
	int verdict = receive_from_node(ctx, p, c, HERE(FILE_FROM_UPLINK));

	if (likely(verdict != PASS))
		return verdict;
	*flow = conntrack_now();
	return bpf_redirect(c->tunnel_ifindex, BPF_F_INGRESS);
}

SEC("tc")
int from_uplink(struct __sk_buff *ctx)
{
	struct packet p = { .direction = DIRECTION_INGRESS, .point = POINT_FROM_NETWORK };
	const struct config *c = get_config();
	const struct local_address *local;
	int reason, tunnel = NO_TUNNEL;
	__u32 *flow = 0;

	/* Without a configuration there are no pods behind us (their own programs drop), and the node has to be reachable. */
	if (unlikely(!c || c->version != ABI_VERSION))
		return PASS;
	if (ctx->protocol != bpf_htons(ETH_P_IP) && ctx->protocol != bpf_htons(ETH_P_IPV6))
		return PASS;
	if (decapsulates(c))
		tunnel = decapsulate(ctx, &p, c, &flow);
	if (tunnel == FOR_DEVICE)
		return PASS;
	if (unlikely(tunnel == DECAPSULATION_FAILED))
		return drop(ctx, &p, DROP_WRITE_FAILED);
	reason = parse(ctx, &p);
	if (tunnel == DECAPSULATED && flow)
		return unlikely(reason) ? drop(ctx, &p, reason) : receive_decapsulated(ctx, &p, c, flow);
	if (!(c->flags & CONFIG_HOST_FIREWALL) && is_tunnel_to_us(&p, c))
		return PASS;
	/* The addresses are known unless the IP header itself is broken: then the stack drops it too. */
	local = p.family ? find_local(&p.destination) : 0;
	if (!local)
		return PASS;
	if (local->flags & LOCAL_ADDRESS_HOST && (!(c->flags & CONFIG_HOST_FIREWALL) || is_discovery(&p)))
		return PASS;
	if (unlikely(reason))
		return drop(ctx, &p, reason);
	/* The stack drops such martians of IPv4, but not of IPv6, and not where we deliver past it. */
	if (unlikely(find_local(&p.source))) {
		p.location = HERE(FILE_FROM_UPLINK);
		return drop(ctx, &p, DROP_INVALID_SOURCE_ADDRESS);
	}
	if (!(local->flags & LOCAL_ADDRESS_HOST))
		return receive(ctx, &p, local->ifindex, c, HERE(FILE_FROM_UPLINK));
	if (is_tunnel_traffic(&p, c)) {
		p.source_identity = find_identity(&p.source, p.family == 4);
		if (is_node(p.source_identity))
			return PASS;
	}
	return receive_for_host(ctx, &p, c);
}

char _license[] SEC("license") = "GPL";
