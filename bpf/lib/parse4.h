/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "fragments.h"
#include "parse-l4.h"

#define IP4_MORE_FRAGMENTS 0x2000
#define IP4_FRAGMENT_OFFSET 0x1fff

/** IPv4 up to the ports. @returns 0 or a drop reason */
static __always_inline int parse4(struct __sk_buff *ctx, struct packet *p)
{
	const void *data = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
	const struct iphdr *ip = data + IP_OFFSET;
	struct iphdr copy;
	__u32 header_length, total, frame = ctx->len;
	__u16 fragment;
	int result;

	if (unlikely((const void *)(ip + 1) > end)) {
		if (bpf_skb_load_bytes(ctx, IP_OFFSET, &copy, sizeof(copy)))
			return fail(p, DROP_TRUNCATED_HEADER, HERE(FILE_PARSE));
	} else {
		__builtin_memcpy(&copy, ip, sizeof(copy));
	}
	p->family = 4;
	p->protocol = copy.protocol;
	p->ttl = copy.ttl;
	set_address4(&p->source, copy.saddr);
	set_address4(&p->destination, copy.daddr);
	header_length = copy.ihl * 4;
	total = bpf_ntohs(copy.tot_len);
	/* Segments that are still to be cut may be larger than the field can say (BIG TCP). */
	if (!total && ctx->gso_size)
		total = frame - IP_OFFSET;
	if (unlikely(copy.version != 4 || header_length < sizeof(copy) || total < header_length || total > frame - IP_OFFSET))
		return fail(p, DROP_INVALID_PACKET, HERE(FILE_PARSE));

	fragment = bpf_ntohs(copy.frag_off);
	if (likely(header_length == sizeof(copy) && !(fragment & (IP4_MORE_FRAGMENTS | IP4_FRAGMENT_OFFSET)))) {
		if (likely(parse_l4_in_place(ctx, p, IP_OFFSET + sizeof(copy), IP_OFFSET + total, &result)))
			return result;
	}
	p->l4_offset = IP_OFFSET + header_length;
	if (fragment & IP4_FRAGMENT_OFFSET) {
		/* A TCP header's flags, 8 bytes in, could be written over by a fragment that begins there (RFC 3128). */
		if (p->protocol == IPPROTO_TCP && (fragment & IP4_FRAGMENT_OFFSET) == 1)
			return fail(p, DROP_INVALID_PACKET, HERE(FILE_PARSE));
		result = find_fragment(p, copy.id);
		classify_icmp(p);
		return result;
	}
	result = parse_l4(ctx, p, IP_OFFSET + total);
	if (!result && fragment & IP4_MORE_FRAGMENTS)
		keep_fragment(p, copy.id);
	return result;
}
