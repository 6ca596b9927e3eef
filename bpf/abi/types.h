/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What the programs and the agent must agree on: the layouts of keys, values and events, and their numbers. The agent's
 * types (src/gen/abi.ts) are generated from the BTF of abi.bpf.c, which holds one of each. Every field has its natural
 * alignment and padding is spelt out, as map keys are compared byte by byte.
 */
#pragma once

#include <linux/types.h>

/** Written to config.version by the agent. What programs do with another number: DROP_NO_CONFIGURATION. */
enum abi {
	ABI_VERSION = 1,
};

/** An address in network byte order; IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2). */
struct address {
	__u8 bytes[16];
} __attribute__((aligned(8)));

/** As an endpoint sees it: ingress is what is sent or opened to it, egress what it sends or opens. */
enum direction {
	DIRECTION_INGRESS = 0,
	DIRECTION_EGRESS = 1,
};

/**
 * Identities that programs know by number; the rest is the agent's. Those of endpoints have 24 bits and are the cluster's, and
 * from there on each node has its own: networks, then other nodes.
 */
enum reserved_identity {
	IDENTITY_ANY = 0,
	IDENTITY_HOST = 1,
	IDENTITY_WORLD = 2,
	IDENTITY_REMOTE_NODE = 6,
	IDENTITY_KUBE_APISERVER = 7,
	IDENTITY_FIRST_NETWORK = 1 << 24,
	IDENTITY_FIRST_NODE = 1 << 25,
};
