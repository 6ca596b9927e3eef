/*
 * sluice-cni: the CNI plugin that the container runtime executes (CNI specification 1.1). It forwards the call, its variables and
 * its standard input, to the agent's socket, prints what the agent answers, and ends. All that there is to decide, the agent
 * decides, so the plugin on a node's disk need not be of the agent's version. A small static C program, as it is
 * started for every pod: it runs in less than a millisecond, and needs no library of the node.
 *
 * Without the agent it makes nothing and says so: the kubelet tries again.
 */
#include "plugin.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFAULT_SOCKET "/var/run/sluice/cni.sock"
/* As the agent has it: more than any runtime sends. */
#define MOST_BYTES (4u << 20)
/* Less than the kubelet waits for a sandbox (two minutes), so that it hears what happened. */
#define ANSWER_SECONDS 90

struct buffer {
	char *bytes;
	size_t length, capacity;
};

extern char **environ;
static struct buffer config;

void print_escaped(const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
}

const char *config_text(void)
{
	return config.bytes ? config.bytes : "";
}

/* Only what can be one is taken, so no parser of JSON is needed. */
const char *config_version(void)
{
	static char version[16];
	const char key[] = "\"cniVersion\"";
	const char *at = strstr(config_text(), key);
	if (at) {
		at += sizeof(key) - 1;
		at += strspn(at, " \t\r\n:");
		size_t length = *at == '"' ? strspn(++at, "0123456789.") : 0;
		if (length > 0 && length < sizeof(version) && at[length] == '"') {
			memcpy(version, at, length);
			return version;
		}
	}
	return "1.0.0";
}

_Noreturn void fail(int code, const char *details, const char *format, ...)
{
	char message[512];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	printf("{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":\"", config_version(), code);
	print_escaped(message);
	printf("\",\"details\":\"");
	print_escaped(details);
	printf("\"}\n");
	exit(1);
}

static void reserve(struct buffer *to, size_t more)
{
	if (to->length + more + 1 <= to->capacity)
		return;
	size_t capacity = to->capacity ? to->capacity : 4096;
	while (capacity < to->length + more + 1)
		capacity *= 2;
	char *bytes = realloc(to->bytes, capacity);
	if (!bytes)
		fail(IO_FAILURE, "", "no memory for %zu bytes", capacity);
	to->bytes = bytes;
	to->capacity = capacity;
}

static void append(struct buffer *to, const char *bytes, size_t length)
{
	reserve(to, length);
	memcpy(to->bytes + to->length, bytes, length);
	to->length += length;
	/* Always a string as well. */
	to->bytes[to->length] = 0;
}

/* All there is to read. False with errno where reading fails, or there is too much. */
static bool read_all(int fd, struct buffer *to)
{
	for (;;) {
		char bytes[16384];
		ssize_t length = read(fd, bytes, sizeof(bytes));
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return length == 0;
		append(to, bytes, (size_t)length);
		if (to->length > MOST_BYTES) {
			errno = EFBIG;
			return false;
		}
	}
}

/* NAME=value and a NUL for each variable, one more NUL, the standard input: values cannot contain NUL. */
static struct buffer encode_call(void)
{
	struct buffer body = {0};
	for (char **variable = environ; *variable; variable++)
		if (strncmp(*variable, "CNI_", 4) == 0)
			append(&body, *variable, strlen(*variable) + 1);
	append(&body, "", 1);
	append(&body, config_text(), config.length);
	return body;
}

static int connect_agent(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return fd;
}

static bool send_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		bytes += sent;
		length -= (size_t)sent;
	}
	return true;
}

static bool send_call(int fd, const struct buffer *body)
{
	char head[160];
	int length = snprintf(head, sizeof(head),
			      "POST /cni HTTP/1.1\r\nHost: sluice\r\nContent-Type: application/octet-stream\r\n"
			      "Content-Length: %zu\r\nConnection: close\r\n\r\n",
			      body->length);
	return send_all(fd, head, (size_t)length) && send_all(fd, body->bytes, body->length);
}

/* The body of a whole HTTP answer, and its status; NULL where it was cut off or is none. */
static const char *answer_body(const struct buffer *answer, int *status, size_t *length)
{
	int seen = 0;
	if (!answer->bytes || sscanf(answer->bytes, "HTTP/1.1 %3d%n", status, &seen) != 1 || seen == 0)
		return NULL;
	char *end = strstr(answer->bytes, "\r\n\r\n");
	if (!end)
		return NULL;
	*length = answer->length - (size_t)(end + 4 - answer->bytes);
	for (char *line = answer->bytes; line < end; line = strstr(line, "\r\n") + 2) {
		const char name[] = "content-length:";
		if (strncasecmp(line, name, sizeof(name) - 1) != 0)
			continue;
		char *stop;
		unsigned long long announced = strtoull(line + sizeof(name) - 1, &stop, 10);
		return announced == *length && *stop == '\r' ? end + 4 : NULL;
	}
	return NULL;
}

int main(int count, char **arguments)
{
	const char *command = getenv("CNI_COMMAND");
	if (!command) {
		fputs("sluice-cni is a CNI plugin: container runtimes execute it (https://www.cni.dev)\n", stderr);
		fail(BAD_ENVIRONMENT, "", "CNI_COMMAND is missing");
	}
	if (strcmp(command, "VERSION") == 0) {
		puts("{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}");
		return 0;
	}
	if (!read_all(STDIN_FILENO, &config))
		fail(IO_FAILURE, "", "read the network configuration: %s", strerror(errno));
	/* Runtimes call plugins by their paths. */
	const char *slash = count > 0 ? strrchr(arguments[0], '/') : NULL;
	if (strcmp(slash ? slash + 1 : count > 0 ? arguments[0] : "", "loopback") == 0)
		return run_loopback(command);

	const char *path = getenv("SLUICE_CNI_SOCKET");
	if (!path || !*path)
		path = DEFAULT_SOCKET;
	const char *hint = "is the agent running on this node? kubectl -n kube-system get pods -l app.kubernetes.io/name=sluice -o wide";
	int unavailable = strcmp(command, "STATUS") == 0 ? NOT_AVAILABLE : TRY_AGAIN_LATER;
	int fd = connect_agent(path);
	if (fd < 0)
		fail(unavailable, hint, "no agent at %s: %s", path, strerror(errno));

	struct buffer body = encode_call();
	struct buffer answer = {0};
	if (!send_call(fd, &body) || !read_all(fd, &answer)) {
		const char *reason = errno == EAGAIN ? "it takes too long" : strerror(errno);
		fail(unavailable, hint, "the agent at %s does not answer: %s", path, reason);
	}
	int status;
	size_t length;
	const char *text = answer_body(&answer, &status, &length);
	if (!text)
		fail(unavailable, hint, "the agent at %s ended before it had answered", path);
	if (status != 200 && length == 0)
		fail(IO_FAILURE, hint, "what listens at %s answers with HTTP status %d: it is no agent", path, status);
	if (fwrite(text, 1, length, stdout) != length || fflush(stdout) != 0)
		return 1;
	return status == 200 ? 0 : 1;
}
