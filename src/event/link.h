/* The personal donation link. Token = base64url(version 1 ‖ 16-byte id ‖ 12-byte HMAC); the id is an HMAC of the action
 * id, so a retry gives the same link, nobody can forge one, and no phone number is in it. Pure. */
#pragma once

#include "base/arena.h"

Slice link_personal(Slice base_url, Slice secret, Slice action_id, Arena *arena);

/* What a provider, and the link, know the action by (Effect.ref): the link's id, in 32 hex digits. An empty secret is one, too, where
 * there are no links. */
Slice link_ref(Slice secret, Slice action_id, Arena *arena);

/* Whether the text has the form of one. */
bool link_is_ref(Slice text);

/* True when the token was made with this secret; its id goes to ret_id. */
bool link_verify(Slice token, Slice secret, uint8_t ret_id[16]);

/* The original system's form: base64(campaignId:contactId:phoneNumber), percent-encoded (RFC 3986). */
Slice link_plain(Slice base_url, Slice campaign_id, Slice contact_id, Slice phone, Arena *arena);
