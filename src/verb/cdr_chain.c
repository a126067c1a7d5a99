#include "verb/cdr_chain.h"

#include <stdio.h>

#include "service/texts.h"
#include "verb/output.h"

static void show_line(const char *name, Slice value)
{
    if (!slice_empty(value))
        printf("%-12s %.*s\n", name, SLICE_ARG(value));
}

/* "sent at …, delivered at …", or what became of it instead. */
static void show_effect(const Effect *effect, Arena *arena)
{
    Text line = text_in(arena);
    text_printf(&line, "%s  at %.*s", effect_state_name(effect->state), SLICE_ARG(cell_time(arena, text_sent_ms(effect))));
    if (effect->receipt == RECEIPT_DELIVERED)
        text_printf(&line, ", delivered at %.*s", SLICE_ARG(cell_time(arena, effect->delivered_ms)));
    else if (effect->receipt)
        text_printf(&line, ", %s", receipt_state_name(effect->receipt));
    if (!slice_empty(effect->reason))
        text_printf(&line, ": %.*s", SLICE_ARG(effect->reason));
    if (!slice_empty(effect->provider))
        text_printf(&line, " (%.*s)", SLICE_ARG(effect_provider(effect)));
    show_line(effect->kind == EFFECT_SPEECH ? "spoken" : "text", text_slice(&line));
}

/* "  (and 2 previews, 1 scanner)"; empty when only people came. */
static Slice others_of(const Chain *chain, Arena *arena)
{
    static const ClickKind others[] = {CLICK_PREVIEW, CLICK_SCANNER};
    Text text = text_in(arena);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const LinkClicks *clicks = &chain->clicks[others[i]];
        if (clicks->count)
            text_printf(&text, "%s%lld %s%s", text.bytes ? ", " : "  (and ", (long long)clicks->count, click_kind_name(others[i]),
                        clicks->count > 1 ? "s" : "");
    }
    if (text.bytes)
        text_add_byte(&text, ')');
    return text_slice(&text);
}

static void show_clicks(const Chain *chain, Arena *arena)
{
    const LinkClicks *human = &chain->clicks[CLICK_HUMAN];
    Slice others = others_of(chain, arena), first = cell_time(arena, human->first_ms), last = cell_time(arena, human->last_ms);
    if (human->count > 1)
        show_line("opened", arena_printf(arena, "%lld times, first at %.*s, last at %.*s%.*s", (long long)human->count, SLICE_ARG(first),
                                         SLICE_ARG(last), SLICE_ARG(others)));
    else if (human->count)
        show_line("opened", arena_printf(arena, "at %.*s%.*s", SLICE_ARG(first), SLICE_ARG(others)));
    else if (!slice_empty(others))
        show_line("opened", arena_printf(arena, "by nobody%.*s", SLICE_ARG(others)));
}

static void show_money(const char *name, int64_t micros, int64_t at_ms, const Gift *gift, Arena *arena)
{
    if (at_ms)
        show_line(name, arena_printf(arena, "%.*s %.*s  at %.*s  (%.*s)", SLICE_ARG(gift_print_amount(micros, arena)), SLICE_ARG(gift->currency),
                                     SLICE_ARG(cell_time(arena, at_ms)), SLICE_ARG(gift->id)));
}

static void show_touch(const char *name, const Touch *touch, Arena *arena)
{
    if (touch->what)
        show_line(name, arena_printf(arena, "%s  at %.*s", touch->what, SLICE_ARG(cell_time(arena, touch->at_ms))));
}

void show_chain(const Chain *chain, Arena *arena)
{
    for (size_t i = 0; i < chain->effect_count; i++)
        show_effect(&chain->effects[i], arena);
    show_clicks(chain, arena);
    for (size_t i = 0; i < chain->gift_count; i++) {
        const Gift *gift = &chain->gifts[i];
        show_money("gift", gift->given_micros, gift->given_ms, gift, arena);
        show_money("given back", gift->refunded_micros, gift->refunded_ms, gift, arena);
    }
    if (!chain->gift_count)
        return;
    show_touch("first touch", &chain->first, arena);
    show_touch("last touch", &chain->last, arena);
}
