// The floor: what the kernel alone takes for one answered request of a kept-alive connection.
//
//     floor PORT ANSWER_BYTES
//
// One thread, one epoll. It counts the blank lines that end request heads and sends one prepared answer for each; it
// parses nothing, so it is no HTTP server, only the least that a server on sockets can do. Requests must have no body.

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { events_max = 256, descriptors_max = 4096, input_bytes = 65536, answers_per_write = 64 };

// How much of "\r\n\r\n" a connection's input so far ends with: a head may come in pieces.
static unsigned char matched[descriptors_max];
static char input[input_bytes];
static char *answers;
static size_t answer_bytes;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int listen_on(int port) {
  int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1024)) fail("listen");
  return listener;
}

// The answer, `answers_per_write` times over, so that a pipeline goes out in one write.
static void prepare(size_t bytes) {
  char head[128];
  int length = 0, body = bytes;
  // The length's own digits belong to the size: twice round settles them.
  for (int round = 0; round < 3; round++) {
    length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", body);
    body = (int)bytes > length ? (int)bytes - length : 0;
  }
  answer_bytes = length + body;
  answers = malloc(answer_bytes * answers_per_write);
  if (!answers) fail("malloc");
  for (int i = 0; i < answers_per_write; i++) {
    memcpy(answers + i * answer_bytes, head, length);
    memset(answers + i * answer_bytes + length, 'x', body);
  }
}

static int heads_in(int descriptor, ssize_t count) {
  static const char end[] = "\r\n\r\n";
  unsigned char at = matched[descriptor];
  int heads = 0;
  for (ssize_t i = 0; i < count; i++) {
    at = input[i] == end[at] ? at + 1 : input[i] == '\r';
    if (at == 4) heads++, at = 0;
  }
  matched[descriptor] = at;
  return heads;
}

// Sends all of it, waiting if the peer reads slowly: a load generator does not.
static int send_all(int descriptor, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t sent = write(descriptor, bytes, count);
    if (sent < 0 && errno == EAGAIN) continue;
    if (sent <= 0) return -1;
    bytes += sent, count -= sent;
  }
  return 0;
}

static void serve(int descriptor) {
  ssize_t count = read(descriptor, input, sizeof input);
  if (count < 0 && errno == EAGAIN) return;
  int heads = count > 0 ? heads_in(descriptor, count) : 0, broken = count <= 0;
  while (heads > 0 && !broken) {
    int now = heads < answers_per_write ? heads : answers_per_write;
    broken = send_all(descriptor, answers, now * answer_bytes);
    heads -= now;
  }
  if (broken) close(descriptor);
}

int main(int count, char **words) {
  if (count != 3) return fprintf(stderr, "usage: floor PORT ANSWER_BYTES\n"), 64;
  int listener = listen_on(atoi(words[1])), epoll = epoll_create1(0), yes = 1;
  prepare(strtoul(words[2], NULL, 10));
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[events_max];
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event)) fail("epoll");
  for (;;) {
    int ready = epoll_wait(epoll, events, events_max, -1);
    for (int i = 0; i < ready; i++) {
      if (events[i].data.fd != listener) {
        serve(events[i].data.fd);
        continue;
      }
      int accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
      if (accepted < 0) continue;
      if (accepted >= descriptors_max) {
        close(accepted);
        continue;
      }
      matched[accepted] = 0;
      setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
      event.data.fd = accepted;
      epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &event);
    }
  }
}
