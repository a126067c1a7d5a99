/* In the order of certainty: what a request admits, what its name is known for, and what no person is fast enough for. */
#include "event/visitor.h"

/* Nobody has a text, reads it and opens its link within this time of its sending. Networks that look at links do. */
enum { TOO_SOON_MS = 2000, USER_AGENT_BYTES_MAX = 512 };

static const char *const kind_names[CLICK_KINDS] = {"human", "preview", "scanner"};

const char *click_kind_name(ClickKind kind) { return kind_names[kind]; }

bool click_kind_of(Slice name, ClickKind *ret)
{
    for (ClickKind kind = 0; kind < CLICK_KINDS; kind++) {
        if (slice_equal(name, slice_of(kind_names[kind]))) {
            *ret = kind;
            return true;
        }
    }
    return false;
}

static const struct Visitor { Slice part; ClickKind kind; } visitors[] = {
#define VISITOR(part, who) {SLICE_INIT(part), CLICK_##who},
#include "event/visitor.def"
#undef VISITOR
};

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c; }

static ClickKind kind_of_agent(Slice user_agent)
{
    char name[USER_AGENT_BYTES_MAX];
    size_t bytes = user_agent.bytes < sizeof name ? user_agent.bytes : sizeof name;
    for (size_t i = 0; i < bytes; i++)
        name[i] = lower(user_agent.at[i]);
    for (size_t i = 0; i < sizeof visitors / sizeof *visitors; i++) {
        if (slice_holds((Slice){name, bytes}, visitors[i].part))
            return visitors[i].kind;
    }
    return CLICK_HUMAN;
}

/* Sec-Purpose is of the Fetch standard; the others are what browsers sent before it: Chrome "Purpose", Safari "X-Purpose",
 * Firefox "X-Moz". */
static bool looks_ahead(const Visit *visit)
{
    static const Slice prefetch = SLICE_INIT("prefetch"), prerender = SLICE_INIT("prerender"), preview = SLICE_INIT("preview");
    const Slice said[] = {visit->sec_purpose, visit->purpose, visit->x_purpose, visit->x_moz};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        if (slice_holds(said[i], prefetch) || slice_holds(said[i], prerender) || slice_holds(said[i], preview))
            return true;
    }
    return visit->is_head;
}

ClickKind visit_kind(const Visit *visit)
{
    if (slice_empty(visit->user_agent))
        return CLICK_SCANNER;
    ClickKind kind = kind_of_agent(visit->user_agent);
    if (kind != CLICK_HUMAN)
        return kind;
    if (looks_ahead(visit))
        return CLICK_PREVIEW;
    bool is_too_soon = visit->sent_ms && visit->at_ms >= visit->sent_ms && visit->at_ms - visit->sent_ms < TOO_SOON_MS;
    return is_too_soon ? CLICK_SCANNER : CLICK_HUMAN;
}
