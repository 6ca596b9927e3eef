/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/**
 * VXLAN (RFC 7348) without its device: outer headers are put before the packet here, and it leaves by the interface that the FIB
 * names. On the wire it is the same. What the device would do for each packet besides (metadata, and a route that must not be cached
 * because each packet may have its own) costs more than all that is done here.
 */
#pragma once

#include "encapsulate.h"
#include "route.h"
#include "vxlan-headers.h"

/** As the kernel's tunnels do it (RFC 6040): congestion marks are the network's to set, on the outside. */
static __always_inline __u8 outer_ecn(struct __sk_buff *ctx, const struct packet *p)
{
	__u8 start[2], ecn;

	if (bpf_skb_load_bytes(ctx, IP_OFFSET, start, sizeof(start)))
		return 0;
	ecn = (p->family == 4 ? start[1] : start[1] >> 4) & ECN_MASK;
	return ecn == ECN_CE ? ECN_ECT_0 : ecn;
}

enum encapsulated {
	/** The packet is as it was: it is the device's. */
	BY_DEVICE = 100,
};

/** @returns the program's verdict, or BY_DEVICE */
static __noinline int encapsulate(struct __sk_buff *ctx, struct packet *p, struct way *way, const struct config *c, __u32 identity)
{
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4 | BPF_F_ADJ_ROOM_ENCAP_L4_UDP | BPF_F_ADJ_ROOM_ENCAP_L2_ETH |
			  BPF_F_ADJ_ROOM_ENCAP_L2(ETH_HLEN);
	__u32 length = ctx->len + VXLAN_OVERHEAD - ETH_HLEN;
	struct vxlan_headers h __attribute__((aligned(8))) = {};
	__u32 hash;

	if (!is_mapped(&way->tunnel_endpoint) || !*(__be32 *)c->tunnel_source4)
		return BY_DEVICE;
	if (!(way->flags & WAY_ROUTE) && !ask_route(ctx, p, way, c))
		return BY_DEVICE;
	if (way->ifindex != c->tunnel_uplink)
		return BY_DEVICE;
	/* A length of more than 16 bits is for devices that know of it. */
	if (length > 0xffff || network_length(ctx, p) + VXLAN_OVERHEAD > way->mtu)
		return BY_DEVICE;

	hash = bpf_get_hash_recalc(ctx);
	__builtin_memcpy(h.ethernet.h_dest, way->macs, 2 * ETH_ALEN);
	h.ethernet.h_proto = bpf_htons(ETH_P_IP);
	h.ip.version = 4;
	h.ip.ihl = sizeof(h.ip) / 4;
	h.ip.tos = outer_ecn(ctx, p);
	h.ip.tot_len = bpf_htons(length);
	/* May be fragmented on the way, as the device's may: nobody could tell the pod that its packets do not fit. */
	h.ip.id = bpf_get_prandom_u32();
	h.ip.ttl = TUNNEL_TTL;
	h.ip.protocol = IPPROTO_UDP;
	h.ip.saddr = *(__be32 *)c->tunnel_source4;
	h.ip.daddr = get_address4(&way->tunnel_endpoint);
	h.ip.check = ip4_checksum(&h.ip);
	h.udp.source = bpf_htons(FIRST_SOURCE_PORT + (hash >> (32 - SOURCE_PORT_BITS)));
	h.udp.dest = c->tunnel_port;
	h.udp.len = bpf_htons(length - sizeof(h.ip));
	h.flags = VXLAN_HAS_VNI;
	h.vni = bpf_htonl(identity << 8);
	/* Neither is anybody's: see hide_device. The receiving program looks at the inner packet alone. */
	h.inner.h_dest[0] = 0x02;
	h.inner.h_source[0] = 0x02;
	h.inner.h_source[5] = 0x01;
	h.inner.h_proto = ctx->protocol;

	if (bpf_skb_adjust_room(ctx, VXLAN_OVERHEAD, BPF_ADJ_ROOM_MAC, flags))
		return BY_DEVICE;
	if (unlikely(bpf_skb_store_bytes(ctx, 0, &h, sizeof(h), 0))) {
		p->location = HERE(FILE_ENCAPSULATE);
		return drop(ctx, p, DROP_WRITE_FAILED);
	}
	return bpf_redirect(way->ifindex, 0);
}
