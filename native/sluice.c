/*
 * libsluice.so: the Envoy HTTP filter `host-bucket`.
 *
 * It runs first in the chain, puts the bucket of the request's host into the header `x-sluice-bucket` (whatever the client
 * sent there is overwritten) and clears the cached route, so that scoped routes pick that bucket's route table. The route
 * tables remove the header before the request goes upstream. In C and not in Lua because it is on every request's path:
 * Lua costs 10 to 15 us here, this a fraction of one.
 */
#include "envoy-abi.h"
#include "host-bucket.h"

#include <string.h>

#define MAX_BUCKETS 65536u
#define FILTER_NAME "host-bucket"

static const struct buffer AUTHORITY = {":authority", sizeof(":authority") - 1};
static const struct buffer BUCKET = {"x-sluice-bucket", sizeof("x-sluice-bucket") - 1};

static void log_error(const char *message) {
  envoy_dynamic_module_callback_log(LOG_ERROR, (struct buffer){message, strlen(message)});
}

const char *envoy_dynamic_module_on_program_init(void) { return ENVOY_ABI_VERSION; }

/*
 * The config is the number of buckets in decimal digits. It becomes the config pointer itself: it is never 0 (NULL refuses
 * the config) and there is nothing to free.
 */
const void *envoy_dynamic_module_on_http_filter_config_new(void *envoy, struct buffer name, struct buffer config) {
  (void)envoy;
  if (name.length != sizeof(FILTER_NAME) - 1 || memcmp(name.data, FILTER_NAME, name.length) != 0) {
    log_error("sluice: the module has one filter, host-bucket");
    return NULL;
  }
  uint32_t buckets = 0;
  for (size_t i = 0; i < config.length && buckets <= MAX_BUCKETS; i++) {
    const uint32_t digit = (uint32_t)(unsigned char)config.data[i] - '0';
    buckets = digit > 9 ? MAX_BUCKETS + 1 : buckets * 10 + digit;
  }
  if (buckets == 0 || buckets > MAX_BUCKETS) {
    log_error("sluice: host-bucket: filter_config must be the number of buckets, 1 to 65536, as a string");
    return NULL;
  }
  return (const void *)(uintptr_t)buckets;
}

void envoy_dynamic_module_on_http_filter_config_destroy(const void *config) { (void)config; }

/* A stream needs no state of its own: its filter is the config. */
const void *envoy_dynamic_module_on_http_filter_new(const void *config, void *envoy) {
  (void)envoy;
  return config;
}

int envoy_dynamic_module_on_http_filter_request_headers(void *envoy, const void *filter, bool end) {
  (void)end;
  struct buffer authority = {"", 0};
  /* Without an authority (HTTP/1.0) the host is empty, which has a bucket like any other. */
  if (!envoy_dynamic_module_callback_http_get_header(envoy, REQUEST_HEADERS, AUTHORITY, &authority, 0, NULL)) authority.length = 0;
  uint32_t bucket = host_bucket(authority.data, authority.length, (uint32_t)(uintptr_t)filter);
  char digits[8];
  char *first = digits + sizeof(digits);
  do {
    *--first = (char)('0' + bucket % 10);
    bucket /= 10;
  } while (bucket > 0);
  const struct buffer value = {first, (size_t)(digits + sizeof(digits) - first)};
  envoy_dynamic_module_callback_http_set_header(envoy, REQUEST_HEADERS, BUCKET, value);
  envoy_dynamic_module_callback_http_clear_route_cache(envoy);
  return HEADERS_CONTINUE;
}

int envoy_dynamic_module_on_http_filter_request_body(void *envoy, const void *filter, bool end) {
  (void)envoy, (void)filter, (void)end;
  return BODY_CONTINUE;
}

int envoy_dynamic_module_on_http_filter_request_trailers(void *envoy, const void *filter) {
  (void)envoy, (void)filter;
  return TRAILERS_CONTINUE;
}

int envoy_dynamic_module_on_http_filter_response_headers(void *envoy, const void *filter, bool end) {
  (void)envoy, (void)filter, (void)end;
  return HEADERS_CONTINUE;
}

int envoy_dynamic_module_on_http_filter_response_body(void *envoy, const void *filter, bool end) {
  (void)envoy, (void)filter, (void)end;
  return BODY_CONTINUE;
}

int envoy_dynamic_module_on_http_filter_response_trailers(void *envoy, const void *filter) {
  (void)envoy, (void)filter;
  return TRAILERS_CONTINUE;
}

void envoy_dynamic_module_on_http_filter_stream_complete(void *envoy, const void *filter) { (void)envoy, (void)filter; }

void envoy_dynamic_module_on_http_filter_destroy(const void *filter) { (void)filter; }

void envoy_dynamic_module_on_http_filter_scheduled(void *envoy, const void *filter, uint64_t event) {
  (void)envoy, (void)filter, (void)event;
}

void envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(void *envoy, const void *filter) {
  (void)envoy, (void)filter;
}

void envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(void *envoy, const void *filter) {
  (void)envoy, (void)filter;
}

void envoy_dynamic_module_on_http_filter_http_callout_done(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_headers(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_data(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_trailers(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_complete(void) {}
void envoy_dynamic_module_on_http_filter_http_stream_reset(void) {}
