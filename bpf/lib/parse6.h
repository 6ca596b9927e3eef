/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "fragments.h"
#include "parse-l4.h"

/** More than any packet has that is not made to get past a filter; each kind but one may come once (RFC 8200, 4.1). */
#define EXTENSION_HEADERS 6

#define HEADER_HOP_BY_HOP 0
#define HEADER_ROUTING 43
#define HEADER_FRAGMENT 44
#define HEADER_AUTHENTICATION 51
#define HEADER_DESTINATION_OPTIONS 60

#define IP6_FRAGMENT_OFFSET 0xfff8
#define IP6_MORE_FRAGMENTS 0x0001

static __always_inline bool is_extension(__u8 header)
{
	return header == HEADER_HOP_BY_HOP || header == HEADER_ROUTING || header == HEADER_FRAGMENT ||
	       header == HEADER_AUTHENTICATION || header == HEADER_DESTINATION_OPTIONS;
}

/**
 * Walks the extension headers to the transport header.
 * @param l3_end where the packet ends
 * @returns 0 or a drop reason
 */
static __noinline int parse_extensions(struct __sk_buff *ctx, struct packet *p, __u32 l3_end)
{
	__u32 offset = IP_OFFSET + sizeof(struct ipv6hdr);
	__u8 header = p->protocol;
	bool first_fragment = false;
	__be32 id = 0;
	int i, result;

	for (i = 0; i < EXTENSION_HEADERS; i++) {
		__u8 bytes[8] __attribute__((aligned(8)));

		if (!is_extension(header))
			break;
		if (header == HEADER_HOP_BY_HOP && i)
			return fail(p, DROP_INVALID_EXTENSION_HEADER, HERE(FILE_PARSE));
		if (offset + sizeof(bytes) > l3_end || bpf_skb_load_bytes(ctx, offset, bytes, sizeof(bytes)))
			return fail(p, DROP_TRUNCATED_HEADER, HERE(FILE_PARSE));
		if (header == HEADER_FRAGMENT) {
			__u16 where = bpf_ntohs(*(__be16 *)(bytes + 2));

			if (first_fragment)
				return fail(p, DROP_INVALID_EXTENSION_HEADER, HERE(FILE_PARSE));
			id = *(__be32 *)(bytes + 4);
			if (where & IP6_FRAGMENT_OFFSET) {
				result = find_fragment(p, id);
				classify_icmp(p);
				return result;
			}
			first_fragment = where & IP6_MORE_FRAGMENTS;
			offset += 8;
		} else if (header == HEADER_AUTHENTICATION) {
			offset += (bytes[1] + 2) * 4;
		} else {
			/* With segments left, the destination in front of us is not the one that it is for. */
			if (header == HEADER_ROUTING && bytes[3])
				return fail(p, DROP_INVALID_EXTENSION_HEADER, HERE(FILE_PARSE));
			offset += (bytes[1] + 1) * 8;
		}
		header = bytes[0];
	}
	p->protocol = header;
	if (is_extension(header))
		return fail(p, DROP_INVALID_EXTENSION_HEADER, HERE(FILE_PARSE));
	/* The whole chain has to be in the first fragment (RFC 7112). */
	if (offset > l3_end)
		return fail(p, DROP_TRUNCATED_HEADER, HERE(FILE_PARSE));
	p->l4_offset = offset;
	result = parse_l4(ctx, p, l3_end);
	if (!result && first_fragment)
		keep_fragment(p, id);
	return result;
}

/** IPv6 up to the ports. @returns 0 or a drop reason */
static __always_inline int parse6(struct __sk_buff *ctx, struct packet *p)
{
	const void *data = (const void *)(long)ctx->data, *end = (const void *)(long)ctx->data_end;
	const struct ipv6hdr *ip = data + IP_OFFSET;
	struct ipv6hdr copy;
	__u32 payload, frame = ctx->len;
	int result;

	if (unlikely((const void *)(ip + 1) > end)) {
		if (bpf_skb_load_bytes(ctx, IP_OFFSET, &copy, sizeof(copy)))
			return fail(p, DROP_TRUNCATED_HEADER, HERE(FILE_PARSE));
	} else {
		__builtin_memcpy(&copy, ip, sizeof(copy));
	}
	p->family = 6;
	p->protocol = copy.nexthdr;
	p->ttl = copy.hop_limit;
	set_address6(&p->source, &copy.saddr);
	set_address6(&p->destination, &copy.daddr);
	payload = bpf_ntohs(copy.payload_len);
	if (!payload && ctx->gso_size)
		payload = frame - IP_OFFSET - sizeof(copy);
	if (unlikely(copy.version != 6 || payload > frame - IP_OFFSET - sizeof(copy)))
		return fail(p, DROP_INVALID_PACKET, HERE(FILE_PARSE));
	/* Such addresses are never on a wire (RFC 4291, 2.5.5.2); here they would be taken for IPv4's. */
	if (unlikely(is_mapped(&p->source) || is_mapped(&p->destination)))
		return fail(p, DROP_INVALID_PACKET, HERE(FILE_PARSE));

	if (likely(parse_l4_in_place(ctx, p, IP_OFFSET + sizeof(copy), IP_OFFSET + sizeof(copy) + payload, &result)))
		return result;
	return parse_extensions(ctx, p, IP_OFFSET + sizeof(copy) + payload);
}
