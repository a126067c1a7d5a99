/* The registry over HTTP under contract: before each test a second process of the program, on a folder of its own. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/http_registry.h"
#include "adapters.h"

typedef struct HttpStore {
    HttpRegistry *registry;
    Breaker breaker;
    pid_t pid;
    char url[64];
} HttpStore;

/* A little after noon, so that what the tests tell of has happened. */
static void write_clock(const char *path)
{
    FILE *clock = fopen(path, "w");
    if (!clock || fprintf(clock, "%lld", (long long)NOON_MS + 2000) < 0 || fclose(clock))
        fail_msg("%s cannot be written", path);
}

static void become_server(const char *folder, int log)
{
    char path[128];
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(log, STDERR_FILENO);
    snprintf(path, sizeof path, "%s/clock", folder);
    setenv("PLEDGELINE_TEST_CLOCK_FILE", path, 1);
    snprintf(path, sizeof path, "%s/database", folder);
    setenv("PLEDGELINE_DATA", path, 1);
    setenv("PORT", "0", 1);
    execl(getenv("TEST_PLEDGELINE"), "pledgeline", "serve", NULL);
    _exit(127);
}

/* It says where it listens, on a line of its log. */
static void read_address(HttpStore *mine, int log)
{
    char line[1024];
    FILE *lines = fdopen(log, "r");
    while (lines && fgets(line, sizeof line, lines)) {
        const char *address = strstr(line, "http://127.0.0.1:");
        int port;
        if (!strstr(line, "\"listening\"") || !address || sscanf(address, "http://127.0.0.1:%d", &port) != 1)
            continue;
        snprintf(mine->url, sizeof mine->url, "http://127.0.0.1:%d/v1", port);
        return; /* the pipe stays open: it logs on */
    }
    fail_msg("the program does not start as a server");
}

static void start_server(HttpStore *mine, const char *folder)
{
    char path[128];
    int log[2];
    snprintf(path, sizeof path, "%s/clock", folder);
    write_clock(path);
    if (pipe(log))
        fail_msg("no pipe");
    mine->pid = fork();
    if (!mine->pid)
        become_server(folder, log[1]);
    close(log[1]);
    read_address(mine, log[0]);
}

static void open_http(Contract *contract)
{
    HttpStore *mine = calloc(1, sizeof *mine);
    start_server(mine, contract->folder);
    breaker_init(&mine->breaker, "database_api");
    HttpRegistrySettings settings = {.url = mine->url, .token = "", .deadline_ms = 30000, .breaker = &mine->breaker};
    must(contract, http_registry_open(&settings, &mine->registry, &contract->fault));
    contract->stores = mine;
    contract->audit_is_elsewhere = true;
    contract->ports = (Ports){.unit = contract_no_unit, .registry = http_registry(mine->registry)};
}

static void close_http(Contract *contract)
{
    HttpStore *mine = contract->stores;
    int status = -1;
    http_registry_close(mine->registry);
    breaker_done(&mine->breaker);
    kill(mine->pid, SIGTERM);
    waitpid(mine->pid, &status, 0);
    free(mine);
    if (status)
        print_error("the second process ended with %d\n", status);
}

const ContractAdapter contract_http = {"http", open_http, close_http, "TEST_PLEDGELINE"};
