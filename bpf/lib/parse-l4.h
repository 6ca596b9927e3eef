/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "packet.h"

#define PROTOCOL_SCTP 132

#define ICMP4_ECHO_REPLY 0
#define ICMP4_UNREACHABLE 3
#define ICMP4_ECHO_REQUEST 8
#define ICMP4_TIME_EXCEEDED 11
#define ICMP4_PARAMETER_PROBLEM 12
#define ICMP6_ERROR_LAST 4
#define ICMP6_ECHO_REQUEST 128
#define ICMP6_ECHO_REPLY 129

/** What of a header is looked at; TCP's without options is the longest. */
#define L4_BYTES 20

/** Bytes that a header of that protocol has at least, and that must be in the first fragment; 0: it has no ports. */
static __always_inline __u32 l4_minimum(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 20;
	case PROTOCOL_SCTP:
		return 12;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 8;
	default:
		return 0;
	}
}

/** Combinations of FIN, SYN, RST and ACK that a sender may send (what netfilter takes too); others only probe for holes. */
static __always_inline bool tcp_flags_valid(__u8 flags)
{
	const __u32 valid = 1U << TCP_SYN | 1U << (TCP_SYN | TCP_ACK) | 1U << TCP_RST | 1U << (TCP_RST | TCP_ACK) |
			    1U << TCP_ACK | 1U << (TCP_FIN | TCP_ACK);

	return valid >> (flags & (TCP_FIN | TCP_SYN | TCP_RST | TCP_ACK)) & 1;
}

/** Sets what type and code say; for later fragments too. */
static __always_inline void classify_icmp(struct packet *p)
{
	if (p->protocol == IPPROTO_ICMP && p->family == 4) {
		if (p->icmp_type == ICMP4_ECHO_REQUEST)
			p->flags |= PACKET_ECHO_REQUEST;
		else if (p->icmp_type == ICMP4_ECHO_REPLY)
			p->flags |= PACKET_ECHO_REPLY;
		else if (p->icmp_type == ICMP4_UNREACHABLE || p->icmp_type == ICMP4_TIME_EXCEEDED ||
			 p->icmp_type == ICMP4_PARAMETER_PROBLEM)
			p->flags |= PACKET_ICMP_ERROR;
	} else if (p->protocol == IPPROTO_ICMPV6 && p->family == 6) {
		if (p->icmp_type == ICMP6_ECHO_REQUEST)
			p->flags |= PACKET_ECHO_REQUEST;
		else if (p->icmp_type == ICMP6_ECHO_REPLY)
			p->flags |= PACKET_ECHO_REPLY;
		else if (p->icmp_type && p->icmp_type <= ICMP6_ERROR_LAST)
			p->flags |= PACKET_ICMP_ERROR;
	}
}

/** @param header L4_BYTES bytes, of which those past the protocol's minimum may be anything. @returns 0 or a drop reason */
static __always_inline int read_l4(struct packet *p, const __u8 *header)
{
	switch (p->protocol) {
	case IPPROTO_TCP:
		p->tcp_flags = header[13];
		if (unlikely(!tcp_flags_valid(p->tcp_flags) || header[12] >> 4 < 5))
			return fail(p, DROP_INVALID_PACKET, HERE(FILE_PARSE));
		/* fallthrough */
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
	case PROTOCOL_SCTP:
		p->source_port = *(const __be16 *)header;
		p->destination_port = *(const __be16 *)(header + 2);
		return 0;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		p->icmp_type = header[0];
		p->icmp_code = header[1];
		p->echo_id = *(const __be16 *)(header + 4);
		classify_icmp(p);
		return 0;
	default:
		return 0;
	}
}

/**
 * The transport header at p->l4_offset.
 * @param l3_end where the IP packet ends, from the start of the frame: what comes after is padding
 * @returns 0 or a drop reason
 */
static __always_inline int parse_l4(struct __sk_buff *ctx, struct packet *p, __u32 l3_end)
{
	__u32 minimum = l4_minimum(p->protocol);
	__u8 header[L4_BYTES] __attribute__((aligned(8)));

	if (!minimum)
		return 0;
	if (p->l4_offset + minimum > l3_end)
		return fail(p, DROP_TRUNCATED_HEADER, HERE(FILE_PARSE));
	if (minimum == L4_BYTES) {
		if (bpf_skb_load_bytes(ctx, p->l4_offset, header, L4_BYTES))
			return fail(p, DROP_TRUNCATED_HEADER, HERE(FILE_PARSE));
	} else {
		if (bpf_skb_load_bytes(ctx, p->l4_offset, header, 8))
			return fail(p, DROP_TRUNCATED_HEADER, HERE(FILE_PARSE));
	}
	return read_l4(p, header);
}

/** The same where the header is at a constant offset and in the linear part, as nearly always: no helper, no copy. */
static __always_inline bool parse_l4_in_place(const struct __sk_buff *ctx, struct packet *p, const __u32 offset, __u32 l3_end,
					      int *result)
{
	const __u8 *header = (const __u8 *)(long)ctx->data + offset;
	const void *end = (const void *)(long)ctx->data_end;

	if (p->protocol == IPPROTO_TCP) {
		if (header + 20 > (const __u8 *)end || offset + 20 > l3_end)
			return false;
	} else if (p->protocol == IPPROTO_UDP) {
		if (header + 8 > (const __u8 *)end || offset + 8 > l3_end)
			return false;
	} else {
		return false;
	}
	p->l4_offset = offset;
	if (p->protocol == IPPROTO_TCP) {
		*result = read_l4(p, header);
		return true;
	}
	p->source_port = *(const __be16 *)header;
	p->destination_port = *(const __be16 *)(header + 2);
	*result = 0;
	return true;
}
