/* Lists, page by page: the server holds nothing between two pages, so a slow visitor keeps no lock and no snapshot, may use the
 * ports, and a list of millions takes no memory. */
#include "adapter/postgres_store.h"

typedef struct Page {
    const PostgresList *list;
    const PGresult *before;
    int64_t rows;
    PGresult *answer;
} Page;

static Status fetch(Postgres *store, void *verb, Fault *fault)
{
    Page *page = verb;
    page->list->ask(store, page->list->verb, page->before, page->rows);
    Status status = postgres_exchange(store, fault);
    if (!status)
        page->answer = postgres_take_answer(store, 0);
    return status;
}

static bool show(const PostgresList *list, const PGresult *answer)
{
    for (int row = 0; row < PQntuples(answer); row++) {
        if (!list->show(list->verb, answer, row))
            return false;
    }
    return true;
}

Status postgres_list(Postgres *store, const PostgresList *list, Fault *fault)
{
    PGresult *before = NULL;
    size_t left = list->limit ? list->limit : SIZE_MAX;
    bool goes_on = true;
    Status status = STATUS_OK;
    while (goes_on && left > 0) {
        Page page = {.list = list, .before = before, .rows = left < POSTGRES_PAGE_ROWS ? (int64_t)left : POSTGRES_PAGE_ROWS};
        status = postgres_run(store, fetch, &page, fault);
        PQclear(before);
        before = NULL;
        if (status)
            return status;
        before = page.answer;
        size_t shown = (size_t)PQntuples(before);
        goes_on = show(list, before) && shown == (size_t)page.rows;
        left -= shown;
    }
    PQclear(before);
    return status;
}

Slice postgres_after(const PGresult *before, int column, Slice begin)
{
    return before ? postgres_cell(before, PQntuples(before) - 1, column) : begin;
}
