/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/** Whose an address is: on this node, and anywhere. */
#pragma once

#include "packet.h"

static __always_inline struct local_address *find_local(const struct address *address)
{
	return bpf_map_lookup_elem(&local_addresses, address);
}

static __always_inline struct endpoint *find_endpoint(__u32 ifindex)
{
	return bpf_map_lookup_elem(&endpoints, &ifindex);
}

static __always_inline struct endpoint *find_host(void)
{
	return find_endpoint(HOST_ENDPOINT_KEY);
}

/** A trie's look-up costs as much as all the other maps' together: only new connections and other nodes' pods need it. */
static __noinline struct ipcache_entry *find_ipcache(const struct address *address, bool ipv4)
{
	if (ipv4) {
		struct ipcache4_key key __attribute__((aligned(8))) = { .prefixlen = 32 };
		struct ipcache_entry *entry;

		*(__be32 *)key.address = get_address4(address);
		entry = bpf_map_lookup_elem(&ipcache4, &key);
		KEEP_APART(entry);
		return entry;
	} else {
		struct ipcache6_key key __attribute__((aligned(8))) = { .prefixlen = 128 };

		__builtin_memcpy(key.address, address, 16);
		return bpf_map_lookup_elem(&ipcache6, &key);
	}
}

/** Identity of an address that may be anybody's. */
static __always_inline __u32 find_identity(const struct address *address, bool ipv4)
{
	const struct ipcache_entry *entry = find_ipcache(address, ipv4);

	return entry ? entry->identity : IDENTITY_WORLD;
}

static __always_inline bool is_node(__u32 identity)
{
	return identity == IDENTITY_REMOTE_NODE || identity == IDENTITY_KUBE_APISERVER || identity == IDENTITY_HOST ||
	       identity >= IDENTITY_FIRST_NODE;
}
