// Traffic for tests and benches of the datapath, run inside network namespaces: a server that echoes TCP and UDP, and clients
// that say in one word what became of a connection, a datagram or a ping, or at what rate exchanges go. Small and quick to
// start, because there are hundreds of them in a test run. Both families; what it prints is read by `traffic.ts`.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t over;

static void end(int signal) {
  (void)signal;
  over = 1;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void die(const char *what) {
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(2);
}

static socklen_t address(const char *text, const char *port, struct sockaddr_storage *out) {
  memset(out, 0, sizeof *out);
  struct sockaddr_in *v4 = (struct sockaddr_in *)out;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)atoi(port));
    return sizeof *v4;
  }
  if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)atoi(port));
    return sizeof *v6;
  }
  fprintf(stderr, "no address: %s\n", text);
  exit(2);
}

// The error in one word.
static const char *word(int error) {
  switch (error) {
    case 0: return "ok";
    case EAGAIN: case ETIMEDOUT: case EINPROGRESS: return "timeout";
    case ECONNREFUSED: return "refused";
    case ECONNRESET: case EPIPE: return "reset";
    case EHOSTUNREACH: case ENETUNREACH: case EACCES: case EPERM: return "unreachable";
    default: return strerror(error);
  }
}

static void timeout_of(int fd, int ms) {
  struct timeval t = {ms / 1000, ms % 1000 * 1000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

// A connected TCP socket, or -1 with errno set.
static int dial(const struct sockaddr_storage *to, socklen_t length, int ms) {
  int fd = socket(to->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die("socket");
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  timeout_of(fd, ms);
  if (connect(fd, (const struct sockaddr *)to, length) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// One message there and back; 0, or what went wrong.
static int exchange(int fd, size_t size) {
  static char buffer[65536];
  if (send(fd, buffer, size, MSG_NOSIGNAL) != (ssize_t)size) return errno;
  for (size_t got = 0; got < size;) {
    ssize_t n = recv(fd, buffer, size - got, 0);
    if (n == 0) return ECONNRESET;
    if (n < 0) return errno;
    got += (size_t)n;
  }
  return 0;
}

static int bound(int type, int port) {
  int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1, zero = 0;
  if (fd < 0) die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
  struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0) die("bind");
  return fd;
}

static void answer_datagrams(int fd) {
  char buffer[65536];
  struct sockaddr_storage from;
  for (;;) {
    // The answer comes from the address that was asked: a socket that is bound to none would choose.
    struct iovec data = {buffer, sizeof buffer};
    char control[256];
    struct msghdr m = {&from, sizeof from, &data, 1, control, sizeof control, 0};
    ssize_t n = recvmsg(fd, &m, 0);
    if (n < 0) return;
    data.iov_len = (size_t)n;
    if (sendmsg(fd, &m, 0) < 0 && errno == EINVAL) {
      m.msg_controllen = 0;
      sendmsg(fd, &m, 0);
    }
  }
}

static int serve(int ports, char **port) {
  int e = epoll_create1(EPOLL_CLOEXEC);
  enum { most = 4096 };
  static char kind[1 << 16];
  for (int i = 0; i < ports; i++) {
    int tcp = bound(SOCK_STREAM, atoi(port[i])), udp = bound(SOCK_DGRAM, atoi(port[i])), one = 1;
    setsockopt(udp, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one);
    if (listen(tcp, most) < 0) die("listen");
    kind[tcp] = 'l';
    kind[udp] = 'd';
    struct epoll_event a = {EPOLLIN, {.fd = tcp}}, b = {EPOLLIN, {.fd = udp}};
    epoll_ctl(e, EPOLL_CTL_ADD, tcp, &a);
    epoll_ctl(e, EPOLL_CTL_ADD, udp, &b);
  }
  puts("ready");
  fflush(stdout);
  static char buffer[65536];
  struct epoll_event events[256];
  while (!over) {
    int n = epoll_wait(e, events, 256, -1);
    for (int i = 0; i < n; i++) {
      int fd = events[i].data.fd;
      if (kind[fd] == 'd') {
        answer_datagrams(fd);
      } else if (kind[fd] == 'l') {
        for (int c; (c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
          int one = 1;
          setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
          struct epoll_event event = {EPOLLIN, {.fd = c}};
          kind[c] = 0;
          epoll_ctl(e, EPOLL_CTL_ADD, c, &event);
        }
      } else {
        ssize_t got = recv(fd, buffer, sizeof buffer, 0);
        if (got > 0) {
          if (send(fd, buffer, (size_t)got, MSG_NOSIGNAL) != got) close(fd);
        } else if (got == 0 || errno != EAGAIN) {
          close(fd);
        }
      }
    }
  }
  return 0;
}

static int try_tcp(const char *host, const char *port, int ms) {
  struct sockaddr_storage to;
  socklen_t length = address(host, port, &to);
  int fd = dial(&to, length, ms);
  puts(fd < 0 ? word(errno) : word(exchange(fd, 64)));
  return 0;
}

static int try_udp(const char *host, const char *port, int ms, size_t size) {
  struct sockaddr_storage to;
  socklen_t length = address(host, port, &to);
  int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  timeout_of(fd, ms);
  if (connect(fd, (struct sockaddr *)&to, length) < 0) puts(word(errno));
  else puts(word(exchange(fd, size)));
  return 0;
}

static uint16_t checksum(const uint8_t *bytes, size_t length) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < length; i += 2) sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return htons((uint16_t)~sum);
}

static int ping(const char *host, int ms) {
  struct sockaddr_storage to;
  socklen_t length = address(host, "0", &to);
  int v6 = to.ss_family == AF_INET6, on = 1;
  int fd = socket(to.ss_family, SOCK_RAW | SOCK_CLOEXEC, v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
  if (fd < 0) die("socket");
  setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, &on, sizeof on);
  uint8_t request[40] = {(uint8_t)(v6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO)};
  uint16_t id = htons((uint16_t)getpid());
  memcpy(request + 4, &id, 2);
  if (!v6) {
    uint16_t sum = checksum(request, sizeof request);
    memcpy(request + 2, &sum, 2);
  }
  if (connect(fd, (struct sockaddr *)&to, length) < 0 || send(fd, request, sizeof request, 0) < 0) {
    puts(word(errno));
    return 0;
  }
  for (double last = now() + ms; now() < last;) {
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, (int)(last - now()) + 1) == 0) break;
    uint8_t reply[1500];
    ssize_t n = recv(fd, reply, sizeof reply, MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EAGAIN) continue;
      puts(word(errno));
      return 0;
    }
    size_t at = v6 ? 0 : (size_t)(reply[0] & 15) * 4;
    if ((size_t)n < at + 8 || reply[at] != (v6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY)) continue;
    if (memcmp(reply + at + 4, &id, 2) != 0) continue;
    puts("ok");
    return 0;
  }
  puts("timeout");
  return 0;
}

