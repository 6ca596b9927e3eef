/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

/**
 * Packet marks (skb->mark), for what one program has to tell another across the stack. Bits 8-11 say what the mark is;
 * bits 16-31 and 0-7 hold the low 16 and the high 8 bits of an identity.
 */
enum mark {
	MARK_KIND = 0x0f00,
	/** Handed to the proxy. */
	MARK_TO_PROXY = 0x0200,
	/** Carries the source's identity, as the tunnel gave it: to_pod believes it instead of asking ipcache, and from_tunnel of what from_uplink gives it. */
	MARK_IDENTITY = 0x0f00,
};
