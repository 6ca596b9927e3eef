/*
 * The bucket of a request's host: route tables are cut into buckets by hash of the host, so that one changed route
 * re-sends one small table. src/mesh/envoy/host-bucket.ts is the same function for the control plane; the two must agree
 * on every input, or requests look into the wrong table.
 */
#ifndef SLUICE_HOST_BUCKET_H
#define SLUICE_HOST_BUCKET_H

#include <stddef.h>
#include <stdint.h>

/*
 * Length of the host part of an authority (RFC 3986, section 3.2): without what follows the last colon and without one
 * trailing dot. A bracketed IPv6 literal keeps its brackets, and the colons inside them do not count. The port need not be
 * digits: Envoy's own `ignore_port_in_host_matching` cuts it the same way.
 */
static inline size_t host_length(const char *authority, size_t length) {
  for (size_t i = length; i > 0 && authority[i - 1] != ']'; i--) {
    if (authority[i - 1] == ':') {
      length = i - 1;
      break;
    }
  }
  if (length > 0 && authority[length - 1] == '.') length--;
  return length;
}

/* FNV-1a, 32 bits, over the host with A-Z made lower case; then the remainder. `buckets` is at least 1. */
static inline uint32_t host_bucket(const char *authority, size_t length, uint32_t buckets) {
  uint32_t hash = 2166136261u;
  length = host_length(authority, length);
  for (size_t i = 0; i < length; i++) {
    uint32_t c = (unsigned char)authority[i];
    if (c - 'A' < 26u) c |= 0x20u;
    hash = (hash ^ c) * 16777619u;
  }
  return hash % buckets;
}

#endif
