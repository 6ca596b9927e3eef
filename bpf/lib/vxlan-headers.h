/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/** What VXLAN (RFC 7348) puts before a frame, over IPv4. */
#pragma once

#include <linux/udp.h>

#include "common.h"

#define VXLAN_HAS_VNI 0x08
#define ECN_MASK 3
#define ECN_ECT_0 2
#define ECN_CE 3
/** Source ports of tunnels: a flow has the same one, and flows spread over the queues and links on the way. */
#define FIRST_SOURCE_PORT 49152
#define SOURCE_PORT_BITS 14

struct vxlan_headers {
	struct ethhdr ethernet;
	struct iphdr ip;
	struct udphdr udp;
	/** Flags, 24 bits reserved; VNI, 8 bits reserved. */
	__u8 flags;
	__u8 reserved[3];
	__be32 vni;
	struct ethhdr inner;
} __attribute__((packed));

/** What comes before the inner frame's own header, which is already there. */
#define VXLAN_OVERHEAD (sizeof(struct vxlan_headers) - ETH_HLEN)

/** Of a header without options. With its checksum in place: 0 if that is right. */
static __always_inline __be16 ip4_checksum(const struct iphdr *ip)
{
	const __u16 *words = (const __u16 *)ip;
	__u32 sum = 0;

#pragma unroll
	for (int i = 0; i < (int)(sizeof(*ip) / 2); i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return ~(sum + (sum >> 16));
}
