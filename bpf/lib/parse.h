/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/**
 * From frame to struct packet. Nothing is believed that is not checked: lengths against each other and against the frame,
 * extension headers one by one, TCP flags. What is not understood is dropped, never guessed.
 */
#pragma once

#include "parse4.h"
#include "parse6.h"

/** @returns 0, or a drop reason; DROP_UNSUPPORTED_L3_PROTOCOL for what is no IP (p->family stays 0) */
static __always_inline int parse(struct __sk_buff *ctx, struct packet *p)
{
	if (ctx->protocol == bpf_htons(ETH_P_IP))
		return parse4(ctx, p);
	if (ctx->protocol == bpf_htons(ETH_P_IPV6))
		return parse6(ctx, p);
	return fail(p, DROP_UNSUPPORTED_L3_PROTOCOL, HERE(FILE_PARSE));
}
