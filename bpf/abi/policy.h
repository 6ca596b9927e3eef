/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "types.h"

/**
 * Key of one policy map. prefixlen counts the bits after it that must match:
 *   40               identity and direction: all protocols and ports
 *   48               ... and protocol: all its ports (or ICMP types)
 *   48 + 1 to 16     ... and so many leading bits of the port: a range is several entries
 * Identity 0 (IDENTITY_ANY) is looked up besides the peer's own. Of ICMP (1) and ICMPv6 (58), the port is the type.
 */
struct policy_key {
	__u32 prefixlen;
	__u32 identity;
	/** enum direction */
	__u8 direction;
	__u8 protocol;
	/** The port that the connection was opened to; network byte order. */
	__be16 port;
};

enum policy_prefix {
	POLICY_PREFIX_ANY_PROTOCOL = 40,
	POLICY_PREFIX_ANY_PORT = 48,
	POLICY_PREFIX_EXACT = 64,
};

enum policy_verdict {
	POLICY_ALLOW = 1,
	POLICY_DENY = 2,
	/** To the proxy at proxy_port. Without a proxy the packet is dropped: DROP_NO_PROXY. */
	POLICY_REDIRECT = 3,
};

/**
 * Two entries can match a packet, the longest prefix of the peer's identity and that of any identity: deny wins over
 * redirect, redirect over allow, and of two equal ones the peer's own is the one that is named and counted.
 */
struct policy_entry {
	/** enum policy_verdict */
	__u8 verdict;
	/** The key's prefixlen: says in events what matched. */
	__u8 prefixlen;
	__be16 proxy_port;
	/** The agent's number of the rule; 0: none. Repeated in events and in connections. */
	__u32 rule;
	/** Counted by the programs, for what the entry decided itself (not for later packets of the connection). */
	__u64 packets;
	__u64 bytes;
};
