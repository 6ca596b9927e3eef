/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

/** Why a packet was dropped. Up to 205 the numbers are Hubble's for the same thing; from 230 on they are ours. */
enum drop_reason {
	/** In `metrics` alone: forwarded. */
	DROP_NONE = 0,
	/** A pod sent from a MAC address that is not its own. */
	DROP_INVALID_SOURCE_MAC = 130,
	/** A pod sent from an address that is not its own, or a packet with an address of ours came from outside. */
	DROP_INVALID_SOURCE_ADDRESS = 132,
	/** Nothing allows it. */
	DROP_POLICY_DENIED = 133,
	/** The IP header contradicts itself or the packet, TCP flags that nobody sends, or a fragment that hides its ports. */
	DROP_INVALID_PACKET = 134,
	/** The packet ends before its headers do. */
	DROP_TRUNCATED_HEADER = 135,
	/** Neither IPv4, IPv6 nor ARP. */
	DROP_UNSUPPORTED_L3_PROTOCOL = 139,
	/** The MAC addresses or the TTL could not be written. */
	DROP_WRITE_FAILED = 141,
	/** No tunnel metadata on a packet of the tunnel device. */
	DROP_NO_TUNNEL_KEY = 147,
	/** Came through the tunnel, or was sent into it, for an address that is nobody's there. */
	DROP_UNROUTABLE = 151,
	/** The connection could not be recorded. */
	DROP_CONNTRACK_INSERT_FAILED = 155,
	/** IPv6 extension headers: too many, out of order, or cut by a fragment. */
	DROP_INVALID_EXTENSION_HEADER = 156,
	/** Encapsulation failed: no node known for that prefix, or the kernel refused. */
	DROP_NO_TUNNEL_ENDPOINT = 160,
	/**
	 * The agent has not written `config` (or an agent of another version has), or the endpoint's policy map is missing. Node
	 * devices let traffic of the node itself through without `config`: nobody said yet what to protect it from.
	 */
	DROP_NO_CONFIGURATION = 165,
	/** The tunnel carried an identity that no sender may have. */
	DROP_INVALID_IDENTITY = 171,
	/** Encapsulated by somebody who is no node. */
	DROP_UNKNOWN_SENDER = 172,
	/** A later fragment without its first. */
	DROP_FRAGMENT_NOT_FOUND = 175,
	/** A pod sent a router advertisement, a redirect or somebody else's neighbour advertisement. */
	DROP_FORBIDDEN_ICMPV6 = 176,
	/** A rule denies it. */
	DROP_POLICY_DENY_RULE = 181,
	/** A pod sent a frame with a VLAN tag. */
	DROP_VLAN_FILTERED = 182,
	/** The interface has no endpoint (yet). */
	DROP_ENDPOINT_NOT_READY = 203,
	/** A rule hands it to a proxy, and there is none. */
	DROP_NO_PROXY = 230,
	/** The second half of a TCP handshake whose first half nobody saw. */
	DROP_UNSOLICITED_REPLY = 231,
};

/** Key of `metrics`: reason * 2 + direction. */
enum metrics_size {
	METRICS_ENTRIES = 512,
};

struct metric {
	__u64 packets;
	__u64 bytes;
};
