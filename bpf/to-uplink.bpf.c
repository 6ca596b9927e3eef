// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What leaves the node, at tc egress of its devices: host policy of what the node itself sends. Pods' traffic was judged
 * when they sent it.
 */
#include "lib/addresses.h"
#include "lib/enforce.h"
#include "lib/neighbours.h"
#include "lib/parse.h"
#include "lib/uplink.h"

SEC("tc")
int to_uplink(struct __sk_buff *ctx)
{
	struct packet p = { .direction = DIRECTION_EGRESS, .point = POINT_TO_NETWORK };
	const struct config *c = get_config();
	const struct local_address *local;
	const struct endpoint *host;
	int reason;

	if (!c || c->version != ABI_VERSION || !(c->flags & CONFIG_HOST_FIREWALL))
		return PASS;
	if (ctx->protocol != bpf_htons(ETH_P_IP) && ctx->protocol != bpf_htons(ETH_P_IPV6))
		return PASS;
	host = find_host();
	if (!host)
		return PASS;
	reason = parse(ctx, &p);
	local = p.family ? find_local(&p.source) : 0;
	if (!local || !(local->flags & LOCAL_ADDRESS_HOST) || is_discovery(&p))
		return PASS;
	p.source_identity = IDENTITY_HOST;
	p.endpoint = host->id;
	if (unlikely(reason))
		return drop(ctx, &p, reason);
	p.target_ifindex = ctx->ifindex;
	if (is_tunnel_traffic(&p, c)) {
		p.destination_identity = find_identity(&p.destination, p.family == 4);
		if (is_node(p.destination_identity))
			return PASS;
	}
	reason = enforce_egress(ctx, &p, host, c);
	return reason ? drop(ctx, &p, reason) : PASS;
}

char _license[] SEC("license") = "GPL";
