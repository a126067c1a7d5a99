#include "app/back_end.h"

static Status begin_nothing(void *self, Fault *fault)
{
    (void)self, (void)fault;
    return STATUS_OK;
}

static void undo_nothing(void *self) { (void)self; }

UnitPort back_ends_unit(void)
{
    return (UnitPort){.begin = begin_nothing, .commit = begin_nothing, .rollback = undo_nothing, .probe = begin_nothing};
}

static Breaker *breaker_of(BackEnds *back_ends, const BackEnd *row, const BackEnds *sharing)
{
    size_t i = back_ends->count;
    Breaker *breaker = sharing ? sharing->open[i].breaker : &back_ends->breakers[i];
    if (!sharing)
        breaker_init(breaker, row->name);
    back_ends->open[i].breaker = breaker;
    return breaker;
}

static void list_breakers(BackEnds *back_ends)
{
    size_t listed = 0;
    for (size_t i = 0; i < back_ends->count; i++) {
        const BackEnd *row = back_ends->open[i].row;
        Breaker *const own[] = {back_ends->open[i].breaker, NULL};
        for (Breaker *const *each = row->breakers ? row->breakers(back_ends->open[i].self) : own; *each && listed < BREAKERS_MAX; each++)
            back_ends->in_use[listed++] = *each;
    }
}

Status back_ends_open(BackEnds *back_ends, const BackEnd *const *rows, const Config *config, const BackEnds *sharing, Fault *fault)
{
    *back_ends = (BackEnds){0};
    for (; *rows; rows++) {
        if (!(*rows)->is_set(config))
            continue;
        size_t i = back_ends->count;
        Breaker *breaker = breaker_of(back_ends, *rows, sharing);
        Status status = (*rows)->open(config, breaker, &back_ends->open[i].self, fault);
        back_ends->open[i].row = *rows;
        back_ends->count++;
        if (status)
            return status;
    }
    list_breakers(back_ends);
    return STATUS_OK;
}

void back_ends_close(BackEnds *back_ends)
{
    for (size_t i = 0; i < back_ends->count; i++) {
        if (back_ends->open[i].self)
            back_ends->open[i].row->close(back_ends->open[i].self);
        if (back_ends->open[i].breaker == &back_ends->breakers[i])
            breaker_done(&back_ends->breakers[i]);
    }
    back_ends->count = 0;
}

void back_ends_wire(const BackEnds *back_ends, bool is_reader, Ports *ports)
{
    for (size_t i = 0; i < back_ends->count; i++)
        back_ends->open[i].row->wire(back_ends->open[i].self, is_reader, ports);
}

void back_ends_wire_missing(const BackEnds *back_ends, Ports *ports)
{
    for (size_t i = 0; i < back_ends->count; i++) {
        if (back_ends->open[i].row->wire_missing)
            back_ends->open[i].row->wire_missing(back_ends->open[i].self, ports);
    }
}

Status back_ends_secret(const BackEnds *back_ends, Arena *arena, Slice *ret, Fault *fault)
{
    for (size_t i = 0; i < back_ends->count; i++) {
        const BackEnd *row = back_ends->open[i].row;
        if (row->secret)
            return row->secret(back_ends->open[i].self, arena, ret, fault);
    }
    return fault_set(fault, STATUS_REJECT, "setting_missing", "DONATION_LINK_SECRET is not set, and nothing here keeps a key for links");
}

bool back_ends_hold_data(const BackEnds *back_ends)
{
    for (size_t i = 0; i < back_ends->count; i++) {
        if (back_ends->open[i].row->holds_data)
            return true;
    }
    return false;
}
