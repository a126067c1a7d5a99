/* GET /d/{token}: a personal donation link leads to the page of its campaign. Anybody may ask here, so the token's tag is looked at
 * before anything else, and whatever is no link of ours gets one and the same answer, whether it was cut short, guessed or unknown.
 *
 * Messengers and filters open links, too, so opening one changes nothing but a count. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/metrics.h"
#include "event/link.h"
#include "ingress/http_handlers.h"
#include "ingress/link_visitor.h"
#include "ingress/links.h"
#include "service/texts.h"

enum { ID_BYTES = 16 };

/* A link on its way to its page. */
typedef struct Opening {
    Slice ref;
    Visit visit;
} Opening;

/* ---- answers ---- */

#define PAGE(title, text) \
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">" \
    "<title>" title "</title></head><body><h1>" title "</h1><p>" text "</p></body></html>\n"

/* Neither the page that a link leads to nor a search engine learns of the link (Referrer Policy, W3C). Nothing is kept: the server
 * adds Cache-Control: no-store to every answer. */
static void answer_person(Call *call, unsigned code, Slice page)
{
    answer_text(call, code, slice_empty(page) ? NULL : "text/html; charset=utf-8", page);
    http_add_header(call->request, "Referrer-Policy", "no-referrer");
    http_add_header(call->request, "X-Robots-Tag", "noindex, nofollow");
}

static void answer_unknown(Call *call)
{
    metric_add(METRIC_LINK_UNKNOWN, 1);
    answer_person(call, 404, SLICE(PAGE("Link not found", "This link is not known here. Please open it as it is in the message.")));
}

static void answer_later(Call *call, unsigned code, int64_t seconds)
{
    answer_person(call, code, SLICE(PAGE("Please try again", "Too many are asking at this moment. Please open the link again in a minute.")));
    http_add_header(call->request, "Retry-After", arena_printf(call->arena, "%lld", (long long)seconds).at);
}

static void answer_page(Call *call, Slice url)
{
    answer_person(call, 302, (Slice){0});
    http_add_header(call->request, "Location", url.at);
}

/* ---- on the thread that looks links up ---- */

static void count_click(const Links *links, const Opening *opening)
{
    static const Metric metrics[CLICK_KINDS] = {[CLICK_HUMAN] = METRIC_LINK_HUMAN, [CLICK_PREVIEW] = METRIC_LINK_PREVIEW,
                                                [CLICK_SCANNER] = METRIC_LINK_SCANNER};
    ClickKind kind = visit_kind(&opening->visit);
    metric_add(metrics[kind], 1);
    click_queue_add(links->settings.clicks, opening->ref, kind, opening->visit.at_ms);
}

/* effect: the first text with this link. */
static void lead_on(Call *call, Opening *opening, const Effect *effect)
{
    const Links *links = call->api->links;
    Slice url = donation_page_url(links->settings.pages, effect->campaign_id, opening->ref, call->arena);
    if (slice_empty(url)) {
        answer_unknown(call);
        return;
    }
    opening->visit.sent_ms = text_sent_ms(effect);
    count_click(links, opening);
    answer_page(call, url);
}

/* Where all links lead to one page, nobody has to wait for a ledger that is away. */
static void lead_on_unseen(Call *call, Opening *opening)
{
    const DonationPages *pages = call->api->links->settings.pages;
    if (donation_pages_are_one(pages))
        lead_on(call, opening, &(Effect){0});
    else
        answer_later(call, 503, 5);
}

static void look_up(ReaderJob *job, const Ports *ports)
{
    Call *call = (Call *)(void *)((char *)job - offsetof(Call, job));
    Opening *opening = call->context;
    Effect effect;
    bool is_found = false;
    Fault fault;
    if (ports->effects.find(ports->effects.self, &opening->ref, 1, call->arena, &effect, &is_found, &fault))
        lead_on_unseen(call, opening);
    else if (is_found)
        lead_on(call, opening, &effect);
    else
        answer_unknown(call);
    http_resume(call->request);
}

/* ---- on the server's thread ---- */

static Slice token_of(Call *call)
{
    Slice sent = call->parts[0], token = {0};
    if (!sent.at)
        return http_query(call->request, "ref");
    char *decoded = arena_alloc(call->arena, sent.bytes + 1);
    token.at = decoded;
    return http_percent_decode(sent, false, decoded, &token.bytes) ? token : (Slice){0};
}

static bool has_room(Call *call, RateClass class)
{
    const Links *links = call->api->links;
    char address[HTTP_ADDRESS_BYTES];
    link_visitor_address(call->request, links->settings.trusted_proxies, address);
    int64_t wait_s = rate_limit_take(links->limit, class, address, clock_elapsed_ms());
    if (!wait_s)
        return true;
    metric_add(METRIC_LINK_LIMITED, 1);
    answer_later(call, 429, wait_s);
    return false;
}

static void open_link(Call *call, const uint8_t id[ID_BYTES])
{
    Opening *opening = ARENA_NEW(call->arena, Opening);
    opening->ref = digest_hex(call->arena, id, ID_BYTES);
    opening->visit = link_visit(call->request, clock_wall_ms());
    call->context = opening;
    call->job.run = look_up;
    http_defer(call->request);
    if (readers_do(call->api->links->settings.lookups, &call->job))
        return;
    answer_later(call, 503, 1);
    http_resume(call->request);
}

void link_open(Call *call, const Ports *ports)
{
    (void)ports;
    const Links *links = call->api->links;
    if (!links) {
        answer_problem(call, 404, "links_off", "no links are opened here unless PLEDGELINE_DONATION_PAGE or PLEDGELINE_DONATION_PAGES is set");
        return;
    }
    uint8_t id[ID_BYTES];
    bool is_ours = link_verify(token_of(call), links->settings.secret, id);
    if (!has_room(call, is_ours ? RATE_PROVEN : RATE_GUESS))
        return;
    if (is_ours)
        open_link(call, id);
    else
        answer_unknown(call);
}

/* ---- life ---- */

Links *links_new(const LinkSettings *settings)
{
    Links *links = calloc(1, sizeof *links);
    if (!links)
        abort();
    *links = (Links){.settings = *settings, .limit = rate_limit_new(settings->rate, settings->rate_all)};
    return links;
}

void links_free(Links *links)
{
    if (!links)
        return;
    rate_limit_free(links->limit);
    free(links);
}