// A connection that stays open: each line on standard input is one exchange, told in one word. It says how many ms that may take.
static int live(const char *host, const char *port, int ms) {
  struct sockaddr_storage to;
  socklen_t length = address(host, port, &to);
  int fd = dial(&to, length, ms);
  puts(fd < 0 ? word(errno) : "ok");
  fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin)) {
    if (fd >= 0) timeout_of(fd, atoi(line));
    puts(fd < 0 ? "reset" : word(exchange(fd, 64)));
    fflush(stdout);
  }
  return 0;
}

enum reuse {
  ONE_CONNECTION,
  // Ended by a reset: a port in TIME_WAIT could not be used again within the test.
  NEW_AND_RESET,
  // Ended as programs do. Ports in TIME_WAIT are used again after a second where net.ipv4.tcp_tw_reuse is 1.
  NEW_AND_CLOSED,
};

// CPU time of this process, seconds.
static double cpu_time(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// Exchanges on some connections, one after the other on each, until the time is over or SIGTERM: their rate, and the longest wait.
static int rate(const char *host, const char *port, double seconds, int count, enum reuse reuse) {
  struct sockaddr_storage to;
  socklen_t length = address(host, port, &to);
  int *fds = calloc((size_t)count, sizeof *fds);
  long done = 0, failed = 0;
  double worst = 0;
  for (int i = 0; i < count && reuse == ONE_CONNECTION; i++)
    if ((fds[i] = dial(&to, length, 5000)) < 0) die("connect");
  puts("ready");
  fflush(stdout);
  double start = now(), cpu = cpu_time(), last = seconds > 0 ? start + seconds * 1e3 : 1e18;
  while (!over && now() < last) {
    for (int i = 0; i < count && !over; i++) {
      double before = now();
      int error;
      if (reuse != ONE_CONNECTION) {
        int fd = dial(&to, length, 5000);
        error = fd < 0 ? errno : exchange(fd, 1);
        struct linger hard = {1, 0};
        if (fd >= 0 && reuse == NEW_AND_RESET) setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        if (fd >= 0) close(fd);
      } else {
        error = exchange(fds[i], 1);
      }
      double took = now() - before;
      if (took > worst) worst = took;
      if (error == 0) done++;
      else if (error != EINTR || !over) failed++;
    }
    if (failed > 100) break;
  }
  double took = (now() - start) / 1e3;
  printf("{\"done\":%ld,\"failed\":%ld,\"seconds\":%.4f,\"worst\":%.3f,\"cpu\":%.6f}\n", done, failed, took, worst,
         cpu_time() - cpu);
  return 0;
}

int main(int n, char **arg) {
  struct sigaction action = {.sa_handler = end};
  sigaction(SIGTERM, &action, NULL);
  signal(SIGPIPE, SIG_IGN);
  if (n >= 3 && !strcmp(arg[1], "serve")) return serve(n - 2, arg + 2);
  if (n == 5 && !strcmp(arg[1], "tcp")) return try_tcp(arg[2], arg[3], atoi(arg[4]));
  if (n == 6 && !strcmp(arg[1], "udp")) return try_udp(arg[2], arg[3], atoi(arg[4]), (size_t)atoi(arg[5]) & 0xffff);
  if (n == 4 && !strcmp(arg[1], "ping")) return ping(arg[2], atoi(arg[3]));
  if (n == 5 && !strcmp(arg[1], "live")) return live(arg[2], arg[3], atoi(arg[4]));
  if (n == 6 && !strcmp(arg[1], "rr")) return rate(arg[2], arg[3], atof(arg[4]), atoi(arg[5]), ONE_CONNECTION);
  if (n == 6 && !strcmp(arg[1], "crr")) return rate(arg[2], arg[3], atof(arg[4]), atoi(arg[5]), NEW_AND_RESET);
  if (n == 6 && !strcmp(arg[1], "crr-close"))
    return rate(arg[2], arg[3], atof(arg[4]), atoi(arg[5]), NEW_AND_CLOSED);
  fputs(
    "traffic serve PORT... | tcp HOST PORT MS | udp HOST PORT MS BYTES | ping HOST MS | live HOST PORT MS |\n"
    "        rr HOST PORT SECONDS CONNECTIONS | crr|crr-close HOST PORT SECONDS 1   (0 seconds: until SIGTERM)\n",
    stderr);
  return 2;
}
