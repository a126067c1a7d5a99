/* One thread, one connection at a time, which is what a store has. */
#include "cut_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct CutProxy {
    int listener, stop[2], cut;
    atomic_bool armed;
    char host[64], port[16], user[64], database[64];
    struct sockaddr_in own;
    pthread_t thread;
};

static void keep(char *to, size_t bytes, const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword; options++) {
        if (strcmp(options->keyword, keyword) == 0 && options->val)
            snprintf(to, bytes, "%s", options->val);
    }
}

static int connect_to_server(const CutProxy *proxy)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(proxy->port))};
    inet_pton(AF_INET, proxy->host, &address.sin_addr);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(server, (struct sockaddr *)&address, sizeof address) != 0)
        perror("cut_proxy");
    return server;
}

/* Copies what there is; false at the end of it. */
static bool copy(int from, int to, bool *ret_commit)
{
    static const char commit[] = "\0commit"; /* Bind: a portal without a name, the statement of that name */
    char bytes[65536];
    ssize_t count = recv(from, bytes, sizeof bytes, 0);
    if (count <= 0)
        return false;
    *ret_commit = memmem(bytes, (size_t)count, commit, sizeof commit) != NULL;
    return send(to, bytes, (size_t)count, MSG_NOSIGNAL) == count;
}

/* Until one of them, or the test, ends it. */
static void carry(CutProxy *proxy, int client, int server)
{
    struct pollfd ends[] = {{.fd = client, .events = POLLIN}, {.fd = server, .events = POLLIN}, {.fd = proxy->stop[0], .events = POLLIN}};
    bool committing = false, is_commit;
    while (poll(ends, 3, -1) > 0 && !ends[2].revents) {
        if (ends[0].revents) {
            if (!copy(client, server, &is_commit))
                return;
            committing = is_commit && proxy->armed;
        }
        if (!ends[1].revents)
            continue;
        if (committing) {
            char answer[65536];
            proxy->armed = false;
            proxy->cut += recv(server, answer, sizeof answer, 0) > 0;
            return;
        }
        if (!copy(server, client, &is_commit))
            return;
    }
}

static void *run(void *context)
{
    CutProxy *proxy = context;
    struct pollfd ends[] = {{.fd = proxy->listener, .events = POLLIN}, {.fd = proxy->stop[0], .events = POLLIN}};
    while (poll(ends, 2, -1) > 0 && !ends[1].revents) {
        int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC), server = connect_to_server(proxy);
        carry(proxy, client, server);
        close(client);
        close(server);
    }
    return NULL;
}

CutProxy *cut_proxy_start(const char *server_url)
{
    CutProxy *proxy = calloc(1, sizeof *proxy);
    PQconninfoOption *options = PQconninfoParse(server_url, NULL);
    socklen_t bytes = sizeof proxy->own;
    keep(proxy->host, sizeof proxy->host, options, "host");
    keep(proxy->port, sizeof proxy->port, options, "port");
    keep(proxy->user, sizeof proxy->user, options, "user");
    keep(proxy->database, sizeof proxy->database, options, "dbname");
    PQconninfoFree(options);
    proxy->own = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool fits = pipe2(proxy->stop, O_CLOEXEC) == 0 && bind(proxy->listener, (struct sockaddr *)&proxy->own, bytes) == 0 &&
                listen(proxy->listener, 8) == 0 && getsockname(proxy->listener, (struct sockaddr *)&proxy->own, &bytes) == 0;
    if (!fits || pthread_create(&proxy->thread, NULL, run, proxy) != 0)
        abort();
    return proxy;
}

void cut_proxy_url(const CutProxy *proxy, const char *schema, char *url, size_t bytes)
{
    snprintf(url, bytes, "postgresql://%s@127.0.0.1:%d/%s?sslmode=disable&options=-csearch_path%%3D%s", proxy->user, ntohs(proxy->own.sin_port),
             proxy->database, schema);
}

void cut_proxy_cut_next_commit(CutProxy *proxy) { proxy->armed = true; }

int cut_proxy_stop(CutProxy *proxy)
{
    int cut;
    if (write(proxy->stop[1], "", 1) != 1)
        abort();
    pthread_join(proxy->thread, NULL);
    close(proxy->listener);
    close(proxy->stop[0]);
    close(proxy->stop[1]);
    cut = proxy->cut;
    free(proxy);
    return cut;
}
