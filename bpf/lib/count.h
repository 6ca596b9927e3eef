/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/** Counters: packets by fate, helpers that failed. */
#pragma once

#include "common.h"

/** @param reason enum drop_reason, DROP_NONE: forwarded. Segments are counted as the wire will see them. */
static __always_inline void count_packet(const struct __sk_buff *ctx, int reason, __u8 direction)
{
	__u32 key = (__u8)reason * 2 + (direction & 1);
	struct metric *metric = bpf_map_lookup_elem(&metrics, &key);

	if (metric) {
		__u32 segments = ctx->gso_segs;

		metric->packets += segments ? segments : 1;
		metric->bytes += ctx->len;
	}
}

/** @param error what the helper returned: a negative errno */
static __noinline int count_helper_error(__u32 location, int error)
{
	struct helper_error_key key = { .file = location >> 16, .line = location, .error = -error };
	__u64 one = 1, *count = bpf_map_lookup_elem(&helper_errors, &key);

	if (count)
		*count += 1;
	else
		bpf_map_update_elem(&helper_errors, &key, &one, BPF_NOEXIST);
	return error;
}
