/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The maps, pinned by name. Sizes here are the defaults: the agent sets max_entries from its flags before it loads. Only
 * the agent writes endpoints, local_addresses, ipcache*, policies and config; only programs write the others (the agent
 * removes expired connections).
 */
#pragma once

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#include "config.h"
#include "conntrack.h"
#include "drop.h"
#include "endpoint.h"
#include "event.h"
#include "ipcache.h"
#include "mark.h"
#include "policy.h"
#include "tunnel.h"
#include "types.h"
#include "way.h"

/** The runtime switches. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct config);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} config SEC(".maps");

/** Host-side ifindex -> endpoint; 0 -> the host. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, struct endpoint);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} endpoints SEC(".maps");

/** Every address of the node and of its pods -> whose it is. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct address);
	__type(value, struct local_address);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} local_addresses SEC(".maps");

/** Prefix -> identity and way. Local pods and the node's own addresses are in it too, with their identities. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 512000);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache4_key);
	__type(value, struct ipcache_entry);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ipcache4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 512000);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ipcache6_key);
	__type(value, struct ipcache_entry);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ipcache6 SEC(".maps");

/** Answers kept for config.way_lifetime, by a hash of the question: lib/ways.h. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, WAYS_ENTRIES);
	__type(key, __u32);
	__type(value, struct way);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} ways SEC(".maps");

/** When the VXLAN device had packets of a flow last, in ticks of CONNTRACK_TICK_SHIFT, by a hash of its outer headers: lib/decapsulate.h. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, DEVICE_FLOWS_ENTRIES);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} device_flows SEC(".maps");

/** What every policy map is like; the agent may choose another max_entries. */
struct policy_map {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	/* By size: clang leaves types that are this far inside of a map's definition out of BTF. */
	__uint(key_size, sizeof(struct policy_key));
	__uint(value_size, sizeof(struct policy_entry));
};

/** policy_id -> policy map. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
	__array(values, struct policy_map);
} policies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 524288);
	__type(key, struct conntrack4_key);
	__type(value, struct conntrack_entry);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} conntrack4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 262144);
	__type(key, struct conntrack6_key);
	__type(value, struct conntrack_entry);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} conntrack6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct fragment4_key);
	__type(value, struct fragment);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} fragments4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct fragment6_key);
	__type(value, struct fragment);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} fragments6 SEC(".maps");

/** struct event; max_entries in bytes, a power of two. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} events SEC(".maps");

/** enum event_type -> events that found no room. Exact: one counter for each CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} lost_events SEC(".maps");

/** drop_reason * 2 + direction -> how much. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, METRICS_ENTRIES);
	__type(key, __u32);
	__type(value, struct metric);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} metrics SEC(".maps");

/** Helpers that failed, by file and line. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 512);
	__type(key, struct helper_error_key);
	__type(value, __u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} helper_errors SEC(".maps");
