/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include <linux/udp.h>

#include "emit.h"
#include "ways.h"

#define FAMILY_INET 2
#define FAMILY_INET6 10

/** From the start of the frame on: what the next hop makes of a packet, in one piece, as each write of a few bytes costs the same. */
#define IP4_CHECKSUM_END (IP_OFFSET + 12)
#define IP6_HOP_LIMIT_END (IP_OFFSET + 8)

/**
 * MAC addresses, and one hop less. IPv4's checksum goes with it (RFC 1624), so what the device summed up stays true.
 * @returns 0 or a negative errno
 */
static __always_inline int take_hop(struct __sk_buff *ctx, const struct packet *p, const struct way *way)
{
	__u8 head[IP4_CHECKSUM_END] __attribute__((aligned(8)));
	__u8 *ip = head + IP_OFFSET;
	int error = bpf_skb_load_bytes(ctx, 0, head, sizeof(head));

	if (unlikely(error))
		return error;
	__builtin_memcpy(head, way->macs, sizeof(way->macs));
	if (p->family == 4) {
		__u16 *checksum = (__u16 *)(ip + 10);
		/* The TTL is the first byte of its word, which is the lower one here. */
		__u32 sum = *checksum + 1;

		ip[8]--;
		*checksum = sum + (sum >> 16);
		return bpf_skb_store_bytes(ctx, 0, head, IP4_CHECKSUM_END, 0);
	}
	ip[7]--;
	return bpf_skb_store_bytes(ctx, 0, head, IP6_HOP_LIMIT_END, 0);
}

/** What the FIB is asked about. */
static __always_inline void fib_question(struct bpf_fib_lookup *fib, const struct packet *p)
{
	if (p->family == 4) {
		fib->family = FAMILY_INET;
		fib->ipv4_src = get_address4(&p->source);
		fib->ipv4_dst = get_address4(&p->destination);
	} else {
		fib->family = FAMILY_INET6;
		__builtin_memcpy(fib->ipv6_src, &p->source, 16);
		__builtin_memcpy(fib->ipv6_dst, &p->destination, 16);
	}
}

/** Asks the FIB: about the packet, or with a tunnel about the node at its other end. @returns whether it knew at once */
static __noinline bool ask_route(struct __sk_buff *ctx, const struct packet *p, struct way *way, const struct config *tunnel)
{
	/* With a length, the answer's MTU is the route's, and the path's where that is known, not just the device's. */
	struct bpf_fib_lookup fib = { .ifindex = ctx->ifindex, .tot_len = 1 };
	int error;

	if (tunnel) {
		fib.family = FAMILY_INET;
		fib.ipv4_src = *(__be32 *)tunnel->tunnel_source4;
		fib.ipv4_dst = get_address4(&way->tunnel_endpoint);
	} else {
		fib_question(&fib, p);
	}
	error = bpf_fib_lookup(ctx, &fib, sizeof(fib), 0);
	if (unlikely(error)) {
		if (error < 0)
			count_helper_error(HERE(FILE_ROUTE), error);
		return false;
	}
	way->ifindex = fib.ifindex;
	way->mtu = fib.mtu_result;
	__builtin_memcpy(way->macs, fib.dmac, ETH_ALEN);
	__builtin_memcpy(way->macs + ETH_ALEN, fib.smac, ETH_ALEN);
	way->flags |= WAY_ROUTE;
	return true;
}

/** Bytes of the packet, or of each that it is going to be cut into, from its IP header on. */
static __noinline __u32 network_length(struct __sk_buff *ctx, const struct packet *p)
{
	__u8 header = sizeof(struct udphdr), offset;

	if (likely(!ctx->gso_size))
		return ctx->len - ETH_HLEN;
	if (p->protocol == IPPROTO_TCP && !bpf_skb_load_bytes(ctx, p->l4_offset + 12, &offset, 1))
		header = (offset >> 4) * 4;
	return p->l4_offset - ETH_HLEN + header + ctx->gso_size;
}

/**
 * To another node by the routes that there are, without the stack's forwarding. What the FIB does not answer at once (no
 * neighbour yet, a packet too large, no hops left) is the stack's, which resolves, fragments and answers with errors.
 * @returns the program's verdict
 */
static __always_inline int route(struct __sk_buff *ctx, struct packet *p, struct way *way)
{
	int error;

	if (p->ttl <= 1)
		return PASS;
	if (!(way->flags & WAY_ROUTE) && !ask_route(ctx, p, way, 0))
		return PASS;
	if (unlikely(network_length(ctx, p) > way->mtu))
		return PASS;
	error = take_hop(ctx, p, way);
	if (unlikely(error)) {
		count_helper_error(HERE(FILE_ROUTE), error);
		p->location = HERE(FILE_ROUTE);
		return drop(ctx, p, DROP_WRITE_FAILED);
	}
	return bpf_redirect(way->ifindex, 0);
}
