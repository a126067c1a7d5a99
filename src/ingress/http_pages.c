/* Pages are jobs of the readers, each behind those that wait already, so that a long answer keeps no other one waiting. */
#include "ingress/http_pages.h"

/* All long answers share one room; there is some for each, however many they are. */
enum { ROOM_BYTES = 32 * 1024 * 1024, PAGE_BYTES_LEAST = 16 * 1024, PAGE_BYTES_MOST = 256 * 1024 };

typedef struct Pages {
    ReaderJob job;
    Api *api;
    HttpRequest *request;
    PrintPage *print;
    void *context;
} Pages;

static size_t page_bytes(Api *api)
{
    size_t share = ROOM_BYTES / (size_t)atomic_load(&api->long_answers);
    if (share < PAGE_BYTES_LEAST)
        return PAGE_BYTES_LEAST;
    return share < PAGE_BYTES_MOST ? share : PAGE_BYTES_MOST;
}

static void finish(Pages *pages, bool whole)
{
    HttpRequest *request = pages->request; /* the pages live in its arena */
    pages->api->long_answers--;
    if (whole)
        http_stream_end(request);
    else
        http_stream_cut(request);
    http_release(request);
}

static void queue_page(void *context)
{
    Pages *pages = context;
    if (!readers_do(pages->api->readers, &pages->job))
        finish(pages, false);
}

static PageEnd print_page(Pages *pages, const Ports *ports)
{
    Arena arena;
    arena_init(&arena);
    Text page = text_in(&arena);
    PageEnd end = pages->print(pages->context, ports, page_bytes(pages->api), &page);
    bool takes = http_stream_push(pages->request, text_slice(&page));
    arena_done(&arena);
    return takes ? end : PAGE_FAILED;
}

static void next_page(ReaderJob *job, const Ports *ports)
{
    Pages *pages = (Pages *)(void *)job;
    bool is_there = http_stream_push(pages->request, (Slice){0});
    PageEnd end = is_there ? print_page(pages, ports) : PAGE_FAILED;
    if (end != PAGE_MORE)
        finish(pages, end == PAGE_LAST);
    else if (!http_stream_park(pages->request, queue_page, pages))
        queue_page(pages);
}

void answer_pages(Call *call, const char *content_type, Slice head, PrintPage *print, void *context)
{
    Api *api = call->api;
    Pages *pages = ARENA_NEW(call->arena, Pages);
    *pages = (Pages){.job = {.run = next_page}, .api = api, .request = call->request, .print = print, .context = context};
    api->long_answers++;
    http_hold(call->request);
    call->request->reply.streams = true;
    answer_text(call, 200, content_type, (Slice){0});
    http_stream_push(call->request, head);
    if (readers_do(api->readers, &pages->job))
        return;
    api->long_answers--;
    call->request->reply.streams = false;
    answer_problem(call, 503, "overloaded", "too many reports wait already; try again later");
    http_release(call->request);
}
