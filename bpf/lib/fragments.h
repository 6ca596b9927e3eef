/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/**
 * Ports of fragmented datagrams. A later fragment is judged by the ports of its first; one that comes before its first
 * is dropped, as nobody could say whether it is allowed. That a sender can rewrite ports with a second first fragment
 * does not matter: that one is judged by its own.
 */
#pragma once

#include "count.h"
#include "packet.h"

/** An echo has no ports: its identifier and its type are kept in their places. */
static __always_inline struct fragment ports_of(const struct packet *p)
{
	struct fragment ports = { .protocol = p->protocol };

	if (p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6) {
		ports.source_port = p->echo_id;
		ports.destination_port = (__be16)(p->icmp_type | p->icmp_code << 8);
	} else {
		ports.source_port = p->source_port;
		ports.destination_port = p->destination_port;
	}
	return ports;
}

static __always_inline void take_ports(struct packet *p, const struct fragment *ports)
{
	p->protocol = ports->protocol;
	p->flags |= PACKET_LATER_FRAGMENT;
	if (p->protocol == IPPROTO_ICMP || p->protocol == IPPROTO_ICMPV6) {
		p->echo_id = ports->source_port;
		p->icmp_type = (__u8)ports->destination_port;
		p->icmp_code = ports->destination_port >> 8;
	} else {
		p->source_port = ports->source_port;
		p->destination_port = ports->destination_port;
	}
}

static __always_inline void fragment4_key_of(const struct packet *p, __be16 id, struct fragment4_key *key)
{
	*(__be32 *)key->source = get_address4(&p->source);
	*(__be32 *)key->destination = get_address4(&p->destination);
	key->id = id;
	key->protocol = p->protocol;
	key->pad = 0;
}

static __always_inline void fragment6_key_of(const struct packet *p, __be32 id, struct fragment6_key *key)
{
	__builtin_memcpy(key->source, &p->source, 16);
	__builtin_memcpy(key->destination, &p->destination, 16);
	key->id = id;
}

/** After a first fragment was parsed to its ports. @param id as in the header */
static __noinline int keep_fragment(struct packet *p, __be32 id)
{
	struct fragment ports = ports_of(p);
	long error;

	if (p->family == 4) {
		struct fragment4_key key __attribute__((aligned(8)));

		fragment4_key_of(p, id, &key);
		error = bpf_map_update_elem(&fragments4, &key, &ports, BPF_ANY);
		KEEP_APART(error);
	} else {
		struct fragment6_key key __attribute__((aligned(8)));

		fragment6_key_of(p, id, &key);
		error = bpf_map_update_elem(&fragments6, &key, &ports, BPF_ANY);
	}
	/* Not fatal: the first one is judged by itself, the later ones will not be found. */
	if (error)
		count_helper_error(HERE(FILE_FRAGMENTS), error);
	return 0;
}

/** @returns 0, or DROP_FRAGMENT_NOT_FOUND */
static __noinline int find_fragment(struct packet *p, __be32 id)
{
	struct fragment *ports;

	if (p->family == 4) {
		struct fragment4_key key __attribute__((aligned(8)));

		fragment4_key_of(p, id, &key);
		ports = bpf_map_lookup_elem(&fragments4, &key);
	} else {
		struct fragment6_key key __attribute__((aligned(8)));

		fragment6_key_of(p, id, &key);
		ports = bpf_map_lookup_elem(&fragments6, &key);
	}
	if (!ports)
		return fail(p, DROP_FRAGMENT_NOT_FOUND, HERE(FILE_FRAGMENTS));
	take_ports(p, ports);
	return 0;
}
