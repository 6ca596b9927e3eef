/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "types.h"

enum config_flag {
	/** All endpoints in audit mode, the host included. */
	CONFIG_AUDIT = 1 << 0,
	/** Encapsulate towards prefixes with IPCACHE_TUNNEL. */
	CONFIG_TUNNEL = 1 << 1,
	/** Host policies: `endpoints` has an entry at HOST_ENDPOINT_KEY. */
	CONFIG_HOST_FIREWALL = 1 << 2,
	/** Deliver to local pods with bpf_redirect_peer; otherwise by the stack, where to_pod enforces. */
	CONFIG_FAST_LOCAL = 1 << 3,
	/** Send to IPCACHE_ROUTED prefixes by FIB look-up and bpf_redirect; otherwise by the stack. */
	CONFIG_FAST_ROUTED = 1 << 4,
	/** A verdict event for each new connection that a rule was asked about (it is also its first trace). */
	CONFIG_VERDICT_EVENTS = 1 << 5,
	/** Events for other new connections and for what goes on after that, aggregated by trace_interval and trace_tcp_flags. */
	CONFIG_TRACE_EVENTS = 1 << 6,
	/**
	 * Services are the stack's (kube-proxy): what it translated on the way to a pod has to go back through it, and what comes
	 * for a pod may be the answer to something that it translated. So fast paths take what they know to be untouched: a
	 * connection that was opened on a fast path, or the SYN that opens one.
	 */
	CONFIG_STACK_SERVICES = 1 << 7,
	/**
	 * VXLAN past its device, over IPv4: what goes to another node is encapsulated here where the FIB knows the way to that node at once,
	 * and of what comes from one, single packets are taken out of it.
	 */
	CONFIG_FAST_TUNNEL = 1 << 8,
};

/** The one entry of `config`. Durations in ns. */
struct config {
	/** ABI_VERSION. With anything else nothing passes to or from pods: DROP_NO_CONFIGURATION. */
	__u32 version;
	/** enum config_flag */
	__u32 flags;
	/** At most one trace event of a connection in that time, besides those for flags; 0: one for each packet. */
	__u64 trace_interval;
	/** How long a connection lives without a packet. */
	__u64 tcp_opening_lifetime;
	__u64 tcp_established_lifetime;
	__u64 tcp_closing_lifetime;
	/** UDP, SCTP and the rest. */
	__u64 other_lifetime;
	__u64 icmp_lifetime;
	/** Of the VXLAN device. */
	__u32 tunnel_ifindex;
	/**
	 * The reader is woken when the bytes unread in `events` pass a multiple of it, and polls by itself now and then; 0: woken whenever
	 * it has caught up, which costs each quiet connection a wake-up.
	 */
	__u32 wakeup_bytes;
	/** How long the way to an address, once found, is taken for what it is; 0: each packet asks. ns. */
	__u32 way_lifetime;
	/** UDP port of VXLAN: between nodes no host policy cuts it. Network byte order. */
	__be16 tunnel_port;
	/** TCP flags that give a trace event when a connection has them for the first time in a direction (TH_*: FIN 1, SYN 2, RST 4). */
	__u8 trace_tcp_flags;
	__u8 pad;
	/** This node's, in outer headers, with CONFIG_FAST_TUNNEL; nodes that are reached by IPv6 are the device's. */
	__u8 tunnel_source4[4];
	/** The interface that has it: what leaves by another has another one. */
	__u32 tunnel_uplink;
};
