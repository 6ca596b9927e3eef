/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
#pragma once

enum device_flows_size {
	/** Of each CPU; a power of two. Flows that share an entry only share the device. */
	DEVICE_FLOWS_ENTRIES_SHIFT = 12,
	DEVICE_FLOWS_ENTRIES = 1 << DEVICE_FLOWS_ENTRIES_SHIFT,
};
