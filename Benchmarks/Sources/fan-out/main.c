// Writes the same bytes to each of many connections, as presence goes to contacts, and nothing else. Prints what a write
// costs in processor time. A server that tells each contact by itself cannot do with less.
//
//   fan-out [connections] [bytes] [seconds]

#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAXIMUM = 4096, ROUNDS_AT_ONCE = 2 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/// Reads everything, and tells of each round that is complete.
static void receive(const int *descriptors, int connections, long round, int done) {
    int poll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN}, events[256];
    for (int index = 0; index < connections; index++) {
        event.data.fd = descriptors[index];
        if (epoll_ctl(poll, EPOLL_CTL_ADD, descriptors[index], &event) < 0) fail("epoll_ctl");
    }
    static char bytes[1 << 16];
    for (long received = 0;;) {
        int ready = epoll_wait(poll, events, 256, -1);
        for (int index = 0; index < ready; index++) {
            ssize_t count = read(events[index].data.fd, bytes, sizeof bytes);
            if (count <= 0) exit(0);
            received += count;
        }
        for (; received >= round; received -= round) {
            if (write(done, "", 1) != 1) exit(0);
        }
    }
}

static double microseconds(struct timeval time) { return time.tv_sec * 1e6 + time.tv_usec; }

int main(int count, char **arguments) {
    int connections = count > 1 ? atoi(arguments[1]) : 200;
    int size = count > 2 ? atoi(arguments[2]) : 230;
    int seconds = count > 3 ? atoi(arguments[3]) : 3;
    if (connections < 1 || connections > MAXIMUM || size < 1 || size > 65536 || seconds < 1) {
        fprintf(stderr, "fan-out [connections] [bytes] [seconds]\n");
        return 2;
    }
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, MAXIMUM) < 0
        || getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        fail("listen");
    static int ours[MAXIMUM], theirs[MAXIMUM];
    int one = 1, done[2];
    for (int index = 0; index < connections; index++) {
        theirs[index] = socket(AF_INET, SOCK_STREAM, 0);
        if (theirs[index] < 0 || connect(theirs[index], (struct sockaddr *)&address, length) < 0) fail("connect");
        ours[index] = accept(listener, NULL, NULL);
        if (ours[index] < 0) fail("accept");
        setsockopt(ours[index], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    if (pipe(done) < 0) fail("pipe");
    switch (fork()) {
    case -1: fail("fork");
    case 0:
        for (int index = 0; index < connections; index++) close(ours[index]);
        close(done[0]);
        receive(theirs, connections, (long)size * connections, done[1]);
    }
    for (int index = 0; index < connections; index++) close(theirs[index]);
    close(done[1]);

    static char bytes[65536];
    memset(bytes, 'x', sizeof bytes);
    struct timespec begin, now;
    struct rusage before, after;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    getrusage(RUSAGE_SELF, &before);
    long writes = 0;
    int under_way = 0;
    do {
        for (; under_way < ROUNDS_AT_ONCE; under_way++) {
            for (int index = 0; index < connections; index++, writes++) {
                if (write(ours[index], bytes, size) != size) fail("write");
            }
        }
        char byte;
        if (read(done[0], &byte, 1) != 1) fail("read");
        under_way--;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - begin.tv_sec < seconds);
    getrusage(RUSAGE_SELF, &after);
    double user = microseconds(after.ru_utime) - microseconds(before.ru_utime);
    double system = microseconds(after.ru_stime) - microseconds(before.ru_stime);
    printf("%.2f us CPU a write (user %.2f, system %.2f), %ld writes\n", (user + system) / writes, user / writes,
           system / writes, writes);
    return 0;
}
