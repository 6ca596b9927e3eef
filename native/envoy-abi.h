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

enum log_level { LOG_ERROR = 4 };

/* Callbacks. A header's bytes stay valid until the next change of that header map. */
bool envoy_dynamic_module_callback_early_header_mutation_get_header_value(void *context, struct buffer key, struct buffer *value,
                                                                          size_t index, size_t *count);
bool envoy_dynamic_module_callback_early_header_mutation_set_header(void *context, struct buffer key, struct buffer value);
void envoy_dynamic_module_callback_log(int level, struct buffer message);

/* What Envoy calls: it refuses a module in which one of these is missing. A NULL config refuses the configuration. */
EXPORT const char *envoy_dynamic_module_on_program_init(void);
EXPORT const void *envoy_dynamic_module_on_early_header_mutation_config_new(void *envoy, struct buffer name, struct buffer config);
EXPORT void envoy_dynamic_module_on_early_header_mutation_config_destroy(const void *config);
/* On worker threads, several at once. True lets the mutations configured after this one run. */
EXPORT bool envoy_dynamic_module_on_early_header_mutation_mutate(const void *config, void *context);

#endif
