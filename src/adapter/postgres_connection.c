/* Reads the URL, and connects without blocking beyond the deadline. Whoever names a server across a network gets TLS with the
 * certificate and the name checked, unless the URL asks for less. */
#include "adapter/postgres_store.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

enum { DEADLINE_DEFAULT_MS = 5000, SCHEMA_NAME_MAX = 63 };

/* libpq before 16 does not look where the system keeps its certificate authorities. */
static const char *const authorities[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};

/* ---- the URL ---- */

static const char *url_value(const Postgres *store, const char *keyword)
{
    const PQconninfoOption *option = store->url;
    while (option->keyword && strcmp(option->keyword, keyword) != 0)
        option++;
    return option->keyword && option->val && *option->val ? option->val : NULL;
}

static bool is_this_machine(Slice host)
{
    return slice_empty(host) || *host.at == '/' || *host.at == '@' || slice_equal(host, SLICE("localhost")) ||
           slice_starts_with(host, SLICE("127.")) || slice_equal(host, SLICE("::1"));
}

/* All of the hosts that the URL names, by commas. The name counts: behind a loopback address may be a tunnel. */
static bool stays_on_this_machine(const Postgres *store)
{
    const char *hosts = url_value(store, "host");
    hosts = hosts ? hosts : url_value(store, "hostaddr");
    hosts = hosts ? hosts : getenv("PGHOST");
    if (!hosts)
        return !url_value(store, "service");
    size_t bytes;
    while (is_this_machine((Slice){hosts, bytes = strcspn(hosts, ",")})) {
        if (!hosts[bytes])
            return true;
        hosts += bytes + 1;
    }
    return false;
}

/* NULL also where the URL asks for less than a look at the certificate: with a file, libpq would look. */
static const char *authority_file(Postgres *store)
{
    const char *home = getenv("HOME"), *mode = url_value(store, "sslmode");
    if (mode && strncmp(mode, "verify-", 7) != 0)
        return NULL;
    Slice own = arena_printf(&store->arena, "%s/.postgresql/root.crt", home ? home : "");
    if (getenv("PGSSLROOTCERT") || access(own.at, R_OK) == 0)
        return NULL;
    for (size_t i = 0; i < sizeof authorities / sizeof *authorities; i++) {
        if (access(authorities[i], R_OK) == 0)
            return authorities[i];
    }
    return NULL;
}

/* What the URL leaves open. A value of NULL leaves it to libpq. */
static void fill_parameters(Postgres *store)
{
    bool is_away = !stays_on_this_machine(store);
    const char *const defaults[][2] = {
        {"sslmode", is_away ? "verify-full" : NULL},
        {"sslrootcert", is_away ? authority_file(store) : NULL},
        {"target_session_attrs", "read-write"},
        {"tcp_user_timeout", arena_printf(&store->arena, "%lld", (long long)store->deadline_ms).at},
        {"fallback_application_name", "pledgeline"},
        {"client_encoding", "UTF8"},
    };
    enum { DEFAULTS = sizeof defaults / sizeof *defaults };
    size_t count = DEFAULTS, filled = 0;
    for (const PQconninfoOption *option = store->url; option->keyword; option++)
        count++;
    const char **keywords = ARENA_ARRAY(&store->arena, const char *, count + 1);
    const char **values = ARENA_ARRAY(&store->arena, const char *, count + 1);
    for (size_t i = 0; i < DEFAULTS; i++) {
        keywords[filled] = defaults[i][0];
        values[filled++] = defaults[i][1];
    }
    for (const PQconninfoOption *option = store->url; option->keyword; option++) {
        if (!option->val || !*option->val || strcmp(option->keyword, "client_encoding") == 0)
            continue;
        keywords[filled] = option->keyword; /* of two, libpq takes the last */
        values[filled++] = option->val;
    }
    store->keywords = keywords;
    store->values = values;
}

