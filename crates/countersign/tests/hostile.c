/* A hostile neighbour: opens connections to a loopback port as fast as it can, as another user. Some say nothing, some
   half of something or nonsense, some ask for much and do not read it, some read all of it and ask again.
   usage: hostile PORT CONNECTIONS UID SEED; ends with its standard input, and prints how many it opened. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUESTS = 50, KINDS = 6, READS = 5 };
static struct sockaddr_in at = {.sin_family = AF_INET};
static uint64_t dice;
static char asks[1 << 16], noise[5000];

static uint64_t roll(uint64_t sides) {
  dice ^= dice << 13, dice ^= dice >> 7, dice ^= dice << 17;
  return dice % sides;
}

static void ask(void) {
  static const char *const paths[] = {"entries?from=0", "runs", "places", "installation", "evidence/shop/ledger-api/dev"};
  asks[0] = 0;
  for (int i = 0; i < REQUESTS; i++) {
    const char *path = roll(2) ? paths[0] : paths[roll(5)];
    sprintf(asks + strlen(asks), "GET /api/v1/%s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
  }
}

static void say(int fd, int kind) {
  static const char half[] = "POST /api/v1/requests HTTP/1.1\r\nHost: localh";
  static const char head[] = "POST /api/v1/requests HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4000000\r\n\r\n";
  /* A server that closes it is right. */
  int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
  for (size_t i = 0; i < sizeof noise; i += 8) *(uint64_t *)(noise + i) = roll(UINT64_MAX);
  switch (kind) {
    case 0: break;
    case 1: send(fd, half, sizeof half - 1, flags); break;
    case 2: send(fd, head, sizeof head - 1, flags); /* fall through */
    case 3: send(fd, noise, sizeof noise, flags); break;
    default: ask(), send(fd, asks, strlen(asks), flags);
  }
}

int main(int count, char **arguments) {
  if (count != 5) return 2;
  at.sin_port = htons(atoi(arguments[1]));
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int most = atoi(arguments[2]), uid = atoi(arguments[3]);
  dice = strtoull(arguments[4], 0, 10) | 1;
  if (getuid() == 0 && (setgid(uid) < 0 || setuid(uid) < 0)) return 3;
  struct pollfd *all = calloc(most + 1, sizeof *all);
  for (int i = 0; i < most; i++) all[i].fd = -1;
  all[most] = (struct pollfd){.fd = 0, .events = POLLIN};
  static char read_into[1 << 18];
  unsigned long opened = 0, bytes = 0;
  for (;;) {
    int i = roll(most), kind = roll(KINDS);
    if (all[i].fd >= 0) close(all[i].fd);
    all[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (all[i].fd < 0) return 4;
    if (connect(all[i].fd, (struct sockaddr *)&at, sizeof at) < 0) close(all[i].fd), all[i].fd = -1;
    else opened++, say(all[i].fd, kind), all[i].events = kind == READS ? POLLIN : 0;
    poll(all, most + 1, 0);
    if (all[most].revents) break;
    for (i = 0; i < most; i++) {
      if (all[i].fd < 0 || !all[i].revents) continue;
      ssize_t got = recv(all[i].fd, read_into, sizeof read_into, MSG_DONTWAIT);
      if (got > 0) bytes += got;
      if (got <= 0) close(all[i].fd), all[i].fd = -1;
      else if (roll(8) == 0) say(all[i].fd, READS);
    }
  }
  printf("%lu %lu\n", opened, bytes);
  return 0;
}
