/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/** Identities in packet marks: enum mark. */
#pragma once

#include "common.h"

static __always_inline __u32 mark_of(__u32 identity)
{
	return MARK_IDENTITY | identity << 16 | (identity >> 16 & 0xff);
}

static __always_inline bool has_identity(__u32 mark)
{
	return (mark & MARK_KIND) == MARK_IDENTITY;
}

static __always_inline __u32 identity_of_mark(__u32 mark)
{
	return mark >> 16 | (mark & 0xff) << 16;
}
