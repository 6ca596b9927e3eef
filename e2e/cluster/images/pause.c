// Holds a pod's namespaces. As process 1 of pods that share theirs it reaps what is left to it.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void reap(int signal) {
  (void)signal;
  while (waitpid(-1, 0, WNOHANG) > 0)
    ;
}

static void end(int signal) {
  (void)signal;
  _exit(0);
}

int main(void) {
  const struct sigaction reaping = {.sa_handler = reap, .sa_flags = SA_NOCLDSTOP};
  const struct sigaction ending = {.sa_handler = end};
  sigaction(SIGCHLD, &reaping, 0);
  sigaction(SIGINT, &ending, 0);
  sigaction(SIGTERM, &ending, 0);
  for (;;)
    pause();
}
