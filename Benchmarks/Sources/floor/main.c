// Passes lines on between pairs of connections, and nothing else: what forwarding costs where there is no XML, no
// address and no account. A server cannot do with less.
//
//   floor [--each] [--drop N | --double N | --swap N]
//
// It listens on a free port of 127.0.0.1, which it prints. The first line of a connection is "PAIR number"; the two
// with the same number are a pair. Lines that came with one read go out with one write, or with a write each.
// --drop, --double and --swap spoil every Nth line, to show that the generator notices.

#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAXIMUM_PAIR = 1 << 16, READ_SIZE = 1 << 18, EVENTS = 512 };

struct bytes {
    char *start;
    size_t count, capacity;
};

struct connection {
    int descriptor;
    bool is_paired, waits_for_room;
    struct connection *peer;
    struct bytes unfinished;  // a line whose end has not come
    struct bytes unwritten;
};

enum fault { NONE, DROP, DOUBLE, SWAP };

static bool writes_each;
static enum fault fault;
static long every, passed;
static int poll_descriptor;
static struct connection *waiting[MAXIMUM_PAIR];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void append(struct bytes *bytes, const char *more, size_t count) {
    if (bytes->count + count > bytes->capacity) {
        bytes->capacity = 2 * (bytes->count + count);
        bytes->start = realloc(bytes->start, bytes->capacity);
        if (!bytes->start) fail("realloc");
    }
    memcpy(bytes->start + bytes->count, more, count);
    bytes->count += count;
}

static void drop_first(struct bytes *bytes, size_t count) {
    memmove(bytes->start, bytes->start + count, bytes->count - count);
    bytes->count -= count;
}

static void watch(struct connection *connection, int operation, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(poll_descriptor, operation, connection->descriptor, &event) < 0) fail("epoll_ctl");
}

static void send_to(struct connection *connection, const char *bytes, size_t count) {
    if (!connection) return;
    if (connection->unwritten.count == 0) {
        ssize_t written = send(connection->descriptor, bytes, count, MSG_NOSIGNAL);
        if (written < 0 && errno != EAGAIN) return;
        if (written > 0) bytes += written, count -= (size_t)written;
    }
    if (count == 0) return;
    append(&connection->unwritten, bytes, count);
    if (!connection->waits_for_room) watch(connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    connection->waits_for_room = true;
}

static void room(struct connection *connection) {
    ssize_t written = send(connection->descriptor, connection->unwritten.start, connection->unwritten.count, MSG_NOSIGNAL);
    if (written > 0) drop_first(&connection->unwritten, (size_t)written);
    if (connection->unwritten.count > 0) return;
    connection->waits_for_room = false;
    watch(connection, EPOLL_CTL_MOD, EPOLLIN);
}

static void pair(struct connection *connection, const char *line) {
    long number = strncmp(line, "PAIR ", 5) == 0 ? strtol(line + 5, NULL, 10) : -1;
    connection->is_paired = true;
    if (number < 0 || number >= MAXIMUM_PAIR) return;
    struct connection *other = waiting[number];
    waiting[number] = other ? NULL : connection;
    if (!other) return;
    connection->peer = other;
    other->peer = connection;
}

// One line by itself, spoiled if it is its turn. Returns whether the line behind it was used up as well.
static bool pass_one(struct connection *to, const char *line, size_t count, const char *next, size_t next_count) {
    bool spoil = fault != NONE && (passed + 1) % every == 0 && !(fault == SWAP && next_count == 0);
    if (!(fault == SWAP && !spoil && (passed + 1) % every == 0)) passed++;
    if (!spoil) {
        send_to(to, line, count);
        return false;
    }
    if (fault == DROP) return false;
    send_to(to, fault == SWAP ? next : line, fault == SWAP ? next_count : count);
    send_to(to, line, count);
    return fault == SWAP;
}

static void pass(struct connection *connection, const char *bytes, size_t count) {
    const char *end = bytes + count, *line = bytes;
    const char *last = memrchr(bytes, '\n', count);
    const char *complete = last ? last + 1 : bytes;
    if (!connection->is_paired && line < complete) {
        const char *newline = memchr(line, '\n', (size_t)(complete - line));
        pair(connection, line);
        line = newline + 1;
    }
    if (!writes_each && line < complete) {
        send_to(connection->peer, line, (size_t)(complete - line));
        line = complete;
    }
    while (line < complete) {
        const char *next = (const char *)memchr(line, '\n', (size_t)(complete - line)) + 1;
        const char *after = next < complete ? (const char *)memchr(next, '\n', (size_t)(complete - next)) + 1 : next;
        bool both = pass_one(connection->peer, line, (size_t)(next - line), next, (size_t)(after - next));
        line = both ? after : next;
    }
    append(&connection->unfinished, complete, (size_t)(end - complete));
}

static void gone(struct connection *connection) {
    if (connection->peer) connection->peer->peer = NULL;
    for (int number = 0; number < MAXIMUM_PAIR; number++)
        if (waiting[number] == connection) waiting[number] = NULL;
    close(connection->descriptor);
    free(connection->unfinished.start);
    free(connection->unwritten.start);
    free(connection);
}

static void readable(struct connection *connection) {
    static char buffer[READ_SIZE];
    ssize_t count = recv(connection->descriptor, buffer, sizeof buffer, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
        gone(connection);
    } else if (connection->unfinished.count == 0) {
        pass(connection, buffer, (size_t)count);
    } else {
        struct bytes whole = connection->unfinished;
        connection->unfinished = (struct bytes){0};
        append(&whole, buffer, (size_t)count);
        pass(connection, whole.start, whole.count);
        free(whole.start);
    }
}

static void accept_all(int listener) {
    int descriptor, on = 1;
    while ((descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *connection = calloc(1, sizeof *connection);
        if (!connection) fail("calloc");
        connection->descriptor = descriptor;
        watch(connection, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static int listen_somewhere(void) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 4096) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        fail("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static void usage(void) {
    fputs("usage: floor [--each] [--drop N | --double N | --swap N]\n", stderr);
    exit(2);
}

int main(int count, char **arguments) {
    for (int index = 1; index < count; index++) {
        const char *option = arguments[index];
        writes_each = true;
        if (strcmp(option, "--each") == 0) continue;
        fault = strcmp(option, "--drop") == 0     ? DROP
                : strcmp(option, "--double") == 0 ? DOUBLE
                : strcmp(option, "--swap") == 0   ? SWAP
                                                  : NONE;
        if (fault == NONE || ++index == count || (every = strtol(arguments[index], NULL, 10)) < 2) usage();
    }
    // It ends with whoever started it.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGPIPE, SIG_IGN);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);

    int listener = listen_somewhere();
    poll_descriptor = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[EVENTS];
    if (poll_descriptor < 0 || epoll_ctl(poll_descriptor, EPOLL_CTL_ADD, listener, &event) < 0) fail("epoll");
    for (;;) {
        int ready = epoll_wait(poll_descriptor, events, EVENTS, -1);
        for (int index = 0; index < ready; index++) {
            struct connection *connection = events[index].data.ptr;
            if (!connection) {
                accept_all(listener);
                continue;
            }
            if (events[index].events & EPOLLOUT) room(connection);
            if (events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) readable(connection);
        }
    }
}
