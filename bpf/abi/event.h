/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "types.h"

/** Numbers as monitor clients know them (Hubble's event_type). */
enum event_type {
	EVENT_DROP = 1,
	EVENT_TRACE = 4,
	/** A new connection, or one judged again after a change, was let through: by audit mode, by a rule, or as nothing is enforced. */
	EVENT_POLICY_VERDICT = 5,
};

/** Where the packet went (or came from, for drops), numbers as the sub-type of trace events has them. */
enum event_point {
	POINT_TO_ENDPOINT = 0,
	POINT_TO_PROXY = 1,
	POINT_TO_HOST = 2,
	POINT_TO_STACK = 3,
	POINT_TO_OVERLAY = 4,
	POINT_FROM_ENDPOINT = 5,
	POINT_FROM_HOST = 7,
	POINT_FROM_STACK = 8,
	POINT_FROM_OVERLAY = 9,
	POINT_FROM_NETWORK = 10,
	POINT_TO_NETWORK = 11,
};

enum event_verdict {
	VERDICT_FORWARDED = 1,
	VERDICT_DROPPED = 2,
	VERDICT_AUDIT = 4,
	VERDICT_REDIRECTED = 5,
};

enum trace_reason {
	TRACE_NEW = 0,
	TRACE_ESTABLISHED = 1,
	TRACE_REPLY = 2,
	TRACE_RELATED = 3,
};

enum event_flag {
	/** The packet goes against the direction in which the connection was opened. */
	EVENT_REPLY = 1 << 0,
	/** Not the first fragment: ports are those of the first. */
	EVENT_FRAGMENT = 1 << 1,
	/** The direction was not enforced: no rule was asked. */
	EVENT_NOT_ENFORCED = 1 << 2,
	/** A connection that was there before: a change of policy made it be judged again. */
	EVENT_REJUDGED = 1 << 3,
};

/** One record of `events`; all types have this layout. */
struct event {
	/** CLOCK_MONOTONIC, ns */
	__u64 time;
	/** enum event_type */
	__u8 type;
	/** enum event_point */
	__u8 point;
	/** enum drop_reason or enum trace_reason */
	__u8 reason;
	/** enum event_verdict */
	__u8 verdict;
	/** enum direction: whose policy it was about, the sender's (egress) or the receiver's (ingress). */
	__u8 direction;
	/** 4, 6, or 0 if it is no IP. */
	__u8 family;
	/** The last header's; 0 if it was not found. */
	__u8 protocol;
	__u8 tcp_flags;
	/** Whose policy it was about; 0 if that was not known. */
	__u16 endpoint;
	/** policy_entry.prefixlen of what decided; 0: nothing did. With identity_exact it gives the match type. */
	__u8 match_prefixlen;
	/** 1: the entry was for the peer's identity; 0: for any. */
	__u8 match_identity;
	__u32 source_identity;
	__u32 destination_identity;
	__u32 rule;
	/** Of the packet, bytes, link layer included; more than an MTU if segments are not cut yet. */
	__u32 length;
	/** Where the program is attached. */
	__u32 ifindex;
	/** Where the packet was sent; 0: the stack's choice, or nowhere. */
	__u32 target_ifindex;
	__be16 source_port;
	__be16 destination_port;
	__u8 icmp_type;
	__u8 icmp_code;
	/** enum event_flag */
	__u8 flags;
	__u8 pad;
	/** For drops, where in the source: enum source_file << 16 | line. */
	__u32 location;
	struct address source;
	struct address destination;
	/** In the order of the wire. */
	__u8 destination_mac[6];
	__u8 source_mac[6];
	__be16 proxy_port;
	__u16 pad2;
};

/** Files that count failed helpers and report drops; names in TypeScript, beside the drop reasons' sentences. */
enum source_file {
	FILE_FROM_POD = 1,
	FILE_TO_POD = 2,
	FILE_FROM_UPLINK = 3,
	FILE_TO_UPLINK = 4,
	FILE_FROM_TUNNEL = 5,
	FILE_TO_TUNNEL = 6,
	FILE_PARSE = 7,
	FILE_CONNTRACK = 8,
	FILE_POLICY = 9,
	FILE_DELIVER = 10,
	FILE_ENFORCE = 11,
	FILE_FRAGMENTS = 12,
	FILE_POD_SOURCE = 13,
	FILE_ENCAPSULATE = 14,
	FILE_ROUTE = 15,
	FILE_RECEIVE = 16,
	FILE_DECAPSULATE = 17,
};

/** Key of `helper_errors`: a helper failed there so many times. */
struct helper_error_key {
	/** enum source_file */
	__u16 file;
	__u16 line;
	/** Positive errno. */
	__u32 error;
};
