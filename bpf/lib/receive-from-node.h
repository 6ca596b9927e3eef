/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/** What another node sent through the tunnel, once it is out of it. */
#pragma once

#include "mark.h"
#include "receive.h"

/** Of what the VNI says, what this node believes: another node is never this host. */
static __always_inline __u32 identity_from_wire(__u32 vni)
{
	return vni == IDENTITY_HOST ? IDENTITY_REMOTE_NODE : vni;
}

/** @returns the program's verdict; with PASS the mark tells to_pod whose the packet is */
static __always_inline int receive_from_node(struct __sk_buff *ctx, struct packet *p, const struct config *c, __u32 location)
{
	const struct local_address *local;
	const struct ipcache_entry *prefix;
	__u32 identity = p->source_identity;
	int verdict = PASS;

	if (unlikely(find_local(&p->source))) {
		p->location = location;
		return drop(ctx, p, DROP_INVALID_SOURCE_ADDRESS);
	}
	/* The inner frame's addresses are the sending node's affair. */
	if (unlikely(ctx->pkt_type != PACKET_HOST))
		bpf_skb_change_type(ctx, PACKET_HOST);
	local = find_local(&p->destination);
	if (unlikely(!local)) {
		prefix = find_ipcache(&p->destination, p->family == 4);
		if (!prefix || !(prefix->flags & IPCACHE_LOCAL)) {
			p->location = location;
			return drop(ctx, p, DROP_UNROUTABLE);
		}
	} else {
		if (is_node(p->source_identity)) {
			p->source_identity = 0;
			p->from_node = 1;
		}
		verdict = local->flags & LOCAL_ADDRESS_HOST ? receive_for_host(ctx, p, c) : receive(ctx, p, local->ifindex, c, location);
	}
	if (verdict == PASS)
		ctx->mark = mark_of(identity);
	return verdict;
}
