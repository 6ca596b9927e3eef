/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "emit.h"

#define PACKET_HOST 0

/**
 * Into the pod, past the host's stack and the queue of the interface: the packet goes on in the pod's namespace as if its
 * interface had received it. The receiver's policy has been enforced.
 * @returns the program's verdict
 */
static __always_inline int deliver(struct __sk_buff *ctx, struct packet *p, const struct endpoint *to)
{
	__u8 macs[2 * ETH_ALEN] __attribute__((aligned(8)));
	int error;

	__builtin_memcpy(macs, to->mac, ETH_ALEN);
	__builtin_memcpy(macs + ETH_ALEN, to->gateway_mac, ETH_ALEN);
	error = bpf_skb_store_bytes(ctx, 0, macs, sizeof(macs), 0);
	if (unlikely(error)) {
		count_helper_error(HERE(FILE_DELIVER), error);
		p->location = HERE(FILE_DELIVER);
		return drop(ctx, p, DROP_WRITE_FAILED);
	}
	/* Whom the frame was addressed to was decided by its old address; nobody looks again. */
	if (unlikely(ctx->pkt_type != PACKET_HOST))
		bpf_skb_change_type(ctx, PACKET_HOST);
	return bpf_redirect_peer(to->ifindex, 0);
}
