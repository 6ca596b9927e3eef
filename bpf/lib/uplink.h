/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "packet.h"

/** VXLAN between nodes: what is inside is judged by itself, and a host policy that forgot it must not cut the node off. */
static __always_inline bool is_tunnel_traffic(const struct packet *p, const struct config *c)
{
	return c->flags & CONFIG_TUNNEL && p->protocol == IPPROTO_UDP && p->destination_port == c->tunnel_port;
}

/** The same, addressed to this node: known without a look-up. */
static __always_inline bool is_tunnel_to_us(const struct packet *p, const struct config *c)
{
	return is_tunnel_traffic(p, c) && p->family == 4 && get_address4(&p->destination) == *(__be32 *)c->tunnel_source4;
}
