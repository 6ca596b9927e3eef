/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "types.h"

enum endpoint_flag {
	/** What no entry of the policy allows is denied. Without it the direction's entries are not even looked at. */
	ENDPOINT_INGRESS_ENFORCED = 1 << 0,
	ENDPOINT_EGRESS_ENFORCED = 1 << 1,
	/** What would be denied is let through, with a verdict event that says so. */
	ENDPOINT_AUDIT = 1 << 2,
	/** Its interface belongs to another CNI plugin (chaining): packets take the stack's way, MAC addresses are not checked. */
	ENDPOINT_CHAINED = 1 << 3,
};

/**
 * An endpoint by the ifindex of its host-side interface. The host itself is the endpoint at ifindex 0
 * (HOST_ENDPOINT_KEY), and has an entry only while host policies apply (CONFIG_HOST_FIREWALL).
 */
struct endpoint {
	__u16 id;
	__u16 flags;
	__u32 identity;
	/** Key in `policies`. Endpoints whose policy is the same have the same one. */
	__u32 policy_id;
	/**
	 * Changed (never back to a number it had) with every change of the policy map, of the flags or of policy_id: connections
	 * are judged again with their next packet. A peer on another node that is reached by plain routes and gets another
	 * identity calls for it as well; of others the programs see it themselves.
	 */
	__u32 policy_generation;
	/** The host-side interface; 0 for the host. */
	__u32 ifindex;
	/** Of the pod's interface. */
	__u8 mac[6];
	/** Of the host-side interface: the pod's gateway. */
	__u8 gateway_mac[6];
	/** What the pod may send from (all zero: nothing of that family). IPv6 link-local is allowed for neighbour discovery only. */
	struct address address4;
	struct address address6;
};

enum endpoint_key {
	HOST_ENDPOINT_KEY = 0,
};

enum local_address_flag {
	/** An address of the node itself, gateways of pods (169.254.0.0/16, fe80::1) included. */
	LOCAL_ADDRESS_HOST = 1 << 0,
};

/** Whose an address of this node is. */
struct local_address {
	/** Key in `endpoints`; 0 for the host. */
	__u32 ifindex;
	__u16 endpoint;
	__u16 flags;
};
