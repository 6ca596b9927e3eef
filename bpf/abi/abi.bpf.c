// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * Never loaded: its BTF holds one of each layout and enumeration, from which src/gen/abi.ts is generated. (A program's
 * own BTF lacks the enumerations whose members it only assigns to bytes.)
 */
#include "maps.h"

struct layouts {
	enum abi abi;
	enum direction direction;
	enum reserved_identity reserved_identity;
	struct address address;
	enum endpoint_flag endpoint_flag;
	enum endpoint_key endpoint_key;
	struct endpoint endpoint;
	enum local_address_flag local_address_flag;
	struct local_address local_address;
	struct ipcache4_key ipcache4_key;
	struct ipcache6_key ipcache6_key;
	enum ipcache_flag ipcache_flag;
	struct ipcache_entry ipcache_entry;
	enum way_flag way_flag;
	struct way way;
	struct policy_key policy_key;
	enum policy_prefix policy_prefix;
	enum policy_verdict policy_verdict;
	struct policy_entry policy_entry;
	struct conntrack4_key conntrack4_key;
	struct conntrack6_key conntrack6_key;
	enum conntrack_echo conntrack_echo;
	enum conntrack_time conntrack_time;
	enum conntrack_state conntrack_state;
	enum conntrack_flag conntrack_flag;
	struct conntrack_entry conntrack_entry;
	struct fragment4_key fragment4_key;
	struct fragment6_key fragment6_key;
	struct fragment fragment;
	enum config_flag config_flag;
	struct config config;
	enum event_type event_type;
	enum event_point event_point;
	enum event_verdict event_verdict;
	enum trace_reason trace_reason;
	enum event_flag event_flag;
	struct event event;
	enum source_file source_file;
	struct helper_error_key helper_error_key;
	enum drop_reason drop_reason;
	enum metrics_size metrics_size;
	struct metric metric;
	enum mark mark;
} layouts;
