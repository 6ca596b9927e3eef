/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/**
 * What another node sent through the tunnel, taken out of its VXLAN headers without the device: that one makes and frees metadata for each
 * packet, and the stack asks for a route and a socket before.
 *
 * Packets of segments that were put together (GSO) are the device's, as only the stack can say of such a packet that it is in no tunnel any more.
 * The device queues what it gets, so what comes after it in the same flow must not go past: a flow that the device has had stays with it until
 * there was nothing of it for a while.
 */
#pragma once

#include "conntrack.h"
#include "parse4.h"
#include "receive-from-node.h"
#include "vxlan-headers.h"

/** Longer than a packet waits in the device's queue. Ticks of CONNTRACK_TICK_SHIFT. */
#define DEVICE_FLOW_LIFETIME 100
#define IP4_WITHOUT_OPTIONS 0x45

/* Of Linux 6.3. */
#ifndef BPF_F_ADJ_ROOM_DECAP_L3_IPV6
#define BPF_F_ADJ_ROOM_DECAP_L3_IPV6 (1ULL << 8)
#endif

enum decapsulated {
	/** No VXLAN for this node, or headers that need a closer look. */
	NO_TUNNEL,
	/** It is as it was. */
	FOR_DEVICE,
	/** It begins with an Ethernet header (whose addresses mean nothing), and the inner packet follows. */
	DECAPSULATED,
	/** It could not be written. */
	DECAPSULATION_FAILED,
};

/** With host policies the outer packet has to be judged too, and pods that get theirs from the stack need it to go through. */
static __always_inline bool decapsulates(const struct config *c)
{
	const __u32 needed = CONFIG_TUNNEL | CONFIG_FAST_TUNNEL | CONFIG_FAST_LOCAL;

	return (c->flags & (needed | CONFIG_HOST_FIREWALL)) == needed;
}

/** @returns null only to please the verifier */
static __always_inline __u32 *device_flow(__be32 sender, __be16 port)
{
	__u32 slot = ((__u32)sender ^ port) * 0x9e3779b1 >> (32 - DEVICE_FLOWS_ENTRIES_SHIFT);

	return bpf_map_lookup_elem(&device_flows, &slot);
}

/** Whether its headers say what VXLAN's have to and nothing else: the stack and the device would only look at them, and take them off. */
static __always_inline bool is_plain(const struct __sk_buff *ctx, const struct iphdr *ip, const struct udphdr *udp, const __be32 *vxlan,
				     const struct ethhdr *inner)
{
	__u32 length = ctx->len - IP_OFFSET;

	if (ctx->gso_size || ctx->pkt_type != PACKET_HOST || ctx->vlan_present)
		return false;
	/* Congestion that a router has marked (CE), or senders who want to hear of it otherwise (ECT(1)). */
	if (ip->tos & 1 || ip->frag_off & bpf_htons(IP4_MORE_FRAGMENTS))
		return false;
	if (ip->tot_len != bpf_htons(length) || udp->len != bpf_htons(length - sizeof(*ip)) || udp->check)
		return false;
	if (vxlan[0] != bpf_htonl(VXLAN_HAS_VNI << 24) || !(vxlan[1] & bpf_htonl(0xffffff00)) || vxlan[1] & bpf_htonl(0xff))
		return false;
	if (inner->h_proto != bpf_htons(ETH_P_IP) && inner->h_proto != bpf_htons(ETH_P_IPV6))
		return false;
	return !ip4_checksum(ip);
}

/** @returns whether it could be done; if not, the packet is as it was */
static __always_inline bool take_off_headers(struct __sk_buff *ctx, bool ipv6)
{
	/* Without a flag the inner packet is taken for one of the outer's family. Linux 6.1 does not know this one. */
	__u64 flags = BPF_F_ADJ_ROOM_NO_CSUM_RESET | (ipv6 ? BPF_F_ADJ_ROOM_DECAP_L3_IPV6 : 0);

	if (bpf_skb_adjust_room(ctx, -(__s32)VXLAN_OVERHEAD, BPF_ADJ_ROOM_MAC, flags))
		return false;
	/* Of the checksums that the device has verified, the outer one is gone: what is left may be that of the inner packet. */
	bpf_csum_level(ctx, BPF_CSUM_LEVEL_DEC);
	return true;
}

/**
 * Fills in who sent it: PACKET_TUNNEL.
 * @param flow gets the entry in device_flows, unless there is no tunnel
 * @returns enum decapsulated
 */
static __always_inline int decapsulate(struct __sk_buff *ctx, struct packet *p, const struct config *c, __u32 **flow)
{
	const void *data = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
	const struct iphdr *ip = data + IP_OFFSET;
	const struct udphdr *udp = (const void *)(ip + 1);
	const __be32 *vxlan = (const void *)(udp + 1);
	const struct ethhdr *inner = (const void *)(vxlan + 2);
	__u32 now = conntrack_now(), vni;
	__be16 protocol;

	if (ctx->protocol != bpf_htons(ETH_P_IP) || (const void *)(inner + 1) > end)
		return NO_TUNNEL;
	if (*(const __u8 *)ip != IP4_WITHOUT_OPTIONS || ip->frag_off & bpf_htons(IP4_FRAGMENT_OFFSET) || ip->protocol != IPPROTO_UDP ||
	    udp->dest != c->tunnel_port || ip->daddr != *(const __be32 *)c->tunnel_source4)
		return NO_TUNNEL;
	*flow = device_flow(ip->saddr, udp->source);
	if (unlikely(!*flow))
		return FOR_DEVICE;
	if (now - **flow < DEVICE_FLOW_LIFETIME || !is_plain(ctx, ip, udp, vxlan, inner)) {
		**flow = now;
		return FOR_DEVICE;
	}
	set_address4(&p->tunnel_remote, ip->saddr);
	vni = bpf_ntohl(vxlan[1]) >> 8;
	protocol = inner->h_proto;
	if (!take_off_headers(ctx, protocol == bpf_htons(ETH_P_IPV6))) {
		**flow = now;
		return FOR_DEVICE;
	}
	p->flags |= PACKET_TUNNEL;
	p->point = POINT_FROM_OVERLAY;
	p->source_identity = identity_from_wire(vni);
	if (protocol == bpf_htons(ETH_P_IP) || likely(!bpf_skb_store_bytes(ctx, 2 * ETH_ALEN, &protocol, sizeof(protocol), 0)))
		return DECAPSULATED;
	p->location = HERE(FILE_DECAPSULATE);
	return DECAPSULATION_FAILED;
}
