/* A campaign is known when anything was ever counted for it. */
#include "verb/campaigns.h"

#include "base/nearest.h"

enum { NAMES_MAX = 1000 };

typedef struct Names {
    const char *at[NAMES_MAX + 1]; /* ended by NULL */
    size_t count;
    Arena *arena;
} Names;

static const Names *known_names; /* for nearest_name, which takes a plain function */
static const char *known_name(size_t i) { return known_names->at[i]; }

static bool add_name(void *context, Slice campaign_id, int64_t last_activity_ms, const Counter *counters, size_t count)
{
    (void)last_activity_ms, (void)counters, (void)count;
    Names *names = context;
    names->at[names->count++] = arena_copy(names->arena, campaign_id).at;
    return names->count < NAMES_MAX;
}

static Status read_names(const LivePort *live, Slice campaign, Names *names, Fault *fault)
{
    names->count = 0;
    return live->read(live->self, campaign, add_name, names, fault);
}

static int say_unknown(const char *verb, const char *campaign, const char *near)
{
    if (near)
        verb_note("there is no campaign \"%.80s\"; did you mean %s?", campaign, near);
    else
        verb_note("there is no campaign \"%.80s\"; pledgeline %s lists them", campaign, verb);
    return EXIT_FAILED;
}

int campaign_has_nothing(const Ports *ports, const char *verb, const char *campaign, const char *nothing, Arena *arena)
{
    Fault fault;
    Names *names = ARENA_NEW(arena, Names);
    names->arena = arena;
    if (read_names(&ports->live, slice_of(campaign), names, &fault))
        return verb_fail(&fault);
    if (names->count) {
        verb_note("campaign %.80s %s", campaign, nothing);
        return EXIT_OK;
    }
    if (read_names(&ports->live, (Slice){0}, names, &fault))
        return verb_fail(&fault);
    known_names = names;
    return say_unknown(verb, campaign, nearest_name(campaign, known_name));
}
