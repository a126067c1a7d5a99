/* Where in a text its values stand. cJSON keeps no places, but it keeps the order: the tree and the text are walked side by side until
 * the value that is looked for is reached. Only for failures, so it costs parsing nothing. */
#include "base/json.h"
#include "base/utf8.h"

typedef struct Walk {
    const char *at, *end;
    const Json *wanted;
    const char *found; /* where it begins, a member at its name */
} Walk;

static void skip_blanks_and(Walk *walk, char mark)
{
    while (walk->at < walk->end && (strchr(" \t\r\n", *walk->at) || *walk->at == mark))
        walk->at++;
}

static void skip_string(Walk *walk)
{
    for (walk->at++; walk->at < walk->end && *walk->at != '"'; walk->at++)
        walk->at += *walk->at == '\\';
    walk->at++;
}

static void skip_scalar(Walk *walk)
{
    if (*walk->at == '"') {
        skip_string(walk);
        return;
    }
    while (walk->at < walk->end && !strchr(",]} \t\r\n", *walk->at))
        walk->at++;
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
static void walk_value(Walk *walk, const Json *value)
{
    skip_blanks_and(walk, ',');
    const char *begins = walk->at;
    if (value->string) {
        skip_string(walk);
        skip_blanks_and(walk, ':');
    }
    if (value == walk->wanted) {
        walk->found = begins;
        return;
    }
    if (!json_is_object(value) && !json_is_array(value)) {
        skip_scalar(walk);
        return;
    }
    walk->at++;
    json_each(member, value)
    {
        walk_value(walk, member);
        if (walk->found)
            return;
    }
    skip_blanks_and(walk, ',');
    walk->at++;
}

JsonPlace json_place_at(Slice text, size_t offset)
{
    JsonPlace place = {1, 1};
    for (size_t i = 0; i < offset && i < text.bytes; i++) {
        if (text.at[i] == '\n')
            place = (JsonPlace){place.line + 1, 1};
        else
            place.column += !utf8_is_continuation((unsigned char)text.at[i]);
    }
    return place;
}

JsonPlace json_place_of(Slice text, const Json *root, const Json *value)
{
    Walk walk = {.at = text.at, .end = text.at + text.bytes, .wanted = value};
    walk_value(&walk, root);
    return json_place_at(text, walk.found ? (size_t)(walk.found - text.at) : 0);
}