/* Its name is the one thing that becomes part of a statement's text, so it must be a plain one. */
static Status find_schema(Postgres *store, Fault *fault)
{
    static const char path[] = "search_path=", plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    const char *options = url_value(store, "options"), *found = options ? strstr(options, path) : NULL;
    store->schema = "pledgeline";
    if (!found)
        return STATUS_OK;
    found += sizeof path - 1;
    size_t bytes = strspn(found, plain);
    if (bytes == 0 || bytes > SCHEMA_NAME_MAX || (found[bytes] && !strchr(", ", found[bytes])))
        return fault_set(fault, STATUS_FATAL, "database_url_invalid",
                         "the first schema on the search_path of DATABASE_URL must be of the letters a to z, digits and _");
    store->schema = arena_copy(&store->arena, (Slice){found, bytes}).at;
    return STATUS_OK;
}

/* libpq's own words may quote the URL, and so the password. */
static Status read_url(Postgres *store, const char *url, Fault *fault)
{
    char *complaint = NULL;
    store->url = url && *url ? PQconninfoParse(url, &complaint) : NULL;
    PQfreemem(complaint);
    if (!store->url)
        return fault_set(fault, STATUS_FATAL, "database_url_invalid",
                         "DATABASE_URL is no PostgreSQL URL: write postgresql://user:password@host:5432/database, with %%40 for @ in a password");
    Status status = find_schema(store, fault);
    if (!status)
        fill_parameters(store);
    return status;
}

Status postgres_open(const PostgresSettings *settings, Postgres **ret, Fault *fault)
{
    Postgres *store = calloc(1, sizeof *store);
    if (!store)
        abort();
    arena_init(&store->arena);
    arena_init(&store->scratch);
    store->breaker = settings->breaker;
    store->deadline_ms = settings->deadline_ms > 0 ? settings->deadline_ms : DEADLINE_DEFAULT_MS;
    Status status = read_url(store, settings->url, fault);
    if (status)
        postgres_close(store);
    else
        *ret = store;
    return status;
}

void postgres_close(Postgres *store)
{
    if (!store)
        return;
    postgres_disconnect(store);
    PQconninfoFree(store->url);
    arena_done(&store->scratch);
    arena_done(&store->arena);
    free(store);
}

/* ---- the connection ---- */

Status postgres_wait(Postgres *store, short events, Fault *fault)
{
    struct pollfd socket = {.fd = PQsocket(store->connection), .events = events};
    for (;;) {
        int64_t left_ms = store->deadline_at_ms - clock_elapsed_ms();
        int ready = poll(&socket, 1, left_ms > 0 ? (int)left_ms : 0);
        if (ready > 0)
            return STATUS_OK;
        if (ready == 0)
            break;
        if (errno != EINTR)
            return postgres_fault(store, NULL, fault);
    }
    store->again = POSTGRES_ENDS;
    store->health = POSTGRES_AWAY;
    return fault_set(fault, STATUS_RETRY, "database_slow", "PostgreSQL did not answer within %lld ms", (long long)store->deadline_ms);
}

static Status shake_hands(Postgres *store, Fault *fault)
{
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
        Status status = postgres_wait(store, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, fault);
        if (status)
            return status;
        next = PQconnectPoll(store->connection);
    }
    return next == PGRES_POLLING_OK ? STATUS_OK : postgres_fault(store, NULL, fault);
}

/* Left alone, libpq prints what the server remarks. */
static void ignore_notice(void *context, const PGresult *notice) { (void)context, (void)notice; }

Status postgres_connect(Postgres *store, Fault *fault)
{
    store->connection = PQconnectStartParams(store->keywords, store->values, 0);
    if (!store->connection)
        abort();
    if (PQstatus(store->connection) == CONNECTION_BAD)
        return postgres_fault(store, NULL, fault);
    Status status = shake_hands(store, fault);
    if (status)
        return status;
    PQsetNoticeReceiver(store->connection, ignore_notice, NULL);
    if (PQsetnonblocking(store->connection, 1) != 0 || !PQenterPipelineMode(store->connection))
        return postgres_fault(store, NULL, fault);
    return postgres_prepare_session(store, fault);
}

void postgres_disconnect(Postgres *store)
{
    for (size_t i = 0; i < store->answered_count; i++)
        PQclear(store->answers[i]);
    store->answered_count = store->asked_count = store->prepared_count = 0;
    store->ask_failed = false;
    PQfinish(store->connection);
    store->connection = NULL;
}
