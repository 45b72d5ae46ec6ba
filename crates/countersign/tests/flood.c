/* Holds as many connections as it may to a loopback port, as another user: idle ones, half a request head, half a
   body. What the server closes is opened again. Ends with its standard input.
   usage: flood PORT CONNECTIONS UID [tls]; prints how many were opened. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in at = {.sin_family = AF_INET};

/* Whether the listener speaks TLS. */
static int tls;

static int opened(int number) {
  /* Half the head of a record, and half a record, of TLS. */
  static const char *const shaken[] = {"", "\x16\x03\x01", "\x16\x03\x01\x02\x01\x01"};
  static const char *const sent[] = {
      "", "GET /checkpoint HTTP/1.1\r\nHost: local",
      "POST /api/v1/requests HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 4000000\r\n\r\n{\"request\":"};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0) {
    if (fd >= 0) close(fd);
    return -1;
  }
  const char *text = tls ? shaken[number % 3] : sent[number % 3];
  if (*text && send(fd, text, strlen(text), MSG_NOSIGNAL) < 0) {
    close(fd);
    return -1;
  }
  return fd;
}

int main(int count, char **arguments) {
  if (count != 4 && count != 5) return 2;
  tls = count == 5;
  at.sin_port = htons(atoi(arguments[1]));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int wanted = atoi(arguments[2]), uid = atoi(arguments[3]);
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < (rlim_t)wanted + 64) {
    struct rlimit more = {wanted + 64, wanted + 64};
    if (setrlimit(RLIMIT_NOFILE, &more) < 0 && limit.rlim_max < (rlim_t)wanted + 64) wanted = limit.rlim_max - 64;
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (getuid() == 0 && (setgid(uid) < 0 || setuid(uid) < 0)) return 3;
  struct pollfd *all = calloc(wanted + 1, sizeof *all);
  for (int i = 0; i < wanted; i++) all[i] = (struct pollfd){.fd = opened(i), .events = POLLIN | POLLRDHUP};
  all[wanted] = (struct pollfd){.fd = 0, .events = POLLIN};
  printf("%d\n", wanted);
  fflush(stdout);
  for (;;) {
    poll(all, wanted + 1, 100);
    if (all[wanted].revents) return 0;
    for (int i = 0; i < wanted; i++) {
      if (all[i].fd >= 0 && !all[i].revents) continue;
      if (all[i].fd >= 0) close(all[i].fd);
      all[i].fd = opened(i);
      if (poll(&all[wanted], 1, 0) > 0) return 0;
    }
  }
}
