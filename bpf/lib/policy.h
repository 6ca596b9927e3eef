/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

#include "addresses.h"
#include "count.h"

/** What is asked of a policy, and what it says. */
struct judgement {
	__u32 peer_identity;
	__u8 direction;
	__u8 protocol;
	__be16 port;
	/** For the entry's counters. */
	__u32 bytes;

	__u32 rule;
	__be16 proxy_port;
	__u8 match_prefixlen;
	__u8 match_identity;
	bool enforced;
	/** Only audit mode lets it through. */
	bool audit;
};

static __always_inline bool is_enforced(const struct endpoint *e, __u8 direction)
{
	return e->flags & (direction == DIRECTION_INGRESS ? ENDPOINT_INGRESS_ENFORCED : ENDPOINT_EGRESS_ENFORCED);
}

/** The entry that decides of two: deny, redirect, allow, in this order; the peer's own if they say the same. */
static __always_inline bool any_wins(const struct policy_entry *own, const struct policy_entry *any)
{
	if (!any || !own)
		return any;
	if (any->verdict == own->verdict || own->verdict == POLICY_DENY)
		return false;
	return any->verdict == POLICY_DENY || any->verdict == POLICY_REDIRECT;
}

/** @returns 0 or a drop reason, before audit mode */
static __always_inline int ask_policy(const struct endpoint *e, struct judgement *j)
{
	struct policy_key key = {
		.prefixlen = POLICY_PREFIX_EXACT,
		.identity = j->peer_identity,
		.direction = j->direction,
		.protocol = j->protocol,
		.port = j->port,
	};
	struct policy_entry *own, *any, *entry;
	__u32 policy_id = e->policy_id;
	void *policy = bpf_map_lookup_elem(&policies, &policy_id);

	if (!policy)
		return DROP_NO_CONFIGURATION;
	own = bpf_map_lookup_elem(policy, &key);
	key.identity = IDENTITY_ANY;
	any = bpf_map_lookup_elem(policy, &key);

	j->match_identity = !any_wins(own, any);
	entry = j->match_identity ? own : any;
	if (!entry) {
		j->match_identity = 0;
		return DROP_POLICY_DENIED;
	}
	__sync_fetch_and_add(&entry->packets, 1);
	__sync_fetch_and_add(&entry->bytes, j->bytes);
	j->rule = entry->rule;
	j->match_prefixlen = entry->prefixlen;
	j->proxy_port = entry->proxy_port;
	switch (entry->verdict) {
	case POLICY_ALLOW:
		return 0;
	case POLICY_REDIRECT:
		return DROP_NO_PROXY;
	default:
		return DROP_POLICY_DENY_RULE;
	}
}

/** Whether the endpoint may open (or go on with) a connection. @returns 0 or a drop reason */
static __noinline int judge(const struct endpoint *e, const struct config *c, struct judgement *j)
{
	int result;

	j->rule = 0;
	j->proxy_port = 0;
	j->match_prefixlen = 0;
	j->match_identity = 0;
	j->audit = false;
	j->enforced = is_enforced(e, j->direction);
	if (!j->enforced)
		return 0;
	result = ask_policy(e, j);
	if (result && (e->flags & ENDPOINT_AUDIT || c->flags & CONFIG_AUDIT)) {
		j->audit = true;
		return 0;
	}
	return result;
}
