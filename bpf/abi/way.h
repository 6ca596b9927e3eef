/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "types.h"

enum way_flag {
	/** The FIB was asked: ifindex, mtu and macs are its answer. */
	WAY_ROUTE = 1 << 15,
};

enum ways_size {
	/** Of each CPU; a power of two. */
	WAYS_ENTRIES_SHIFT = 9,
	WAYS_ENTRIES = 1 << WAYS_ENTRIES_SHIFT,
};

/** What ipcache and the FIB said of an address that is not of this node, when a pod's packet asked last. */
struct way {
	struct address destination;
	struct address tunnel_endpoint;
	/** CLOCK_MONOTONIC, ns */
	__u64 asked_at;
	/** The interface that the packet came from; with it, its source. */
	__u32 from_ifindex;
	__u32 identity;
	/** With WAY_ROUTE: where it leaves. */
	__u32 ifindex;
	/** enum ipcache_flag, enum way_flag */
	__u16 flags;
	/** Of that interface. */
	__u16 mtu;
	/** As a frame begins: destination, source. */
	__u8 macs[12];
	__u32 pad;
};
