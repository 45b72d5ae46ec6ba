/* An independent client of a tiled log, written from the C2SP texts alone: fetches the checkpoint, every
   tile and every entry bundle over HTTP, hashes the entries, and compares all of it with the root hash.
   usage: tile_client PORT    prints "SIZE ok" or what is wrong. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const uint32_t K[64] = {
0x428a2f98,0x71374491,0xb5c0fbcf,0xe9b5dba5,0x3956c25b,0x59f111f1,0x923f82a4,0xab1c5ed5,0xd807aa98,0x12835b01,
0x243185be,0x550c7dc3,0x72be5d74,0x80deb1fe,0x9bdc06a7,0xc19bf174,0xe49b69c1,0xefbe4786,0x0fc19dc6,0x240ca1cc,
0x2de92c6f,0x4a7484aa,0x5cb0a9dc,0x76f988da,0x983e5152,0xa831c66d,0xb00327c8,0xbf597fc7,0xc6e00bf3,0xd5a79147,
0x06ca6351,0x14292967,0x27b70a85,0x2e1b2138,0x4d2c6dfc,0x53380d13,0x650a7354,0x766a0abb,0x81c2c92e,0x92722c85,
0xa2bfe8a1,0xa81a664b,0xc24b8b70,0xc76c51a3,0xd192e819,0xd6990624,0xf40e3585,0x106aa070,0x19a4c116,0x1e376c08,
0x2748774c,0x34b0bcb5,0x391c0cb3,0x4ed8aa4a,0x5b9cca4f,0x682e6ff3,0x748f82ee,0x78a5636f,0x84c87814,0x8cc70208,
0x90befffa,0xa4506ceb,0xbef9a3f7,0xc67178f2};
#define R(x, n) ((x) >> (n) | (x) << (32 - (n)))

static void block(uint32_t h[8], const uint8_t *p) {
  uint32_t w[64], s[8], t1, t2;
  for (int i = 0; i < 16; i++) w[i] = (uint32_t)p[4*i] << 24 | p[4*i+1] << 16 | p[4*i+2] << 8 | p[4*i+3];
  for (int i = 16; i < 64; i++)
    w[i] = w[i-16] + (R(w[i-15],7) ^ R(w[i-15],18) ^ w[i-15] >> 3) + w[i-7] + (R(w[i-2],17) ^ R(w[i-2],19) ^ w[i-2] >> 10);
  memcpy(s, h, 32);
  for (int i = 0; i < 64; i++) {
    t1 = s[7] + (R(s[4],6) ^ R(s[4],11) ^ R(s[4],25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + K[i] + w[i];
    t2 = (R(s[0],2) ^ R(s[0],13) ^ R(s[0],22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    memmove(s + 1, s, 28); s[4] += t1; s[0] = t1 + t2;
  }
  for (int i = 0; i < 8; i++) h[i] += s[i];
}

static void sha256(const uint8_t *p, size_t n, uint8_t *out) {
  uint32_t h[8] = {0x6a09e667,0xbb67ae85,0x3c6ef372,0xa54ff53a,0x510e527f,0x9b05688c,0x1f83d9ab,0x5be0cd19};
  uint8_t last[128] = {0};
  size_t full = n / 64, rest = n % 64, tail = rest < 56 ? 64 : 128;
  for (size_t i = 0; i < full; i++) block(h, p + 64 * i);
  memcpy(last, p + 64 * full, rest); last[rest] = 0x80;
  for (int i = 0; i < 8; i++) last[tail - 1 - i] = (uint8_t)((uint64_t)n * 8 >> 8 * i);
  for (size_t i = 0; i < tail; i += 64) block(h, last + i);
  for (int i = 0; i < 32; i++) out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void die(const char *what, const char *where) { printf("%s: %s\n", what, where); exit(1); }

static int port;
static uint8_t *get(const char *path, size_t *n) {
  int s = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(0x7f000001)};
  char request[300];
  size_t size = 1 << 24, have = 0; ssize_t got;
  uint8_t *all = malloc(size);
  if (connect(s, (struct sockaddr *)&to, sizeof to)) die("cannot connect", path);
  snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n", path);
  if (write(s, request, strlen(request)) < 0) die("cannot send", path);
  while (have < size - 1 && (got = read(s, all + have, size - 1 - have)) > 0) have += (size_t)got;
  close(s); all[have] = 0;
  if (strncmp((char *)all + 9, "200", 3)) die("not 200", path);
  uint8_t *body = (uint8_t *)strstr((char *)all, "\r\n\r\n") + 4;
  *n = have - (size_t)(body - all);
  return body;
}

static void path_of(char *out, const char *level, uint64_t n, unsigned width) {
  char number[40] = "", part[8];
  for (int shift = 0; shift == 0 || n > 0; shift++, n /= 1000) {
    char old[40]; strcpy(old, number);
    snprintf(part, sizeof part, shift ? "x%03u/" : "%03u", (unsigned)(n % 1000));
    strcpy(number, part); strcat(number, old);
  }
  if (width == 256) sprintf(out, "/tile/%s/%s", level, number);
  else sprintf(out, "/tile/%s/%s.p/%u", level, number, width);
}

static void node(const uint8_t *l, const uint8_t *r, uint8_t *out) {
  uint8_t b[65]; b[0] = 1; memcpy(b + 1, l, 32); memcpy(b + 33, r, 32); sha256(b, 65, out);
}

static void mth(const uint8_t *leaves, uint64_t n, uint8_t *out) {
  uint64_t k = 1; uint8_t l[32], r[32];
  if (n == 1) { memcpy(out, leaves, 32); return; }
  while (k * 2 < n) k *= 2;
  mth(leaves, k, l); mth(leaves + 32 * k, n - k, r); node(l, r, out);
}

static void base64(const uint8_t *p, char *out) {
  const char *abc = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0; i < 32; i += 3) {
    uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < 32 ? p[i+1] << 8 : 0) | (i + 2 < 32 ? p[i+2] : 0);
    for (int j = 0; j < 4; j++) *out++ = abc[v >> (18 - 6 * j) & 63];
  }
  out[-1] = '='; *out = 0;
}

int main(int argc, char **argv) {
  size_t n; char path[200], text[64], level[8];
  if (argc != 2) return 2;
  port = atoi(argv[1]);
  char *note = (char *)get("/checkpoint", &n);
  char *line = strchr(note, '\n') + 1;
  uint64_t size = strtoull(line, NULL, 10);
  char *root = strchr(line, '\n') + 1;
  uint8_t *leaves = malloc(32 * (size + 1)), hash[32];
  for (uint64_t t = 0; t * 256 < size; t++) {
    unsigned width = size - t * 256 < 256 ? (unsigned)(size - t * 256) : 256;
    path_of(path, "0", t, width);
    uint8_t *tile = get(path, &n);
    if (n != 32u * width) die("wrong length", path);
    memcpy(leaves + 32 * 256 * t, tile, n);
    path_of(path, "entries", t, width);
    uint8_t *at = get(path, &n), *end = at + n;
    for (unsigned i = 0; i < width; i++) {
      size_t length = (size_t)at[0] << 8 | at[1];
      uint8_t *copy = malloc(length + 1); copy[0] = 0; memcpy(copy + 1, at + 2, length);
      sha256(copy, length + 1, hash); free(copy); at += 2 + length;
      if (at > end || memcmp(hash, tile + 32 * i, 32)) die("entry does not hash to its leaf", path);
    }
    if (at != end) die("bytes left over", path);
  }
  uint64_t count = size / 256;
  for (int l = 1; count > 0; l++, count /= 256) {
    uint64_t span = 1; for (int i = 0; i < l; i++) span *= 256;
    for (uint64_t t = 0; t * 256 < count; t++) {
      unsigned width = count - t * 256 < 256 ? (unsigned)(count - t * 256) : 256;
      sprintf(level, "%d", l); path_of(path, level, t, width);
      uint8_t *tile = get(path, &n);
      if (n != 32u * width) die("wrong length", path);
      for (unsigned i = 0; i < width; i++) {
        mth(leaves + 32 * span * (t * 256 + i), span, hash);
        if (memcmp(hash, tile + 32 * i, 32)) die("node differs from the leaves below it", path);
      }
    }
  }
  if (size) mth(leaves, size, hash); else sha256((const uint8_t *)"", 0, hash);
  base64(hash, text);
  if (strncmp(text, root, 44) || root[44] != '\n') die("root hash differs", text);
  printf("%llu ok\n", (unsigned long long)size);
  return 0;
}
