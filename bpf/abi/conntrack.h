/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "types.h"

/**
 * A connection as one endpoint sees it: its own address and port, and the peer's, whoever opened it. So one look-up
 * finds the connection for packets of both directions. Of two endpoints of one node, those whose policy is enforced have an entry, or one
 * of them if neither's is: lib/within-node.h.
 * ICMP echo: the identifier is the local port, and the peer's port says who asked (enum conntrack_echo). Other ICMP is not tracked.
 * Protocols without ports have 0.
 */
struct conntrack4_key {
	__u8 local[4];
	__u8 peer[4];
	__be16 local_port;
	__be16 peer_port;
	__u16 endpoint;
	__u8 protocol;
	__u8 pad;
};

struct conntrack6_key {
	__u8 local[16];
	__u8 peer[16];
	__be16 local_port;
	__be16 peer_port;
	__u16 endpoint;
	__u8 protocol;
	__u8 pad;
};

/** Peer's port of ICMP echo, in network byte order. */
enum conntrack_echo {
	CONNTRACK_ECHO_TO_PEER = 8,
	CONNTRACK_ECHO_FROM_PEER = 9,
};

enum conntrack_time {
	/** A tick is 2^20 ns of CLOCK_MONOTONIC, 1.05 ms. */
	CONNTRACK_TICK_SHIFT = 20,
};

enum conntrack_state {
	/** Nothing came back yet. */
	CONNTRACK_OPENING = 0,
	CONNTRACK_ESTABLISHED = 1,
	/** A FIN from one side. */
	CONNTRACK_HALF_CLOSED = 2,
	/** FINs from both, or a reset. */
	CONNTRACK_CLOSING = 3,
};

enum conntrack_flag {
	/** Only audit mode let it through. */
	CONNTRACK_AUDIT = 1 << 0,
	/** Opened through the stack, which may have translated it: with CONFIG_STACK_SERVICES its packets take no fast path. */
	CONNTRACK_STACK = 1 << 1,
};

/**
 * 64 bytes: in IPv4's map they are a cache line of their own, and it is the one thing that every packet of a connection writes,
 * on the CPUs of both its ends. Times are in ticks of CONNTRACK_TICK_SHIFT: 52 days until they wrap, so they are compared by
 * their difference.
 */
struct conntrack_entry {
	/** [0]: from who opened it; [1]: replies. Not exact if one direction runs on two CPUs at once. */
	__u64 bytes[2];
	/** As above; segments, not skbs. Modulo 2^32. */
	__u32 packets[2];
	/** Once there, the entry counts as absent; the agent's collector removes it. */
	__u32 expires_at;
	/** The last trace event of this connection. */
	__u32 event_at;
	/** The endpoint's policy_generation under which it was allowed. */
	__u32 policy_generation;
	/** What allowed it; 0: nothing was enforced, or audit mode. */
	__u32 rule;
	/** Of the peer, when it was judged. */
	__u32 peer_identity;
	/** TCP flags seen, [0] and [1] as above. */
	__u8 tcp_flags[2];
	/** enum conntrack_state */
	__u8 state;
	/** enum direction: DIRECTION_EGRESS if the endpoint opened it. */
	__u8 direction;
	/** enum conntrack_flag */
	__u16 flags;
	__be16 proxy_port;
	/** Where each direction's FIN ends in its sequence space, [0] and [1] as above; valid with FIN in tcp_flags. */
	__u32 fin_end[2];
	/** Bit 0: who opened it has acknowledged the other's FIN; bit 1: the other way round. */
	__u8 fin_acknowledged;
	__u8 pad;
	/** The endpoint at the other end, if that was a pod of this node; 0: it was not. */
	__u16 local_peer;
};

/** The ports of a fragmented datagram, from its first fragment. */
struct fragment4_key {
	__u8 source[4];
	__u8 destination[4];
	__u16 id;
	__u8 protocol;
	__u8 pad;
};

struct fragment6_key {
	__u8 source[16];
	__u8 destination[16];
	__u32 id;
};

struct fragment {
	__be16 source_port;
	__be16 destination_port;
	/** The one that the first fragment had after the fragment header; in IPv6 only that one is believed. */
	__u8 protocol;
	__u8 pad[3];
};
