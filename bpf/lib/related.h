/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/** ICMP errors: the connection that one is about, from the packet that it quotes. */
#pragma once

#include "conntrack.h"
#include "parse-l4.h"

#define ICMP_HEADER 8

/** What an error quotes. */
struct quoted {
	struct address source;
	struct address destination;
	struct flow flow;
};

/** Ports of the quoted packet; at least 8 bytes of its payload are quoted (RFC 792, RFC 4443). */
static __always_inline bool read_quoted_ports(struct __sk_buff *ctx, struct quoted *q, __u32 offset)
{
	__u8 bytes[8] __attribute__((aligned(8)));

	if (bpf_skb_load_bytes(ctx, offset, bytes, sizeof(bytes)))
		return false;
	switch (q->flow.protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case PROTOCOL_SCTP:
		q->flow.source_port = *(__be16 *)bytes;
		q->flow.destination_port = *(__be16 *)(bytes + 2);
		return true;
	case IPPROTO_ICMP:
		if (bytes[0] != ICMP4_ECHO_REQUEST && bytes[0] != ICMP4_ECHO_REPLY)
			return false;
		q->flow.flags = bytes[0] == ICMP4_ECHO_REQUEST ? PACKET_ECHO_REQUEST : PACKET_ECHO_REPLY;
		q->flow.source_port = *(__be16 *)(bytes + 4);
		return true;
	case IPPROTO_ICMPV6:
		if (bytes[0] != ICMP6_ECHO_REQUEST && bytes[0] != ICMP6_ECHO_REPLY)
			return false;
		q->flow.flags = bytes[0] == ICMP6_ECHO_REQUEST ? PACKET_ECHO_REQUEST : PACKET_ECHO_REPLY;
		q->flow.source_port = *(__be16 *)(bytes + 4);
		return true;
	default:
		return false;
	}
}

/** @returns false if nothing usable is quoted */
static __always_inline bool read_quoted(struct __sk_buff *ctx, const struct packet *p, struct quoted *q)
{
	__u32 offset = p->l4_offset + ICMP_HEADER;

	if (p->family == 4) {
		struct iphdr ip;

		if (bpf_skb_load_bytes(ctx, offset, &ip, sizeof(ip)) || ip.version != 4 || ip.ihl < 5 ||
		    ip.frag_off & bpf_htons(0x1fff))
			return false;
		set_address4(&q->source, ip.saddr);
		set_address4(&q->destination, ip.daddr);
		q->flow.protocol = ip.protocol;
		return read_quoted_ports(ctx, q, offset + ip.ihl * 4);
	} else {
		/*
		 * Not the header as a whole: it would take 40 bytes of the stack, of which the callers leave us 160. The two addresses
		 * follow each other there as here.
		 */
		__u8 start[8] __attribute__((aligned(8)));

		if (bpf_skb_load_bytes(ctx, offset, start, sizeof(start)) || start[0] >> 4 != 6 ||
		    bpf_skb_load_bytes(ctx, offset + sizeof(start), q, offsetof(struct quoted, flow)))
			return false;
		q->flow.protocol = start[offsetof(struct ipv6hdr, nexthdr)];
		return read_quoted_ports(ctx, q, offset + sizeof(struct ipv6hdr));
	}
}

/**
 * The connection of the endpoint that an error is about. An error goes to the sender of what it quotes: one that comes in
 * quotes a packet of ours, one that goes out a packet to us.
 * @returns null if there is none
 */
static __noinline struct conntrack_entry *find_related(struct __sk_buff *ctx, const struct packet *p, __u16 endpoint, __u32 direction,
						       __u32 now)
{
	union conntrack_key key = {};
	struct quoted q = {};

	if (!read_quoted(ctx, p, &q) || !address_equal(&q.source, &p->destination))
		return 0;
	if (direction == DIRECTION_INGRESS)
		conntrack_key_of(&q.source, &q.destination, &q.flow, p->family == 4, endpoint, DIRECTION_EGRESS, &key);
	else
		conntrack_key_of(&q.source, &q.destination, &q.flow, p->family == 4, endpoint, DIRECTION_INGRESS, &key);
	return find_connection(&key, p->family == 4, now);
}
