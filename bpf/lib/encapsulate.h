/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "addresses.h"
#include "emit.h"

#define TUNNEL_TTL 64

/**
 * Gives the packet its tunnel metadata: to which node, and the source's identity as the VNI.
 * @returns 0 or a drop reason
 */
static __noinline int set_tunnel(struct __sk_buff *ctx, struct packet *p, const struct address *node, __u32 identity)
{
	struct bpf_tunnel_key key = { .tunnel_id = identity, .tunnel_ttl = TUNNEL_TTL };
	__u32 flags = BPF_F_ZERO_CSUM_TX;
	int error;

	if (address_is_unset(node))
		return fail(p, DROP_NO_TUNNEL_ENDPOINT, HERE(FILE_ENCAPSULATE));
	if (is_mapped(node)) {
		key.remote_ipv4 = bpf_ntohl(get_address4(node));
	} else {
		__builtin_memcpy(key.remote_ipv6, node, 16);
		/* UDP over IPv6 without a checksum is something that the receiver would have to be told to take. */
		flags = BPF_F_TUNINFO_IPV6;
	}
	error = bpf_skb_set_tunnel_key(ctx, &key, sizeof(key), flags);
	if (unlikely(error)) {
		count_helper_error(HERE(FILE_ENCAPSULATE), error);
		return fail(p, DROP_NO_TUNNEL_ENDPOINT, HERE(FILE_ENCAPSULATE));
	}
	return 0;
}

/** Of an identity, what another node may be told: to it, we are a node like others, and our own numbers are nobody's or others'. */
static __always_inline __u32 identity_on_the_wire(__u32 identity)
{
	if (is_node(identity))
		return IDENTITY_REMOTE_NODE;
	return identity >= IDENTITY_FIRST_NETWORK ? IDENTITY_WORLD : identity;
}
