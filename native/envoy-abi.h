/*
 * The part of Envoy's dynamic module ABI (v0.2.0: Envoy 1.40) that we use, declared by us. Names and shapes are the
 * ABI's; Envoy resolves the `on_` functions by name when it loads the module, the dynamic linker the `callback_` ones.
 */
#ifndef SLUICE_ENVOY_ABI_H
#define SLUICE_ENVOY_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENVOY_ABI_VERSION "v0.2.0"
#define EXPORT __attribute__((visibility("default")))

/* Bytes of Envoy's or ours, by value and never NUL-terminated. */
struct buffer {
  const char *data;
  size_t length;
};

enum header_map { REQUEST_HEADERS = 0 };
enum headers_status { HEADERS_CONTINUE = 0 };
enum body_status { BODY_CONTINUE = 0 };
enum trailers_status { TRAILERS_CONTINUE = 0 };
enum log_level { LOG_ERROR = 4 };

/* Callbacks. A header's bytes stay valid until the next change of that header map. */
bool envoy_dynamic_module_callback_http_get_header(void *filter, int map, struct buffer key, struct buffer *value, size_t index,
                                                   size_t *count);
bool envoy_dynamic_module_callback_http_set_header(void *filter, int map, struct buffer key, struct buffer value);
void envoy_dynamic_module_callback_http_clear_route_cache(void *filter);
void envoy_dynamic_module_callback_log(int level, struct buffer message);

/* What Envoy calls: it refuses a module in which one of these is missing (only `scheduled` may be). */
EXPORT const char *envoy_dynamic_module_on_program_init(void);
EXPORT const void *envoy_dynamic_module_on_http_filter_config_new(void *envoy, struct buffer name, struct buffer config);
EXPORT void envoy_dynamic_module_on_http_filter_config_destroy(const void *config);
EXPORT const void *envoy_dynamic_module_on_http_filter_new(const void *config, void *envoy);
EXPORT int envoy_dynamic_module_on_http_filter_request_headers(void *envoy, const void *filter, bool end);
EXPORT int envoy_dynamic_module_on_http_filter_request_body(void *envoy, const void *filter, bool end);
EXPORT int envoy_dynamic_module_on_http_filter_request_trailers(void *envoy, const void *filter);
EXPORT int envoy_dynamic_module_on_http_filter_response_headers(void *envoy, const void *filter, bool end);
EXPORT int envoy_dynamic_module_on_http_filter_response_body(void *envoy, const void *filter, bool end);
EXPORT int envoy_dynamic_module_on_http_filter_response_trailers(void *envoy, const void *filter);
EXPORT void envoy_dynamic_module_on_http_filter_stream_complete(void *envoy, const void *filter);
EXPORT void envoy_dynamic_module_on_http_filter_destroy(const void *filter);
EXPORT void envoy_dynamic_module_on_http_filter_scheduled(void *envoy, const void *filter, uint64_t event);
EXPORT void envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(void *envoy, const void *filter);
EXPORT void envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(void *envoy, const void *filter);
/* Answers to HTTP requests of a module's own, which ours never makes: declared without their arguments. */
EXPORT void envoy_dynamic_module_on_http_filter_http_callout_done(void);
EXPORT void envoy_dynamic_module_on_http_filter_http_stream_headers(void);
EXPORT void envoy_dynamic_module_on_http_filter_http_stream_data(void);
EXPORT void envoy_dynamic_module_on_http_filter_http_stream_trailers(void);
EXPORT void envoy_dynamic_module_on_http_filter_http_stream_complete(void);
EXPORT void envoy_dynamic_module_on_http_filter_http_stream_reset(void);

#endif
