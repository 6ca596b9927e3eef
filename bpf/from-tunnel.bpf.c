// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What another node sent through the tunnel and from_uplink left to the VXLAN device, at its tc ingress, where the outer headers are gone but
 * their metadata is still there. The VNI is the sender's identity: known even before this node has heard of the sending pod.
 * Whether the outer sender is a node at all is asked for new connections.
 */
#include "lib/parse.h"
#include "lib/receive-from-node.h"

/** Who encapsulated it, and for whom. @returns 0 or a drop reason */
static __always_inline int read_tunnel(struct __sk_buff *ctx, struct packet *p)
{
	struct bpf_tunnel_key key = {};
	int error = bpf_skb_get_tunnel_key(ctx, &key, sizeof(key), 0);

	if (!error) {
		set_address4(&p->tunnel_remote, bpf_htonl(key.remote_ipv4));
	} else {
		error = bpf_skb_get_tunnel_key(ctx, &key, sizeof(key), BPF_F_TUNINFO_IPV6);
		if (error && has_identity(ctx->mark)) {
			/* from_uplink took it out of its headers, and has asked who sent it. */
			p->source_identity = identity_of_mark(ctx->mark);
			return 0;
		}
		if (error)
			return fail(p, DROP_NO_TUNNEL_KEY, HERE(FILE_FROM_TUNNEL));
		set_address6(&p->tunnel_remote, key.remote_ipv6);
	}
	p->flags |= PACKET_TUNNEL;
	p->source_identity = identity_from_wire(key.tunnel_id);
	return key.tunnel_id == IDENTITY_ANY ? fail(p, DROP_INVALID_IDENTITY, HERE(FILE_FROM_TUNNEL)) : 0;
}

SEC("tc")
int from_tunnel(struct __sk_buff *ctx)
{
	struct packet p = { .direction = DIRECTION_INGRESS, .point = POINT_FROM_OVERLAY };
	const struct config *c = get_config();
	int reason;

	if (unlikely(!c || c->version != ABI_VERSION)) {
		p.location = HERE(FILE_FROM_TUNNEL);
		return drop(ctx, &p, DROP_NO_CONFIGURATION);
	}
	reason = read_tunnel(ctx, &p);
	if (likely(!reason))
		reason = parse(ctx, &p);
	if (unlikely(reason))
		return drop(ctx, &p, reason);
	return receive_from_node(ctx, &p, c, HERE(FILE_FROM_TUNNEL));
}

char _license[] SEC("license") = "GPL";
