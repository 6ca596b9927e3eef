/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "common.h"

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

#define IP_OFFSET ETH_HLEN

enum packet_flag {
	/** A later fragment: ports are the first one's, and there are no TCP flags. */
	PACKET_LATER_FRAGMENT = 1 << 0,
	PACKET_ECHO_REQUEST = 1 << 1,
	PACKET_ECHO_REPLY = 1 << 2,
	/** Quotes the packet that it is about. */
	PACKET_ICMP_ERROR = 1 << 3,
	/** Came through the tunnel, from tunnel_remote. */
	PACKET_TUNNEL = 1 << 4,
	/** Whoever sends it on: nothing has been said about it that its direction's trace would repeat. */
	PACKET_NO_TRACE = 1 << 5,
	/** Asked before: may the stack have translated it? Comes from it (to_pod), or is on the way past it. */
	PACKET_FROM_STACK = 1 << 6,
	PACKET_PAST_STACK = 1 << 7,
};

/** What is known about the packet in hand: filled by parse, then by whoever finds out more. Lives on the program's stack. */
struct packet {
	struct address source;
	struct address destination;
	__be16 source_port;
	__be16 destination_port;
	/** 4, 6; 0: not IP, or not parsed yet */
	__u8 family;
	__u8 protocol;
	__u8 tcp_flags;
	/** enum packet_flag */
	__u8 flags;
	__u8 icmp_type;
	__u8 icmp_code;
	/** Of an echo, network byte order. */
	__be16 echo_id;
	/** From the start of the frame; not known for later fragments. */
	__u16 l4_offset;
	/** TTL or hop limit. */
	__u8 ttl;
	/** enum event_point */
	__u8 point;
	/** 0: not looked up. */
	__u32 source_identity;
	__u32 destination_identity;
	/** Where it is going to be sent; 0: wherever the stack sends it. */
	__u32 target_ifindex;

	/* What was decided last, for the event. */
	__u32 rule;
	/** Of what failed: HERE(...). */
	__u32 location;
	__u16 endpoint;
	__u8 direction;
	__u8 match_prefixlen;
	__u8 match_identity;
	/** enum event_verdict */
	__u8 verdict;
	/** enum event_flag */
	__u8 event_flags;
	/** Answered: it is the stack's. Without a judgement, if it was to go past it (PACKET_PAST_STACK). */
	__u8 via_stack;
	__be16 proxy_port;
	/** From a pod of this node straight into another one: nothing gets lost on the way. */
	__u8 is_local;
	/** The tunnel says that a node sent it; which one, ipcache knows. */
	__u8 from_node;
	/** The endpoint at the other end, if that is a pod of this node; 0: it is not. */
	__u16 local_peer;
	/** Whether that one has entries of its own for their connections: keeps_connections. */
	__u8 peer_keeps;
	/** With PACKET_TUNNEL: the node that encapsulated it. */
	struct address tunnel_remote;
};

/** Remembers where it failed. Returns the reason. */
static __always_inline int fail(struct packet *p, int reason, __u32 location)
{
	p->location = location;
	return reason;
}
