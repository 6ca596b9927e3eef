/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/** IPv6's housekeeping on a link (neighbour discovery, multicast listeners), which is no traffic that a policy is about. */
#pragma once

#include "packet.h"

#define ICMP6_LISTENER_QUERY 130
#define ICMP6_LISTENER_DONE 132
#define ICMP6_ROUTER_SOLICITATION 133
#define ICMP6_ROUTER_ADVERTISEMENT 134
#define ICMP6_NEIGHBOUR_SOLICITATION 135
#define ICMP6_NEIGHBOUR_ADVERTISEMENT 136
#define ICMP6_REDIRECT 137
#define ICMP6_LISTENER_REPORT_2 143

static __always_inline bool is_discovery(const struct packet *p)
{
	return p->family == 6 && p->protocol == IPPROTO_ICMPV6 &&
	       ((p->icmp_type >= ICMP6_LISTENER_QUERY && p->icmp_type <= ICMP6_REDIRECT) || p->icmp_type == ICMP6_LISTENER_REPORT_2);
}

/** fe80::/10 */
static __always_inline bool is_link_local(const struct address *address)
{
	return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

/** Multicast that no router passes on: ff01::/16 and ff02::/16. */
static __always_inline bool is_link_multicast(const struct address *address)
{
	return address->bytes[0] == 0xff && ((address->bytes[1] & 0x0f) == 1 || (address->bytes[1] & 0x0f) == 2);
}
