/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "types.h"

struct ipcache4_key {
	/** 0 to 32 */
	__u32 prefixlen;
	__u8 address[4];
};

struct ipcache6_key {
	/** 0 to 128 */
	__u32 prefixlen;
	__u8 address[16];
};

enum ipcache_flag {
	/** Reached through the VXLAN device, at tunnel_endpoint. */
	IPCACHE_TUNNEL = 1 << 0,
	/** A pod of another node, reached by a plain route: may take the short way past the stack's forwarding (and its netfilter). */
	IPCACHE_ROUTED = 1 << 1,
	/**
	 * This node's own Pod CIDR. An address in it that no endpoint has is left to the stack, whose unreachable routes
	 * answer. What arrives in the tunnel for any other prefix is dropped: the tunnel is no way into the network.
	 */
	IPCACHE_LOCAL = 1 << 2,
};

/** Who is behind a prefix, and how it is reached. What has no entry is IDENTITY_WORLD. */
struct ipcache_entry {
	__u32 identity;
	__u32 flags;
	/** The node's address, with IPCACHE_TUNNEL. */
	struct address tunnel_endpoint;
};
