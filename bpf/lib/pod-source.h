/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/** Whether a pod sends as itself. */
#pragma once

#include "emit.h"
#include "neighbours.h"

/** An ARP packet for Ethernet and IPv4 (RFC 826). */
struct arp {
	__be16 hardware;
	__be16 protocol;
	__u8 hardware_length;
	__u8 protocol_length;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender[4];
	__u8 target_mac[ETH_ALEN];
	__u8 target[4];
} __attribute__((packed));

/** In halves, as neither a frame's addresses nor ARP's are aligned to more. */
static __always_inline bool mac_equal(const __u8 *a, const __u8 *b)
{
	const __u16 *x = (const __u16 *)a, *y = (const __u16 *)b;

	return x[0] == y[0] && x[1] == y[1] && x[2] == y[2];
}

/** @returns 0 or a drop reason */
static __always_inline int check_source_mac(struct __sk_buff *ctx, struct packet *p, const struct endpoint *e)
{
	const __u8 *data = (const __u8 *)(long)ctx->data, *end = (const __u8 *)(long)ctx->data_end;

	if (data + ETH_HLEN > end)
		return fail(p, DROP_TRUNCATED_HEADER, HERE(FILE_POD_SOURCE));
	if (!mac_equal(data + ETH_ALEN, e->mac))
		return fail(p, DROP_INVALID_SOURCE_MAC, HERE(FILE_POD_SOURCE));
	return 0;
}

/** With permanent neighbours there is no need for ARP, but pods may do it; they may say nothing about others. @returns 0 or a drop reason */
static __noinline int check_arp(struct __sk_buff *ctx, struct packet *p, const struct endpoint *e)
{
	struct arp arp;

	if (bpf_skb_load_bytes(ctx, ETH_HLEN, &arp, sizeof(arp)))
		return fail(p, DROP_TRUNCATED_HEADER, HERE(FILE_POD_SOURCE));
	if (!mac_equal(arp.sender_mac, e->mac) && !(e->flags & ENDPOINT_CHAINED))
		return fail(p, DROP_INVALID_SOURCE_MAC, HERE(FILE_POD_SOURCE));
	/* 0.0.0.0 asks whether an address is free (RFC 5227). */
	if (*(__be32 *)arp.sender && (address_is_unset(&e->address4) || *(__be32 *)arp.sender != get_address4(&e->address4)))
		return fail(p, DROP_INVALID_SOURCE_ADDRESS, HERE(FILE_POD_SOURCE));
	return 0;
}

enum source_check {
	SOURCE_OWN = 0,
	/** Housekeeping of the link: the stack's, without a policy. */
	SOURCE_DISCOVERY = -1,
};

/** Neighbour discovery of a pod. @returns SOURCE_DISCOVERY, SOURCE_OWN for what is to be judged as traffic, or a drop reason */
static __noinline int check_discovery(struct __sk_buff *ctx, struct packet *p, const struct endpoint *e)
{
	bool own = address_equal(&p->source, &e->address6);

	if (p->icmp_type == ICMP6_ROUTER_ADVERTISEMENT || p->icmp_type == ICMP6_REDIRECT)
		return fail(p, DROP_FORBIDDEN_ICMPV6, HERE(FILE_POD_SOURCE));
	if (p->icmp_type == ICMP6_NEIGHBOUR_ADVERTISEMENT) {
		struct address target;

		if (bpf_skb_load_bytes(ctx, p->l4_offset + 8, &target, sizeof(target)))
			return fail(p, DROP_TRUNCATED_HEADER, HERE(FILE_POD_SOURCE));
		if (!address_equal(&target, &e->address6) && !(is_link_local(&target) && address_equal(&target, &p->source)))
			return fail(p, DROP_FORBIDDEN_ICMPV6, HERE(FILE_POD_SOURCE));
	}
	/* Whatever could leave the link is traffic like any other. */
	if (!is_link_local(&p->destination) && !is_link_multicast(&p->destination))
		return own ? SOURCE_OWN : fail(p, DROP_INVALID_SOURCE_ADDRESS, HERE(FILE_POD_SOURCE));
	if (own || is_link_local(&p->source) || address_is_unset(&p->source))
		return SOURCE_DISCOVERY;
	return fail(p, DROP_INVALID_SOURCE_ADDRESS, HERE(FILE_POD_SOURCE));
}

/** @returns SOURCE_OWN, SOURCE_DISCOVERY, or a drop reason */
static __always_inline int check_source(struct __sk_buff *ctx, struct packet *p, const struct endpoint *e)
{
	if (p->family == 4) {
		if (likely(address_equal(&p->source, &e->address4)))
			return SOURCE_OWN;
	} else {
		if (unlikely(is_discovery(p)))
			return check_discovery(ctx, p, e);
		/* An unset address is nobody's, and must not match an endpoint without one. */
		if (likely(address_equal(&p->source, &e->address6)) && !address_is_unset(&p->source))
			return SOURCE_OWN;
	}
	return fail(p, DROP_INVALID_SOURCE_ADDRESS, HERE(FILE_POD_SOURCE));
}
