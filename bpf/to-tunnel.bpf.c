// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * What the host's stack sends into the tunnel, at tc egress of the VXLAN device: the node's own connections to remote pods,
 * and pods whose packets took the stack's way. Here is the last chance to say where to, and for whom.
 */
#include "lib/addresses.h"
#include "lib/encapsulate.h"
#include "lib/enforce.h"
#include "lib/parse.h"

/** from_pod was here before: metadata is set, policy enforced. */
static __always_inline bool is_encapsulated(struct __sk_buff *ctx)
{
	struct bpf_tunnel_key key;

	return !bpf_skb_get_tunnel_key(ctx, &key, sizeof(key), 0) ||
	       !bpf_skb_get_tunnel_key(ctx, &key, sizeof(key), BPF_F_TUNINFO_IPV6);
}

/** Who sends it. @returns 0 or a drop reason, of the host's policy */
static __always_inline int identify_sender(struct __sk_buff *ctx, struct packet *p, const struct config *c)
{
	const struct local_address *local = find_local(&p->source);
	const struct endpoint *from;

	if (!local) {
		p->source_identity = find_identity(&p->source, p->family == 4);
		return 0;
	}
	from = local->flags & LOCAL_ADDRESS_HOST ? find_host() : find_endpoint(local->ifindex);
	if (!(local->flags & LOCAL_ADDRESS_HOST)) {
		p->source_identity = from ? from->identity : IDENTITY_WORLD;
		return 0;
	}
	p->source_identity = IDENTITY_HOST;
	return from && c->flags & CONFIG_HOST_FIREWALL ? enforce_egress(ctx, p, from, c) : 0;
}

/**
 * A VXLAN device takes a frame from its own address for an echo and drops it, and devices of two nodes may have the same
 * address. So the frame says that it comes from somebody else; nobody looks at it otherwise.
 */
static __always_inline int hide_device(struct __sk_buff *ctx, struct packet *p)
{
	const __u8 nobody[ETH_ALEN] = { 0x02 };
	int error = bpf_skb_store_bytes(ctx, ETH_ALEN, nobody, sizeof(nobody), 0);

	if (likely(!error))
		return 0;
	count_helper_error(HERE(FILE_TO_TUNNEL), error);
	return fail(p, DROP_WRITE_FAILED, HERE(FILE_TO_TUNNEL));
}

SEC("tc")
int to_tunnel(struct __sk_buff *ctx)
{
	struct packet p = { .direction = DIRECTION_EGRESS, .point = POINT_TO_OVERLAY };
	const struct config *c = get_config();
	const struct ipcache_entry *to;
	int reason;

	if (is_encapsulated(ctx))
		return PASS;
	if (unlikely(!c || c->version != ABI_VERSION)) {
		p.location = HERE(FILE_TO_TUNNEL);
		return drop(ctx, &p, DROP_NO_CONFIGURATION);
	}
	reason = parse(ctx, &p);
	if (unlikely(reason))
		return drop(ctx, &p, reason);
	to = find_ipcache(&p.destination, p.family == 4);
	if (!to || !(to->flags & IPCACHE_TUNNEL)) {
		p.location = HERE(FILE_TO_TUNNEL);
		return drop(ctx, &p, DROP_UNROUTABLE);
	}
	p.destination_identity = to->identity;
	p.target_ifindex = ctx->ifindex;
	reason = identify_sender(ctx, &p, c);
	if (!reason)
		reason = set_tunnel(ctx, &p, &to->tunnel_endpoint, identity_on_the_wire(p.source_identity));
	if (!reason)
		reason = hide_device(ctx, &p);
	return reason ? drop(ctx, &p, reason) : PASS;
}

char _license[] SEC("license") = "GPL";
