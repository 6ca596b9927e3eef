// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What another node sent through the tunnel, at tc ingress of the VXLAN device, where the outer headers are gone but their
 * metadata is still there. The VNI is the sender's identity: known even before this node has heard of the sending pod.
 * Whether the outer sender is a node at all is asked for new connections.
 */
#include "lib/addresses.h"
#include "lib/enforce.h"
#include "lib/parse.h"
#include "lib/receive.h"

/** Who encapsulated it, and for whom. @returns 0 or a drop reason */
static __always_inline int read_tunnel(struct __sk_buff *ctx, struct packet *p)
{
	struct bpf_tunnel_key key = {};
	int error = bpf_skb_get_tunnel_key(ctx, &key, sizeof(key), 0);

	if (!error) {
		set_address4(&p->tunnel_remote, bpf_htonl(key.remote_ipv4));
	} else {
		error = bpf_skb_get_tunnel_key(ctx, &key, sizeof(key), BPF_F_TUNINFO_IPV6);
		if (error)
			return fail(p, DROP_NO_TUNNEL_KEY, HERE(FILE_FROM_TUNNEL));
		set_address6(&p->tunnel_remote, key.remote_ipv6);
	}
	p->flags |= PACKET_TUNNEL;
	/* Another node is never this host. */
	p->source_identity = key.tunnel_id == IDENTITY_HOST ? IDENTITY_REMOTE_NODE : key.tunnel_id;
	return key.tunnel_id == IDENTITY_ANY ? fail(p, DROP_INVALID_IDENTITY, HERE(FILE_FROM_TUNNEL)) : 0;
}

SEC("tc")
int from_tunnel(struct __sk_buff *ctx)
{
	struct packet p = { .direction = DIRECTION_INGRESS, .point = POINT_FROM_OVERLAY };
	const struct config *c = get_config();
	const struct local_address *local;
	const struct ipcache_entry *prefix;
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
	if (unlikely(find_local(&p.source))) {
		p.location = HERE(FILE_FROM_TUNNEL);
		return drop(ctx, &p, DROP_INVALID_SOURCE_ADDRESS);
	}
	/* The inner frame's addresses are the sending node's affair. */
	if (ctx->pkt_type != PACKET_HOST)
		bpf_skb_change_type(ctx, PACKET_HOST);
	/* For to_pod, should the stack be the one to deliver it. */
	ctx->mark = MARK_IDENTITY | p.source_identity << 16 | (p.source_identity >> 16 & 0xff);

	local = find_local(&p.destination);
	if (likely(local)) {
		if (is_node(p.source_identity)) {
			p.source_identity = 0;
			p.from_node = 1;
		}
		if (local->flags & LOCAL_ADDRESS_HOST)
			return receive_for_host(ctx, &p, c);
		return receive(ctx, &p, local->ifindex, c, HERE(FILE_FROM_TUNNEL));
	}
	prefix = find_ipcache(&p.destination, p.family == 4);
	if (prefix && prefix->flags & IPCACHE_LOCAL)
		return PASS;
	p.location = HERE(FILE_FROM_TUNNEL);
	return drop(ctx, &p, DROP_UNROUTABLE);
}

char _license[] SEC("license") = "GPL";
