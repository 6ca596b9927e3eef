/* What the plugins in this program have in common. */
#ifndef SLUICE_CNI_PLUGIN_H
#define SLUICE_CNI_PLUGIN_H

/* Codes of the CNI specification, section "Error"; those of a plugin itself begin at 100. */
enum {
	BAD_ENVIRONMENT = 4,
	IO_FAILURE = 5,
	BAD_CONFIG = 7,
	TRY_AGAIN_LATER = 11,
	NOT_AVAILABLE = 50,
	NODE_FAILURE = 100,
	CHANGED = 101,
};

/* The network configuration, as it was on the standard input. */
const char *config_text(void);
/* Its version, which answers repeat. */
const char *config_version(void);
/* Text within a JSON string. */
void print_escaped(const char *text);
/* Prints an error as the specification has it, and ends. */
_Noreturn void fail(int code, const char *details, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The plugin `loopback`; returns the exit code. */
int run_loopback(const char *command);

#endif
