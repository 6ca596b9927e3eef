/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/** What every file of the programs starts from: types, helpers, and the marks that the optimiser gets. */
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "../abi/maps.h"

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/**
 * After a call for one family's map, where the other family's would follow: clang would make one call of the two, with a map that is chosen
 * before, and for a map that it does not know the verifier leaves an indirect call, where it puts in the map's own function otherwise.
 */
#define KEEP_APART(result) asm volatile("" : "+r"(result))

/** The stack goes on with the packet, and so do other programs at the same hook. */
#define PASS TC_ACT_UNSPEC

/** A place in the source, for drops and failed helpers: HERE(FILE_PARSE). */
#define HERE(file) ((__u32)(file) << 16 | __LINE__)

static __always_inline struct config *get_config(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&config, &zero);
}

static __always_inline bool address_equal(const struct address *a, const struct address *b)
{
	const __u64 *x = (const __u64 *)a, *y = (const __u64 *)b;

	return x[0] == y[0] && x[1] == y[1];
}

/** All zero: no address of that family. */
static __always_inline bool address_is_unset(const struct address *a)
{
	const __u64 *x = (const __u64 *)a;

	return !(x[0] | x[1]);
}

static __always_inline void set_address4(struct address *to, __be32 from)
{
	__u32 *words = (__u32 *)to;

	words[0] = 0;
	words[1] = 0;
	words[2] = bpf_htonl(0xffff);
	words[3] = from;
}

static __always_inline __be32 get_address4(const struct address *from)
{
	return ((const __u32 *)from)[3];
}

static __always_inline void set_address6(struct address *to, const void *from)
{
	const __u32 *words = from;
	__u32 *out = (__u32 *)to;

	out[0] = words[0];
	out[1] = words[1];
	out[2] = words[2];
	out[3] = words[3];
}

/** ::ffff:a.b.c.d */
static __always_inline bool is_mapped(const struct address *address)
{
	const __u32 *words = (const __u32 *)address;

	return !words[0] && !words[1] && words[2] == bpf_htonl(0xffff);
}
