/* A backend that costs next to nothing: one thread, epoll, the same short answer to every request without a body.
 * Usage: backend COUNT. Listens on COUNT free ports of 127.0.0.1, prints them, answers on the i-th with `x-backend: i`.
 * Ends when its standard input does, that is, with whoever started it. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_FDS 65536

enum kind { NONE, INPUT, LISTENER, CONNECTION };

static struct {
  uint8_t kind;
  uint8_t backend;
  /* How much of CR LF CR LF has been seen: a request may come in pieces. */
  uint8_t seen;
} fds[MAX_FDS];

static int epoll_fd;
static char answers[256][64];
static int answer_length[256];

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void watch(int fd, enum kind kind, uint8_t backend) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (fd >= MAX_FDS) {
    close(fd);
    return;
  }
  fds[fd].kind = kind;
  fds[fd].backend = backend;
  fds[fd].seen = 0;
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

static void listen_on_free_port(uint8_t backend, struct in_addr where) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = where};
  socklen_t length = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  if (listen(fd, 4096) < 0) die("listen");
  if (getsockname(fd, (struct sockaddr *)&address, &length) < 0) die("getsockname");
  printf("%d\n", ntohs(address.sin_port));
  watch(fd, LISTENER, backend);
}

static void accept_all(int listener) {
  for (;;) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int one = 1;
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    watch(fd, CONNECTION, fds[listener].backend);
  }
}

static void answer(int fd) {
  char buffer[16384];
  char out[16384];
  ssize_t size = read(fd, buffer, sizeof buffer);
  int backend = fds[fd].backend;
  int length = 0;
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) {
    close(fd);
    return;
  }
  for (ssize_t i = 0; i < size; i++) {
    char wanted = fds[fd].seen % 2 == 0 ? '\r' : '\n';
    fds[fd].seen = buffer[i] == wanted ? fds[fd].seen + 1 : buffer[i] == '\r';
    if (fds[fd].seen < 4) continue;
    fds[fd].seen = 0;
    if (length + answer_length[backend] > (int)sizeof out) break;
    memcpy(out + length, answers[backend], answer_length[backend]);
    length += answer_length[backend];
  }
  /* A few bytes on loopback to a client that waits for them: they always fit. */
  if (length > 0 && write(fd, out, length) != length) close(fd);
}

int main(int argc, char **argv) {
  struct in_addr where = {.s_addr = htonl(INADDR_LOOPBACK)};
  int count = argc >= 2 ? atoi(argv[1]) : 0;
  struct epoll_event events[512];
  if (count < 1 || count > 255 || argc > 3 || (argc == 3 && inet_pton(AF_INET, argv[2], &where) != 1)) {
    fprintf(stderr, "usage: backend COUNT (1 to 255) [ADDRESS (127.0.0.1)]\n");
    return 2;
  }
  epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) die("epoll_create1");
  for (int i = 0; i < count; i++) {
    answer_length[i] = snprintf(answers[i], sizeof answers[i], "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-backend: %d\r\n\r\nok", i);
    listen_on_free_port(i, where);
  }
  fflush(stdout);
  watch(STDIN_FILENO, INPUT, 0);
  for (;;) {
    int ready = epoll_wait(epoll_fd, events, 512, -1);
    if (ready < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fds[fd].kind == CONNECTION) answer(fd);
      else if (fds[fd].kind == LISTENER) accept_all(fd);
      else if (fds[fd].kind == INPUT && read(fd, (char[64]){0}, 64) <= 0) return 0;
    }
  }
}
