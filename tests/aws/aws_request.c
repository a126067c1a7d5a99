/* Requests to AWS as our code makes them, for tests that look at them from outside. Keys come as for the program; a body on stdin.
 *
 *   aws_request sign METHOD URL SERVICE REGION CONTENT_TYPE|- [HEADER]…   one signed request
 *   aws_request call SERVICE URL TARGET|- DEADLINE_MS again|never COUNT    aws_call, COUNT times; prints what came of each
 *   aws_request host SERVICE REGION plain|fips                             where a service is */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/aws.h"
#include "net/aws_credentials.h"

enum { WAIT_MS = 20000, HEADERS_MAX = 16 };

static Slice read_body(Arena *arena)
{
    Text text = text_in(arena);
    for (size_t bytes = 1; bytes > 0; text.bytes += bytes)
        bytes = fread(text_grow(&text, 65536), 1, 65536, stdin);
    return text_slice(&text);
}

static const char *unless_dash(const char *word) { return strcmp(word, "-") ? word : NULL; }

static int show(Status status, const AwsAnswer *answer, const Fault *fault)
{
    printf("%s %ld error=%.*s fault=%s maybe_taken=%d\n", status_name(status), answer->code, SLICE_ARG(answer->error),
           status ? fault->code : "", answer->maybe_taken);
    if (status)
        fprintf(stderr, "%s\n", fault->text);
    return (int)status;
}

static int sign_one(char **words, int count, Arena *arena)
{
    const char *headers[HEADERS_MAX + 1] = {NULL};
    for (int i = 5; i < count && i - 5 < HEADERS_MAX; i++)
        headers[i - 5] = words[i];
    HttpRequest request = {.method = words[0], .url = words[1], .content_type = unless_dash(words[4]), .headers = headers,
                           .body = read_body(arena), .timeout_ms = WAIT_MS};
    AwsCredentials *credentials = aws_credentials_new();
    HttpClient *client = http_client_new(NULL);
    AwsSigning signing = {.service = words[2], .region = words[3], .now_ms = clock_wall_ms()};
    HttpAnswer got = {0};
    Fault fault;
    Status status = aws_credentials_get(credentials, clock_elapsed_ms() + WAIT_MS, &signing.keys, &fault);
    status = status ? status : aws_sign(&signing, &request, arena, &fault);
    status = status ? status : http_client_ask(client, &request, arena, &got, &fault);
    AwsAnswer answer = {.code = got.code};
    http_client_free(client);
    aws_credentials_free(credentials);
    return show(status, &answer, &fault);
}

static int call(char **words, Arena *arena)
{
    AwsSettings settings = {.region = "us-east-1", .endpoint_url = words[1], .ca_bundle = "", .never_twice = !strcmp(words[4], "never")};
    AwsClient *client = aws_client_new(words[0], &settings);
    Slice body = read_body(arena);
    int code = 0;
    for (int left = atoi(words[5]); left > 0; left--) {
        AwsAnswer answer;
        Fault fault;
        Status status = aws_call(client, unless_dash(words[2]), body, (AwsDeadline){.elapsed_ms = clock_elapsed_ms() + atoi(words[3])}, arena, &answer, &fault);
        code = show(status, &answer, &fault);
    }
    aws_client_free(client);
    return code;
}

int main(int argc, char **argv)
{
    Arena arena;
    arena_init(&arena);
    int code = 64;
    if (argc >= 7 && !strcmp(argv[1], "sign"))
        code = sign_one(argv + 2, argc - 2, &arena);
    else if (argc == 8 && !strcmp(argv[1], "call"))
        code = call(argv + 2, &arena);
    else if (argc == 5 && !strcmp(argv[1], "host"))
        code = printf("%s\n", aws_host(argv[2], slice_of(argv[3]), !strcmp(argv[4], "fips"), &arena).at) < 0;
    arena_done(&arena);
    return code;
}
