-- ARGV: now, then for each receipt: ref, provider, message id, state, class, code, reason, when it was delivered or certainly not. Gives for
-- each what happened (as ReceiptResult: 0 strange, 1 known, 2 taken, 3 it proves), then action id and fields of the effect.
--#include effect.lua
local NOW, FIRST, WIDTH = tonumber(ARGV[1]), 2, 8

-- It may bear the name of who is asked, which is no provider's.
local UNSETTLED = { claimed = true, sending = true, unknown = true }
local function is_provider_open(effect)
  return effect[PROVIDER] == '' or (UNSETTLED[effect[STATE]] and effect[RECEIPT] == '')
end

-- As effect_receive.
local function receive(effect, provider, message_id, state, class, code, reason, at)
  local moves = RECEIPT_RANK[state] > RECEIPT_RANK[effect[RECEIPT]]
  local proves = effect[STATE] == 'unknown'
  if effect[MESSAGE_ID] == '' then effect[MESSAGE_ID] = message_id end
  if is_provider_open(effect) then effect[PROVIDER] = provider end
  if proves then effect[STATE] = 'sent' end
  if proves and RECEIPT_RANK[effect[RECEIPT]] < 2 then effect[REASON] = '' end
  if moves then
    effect[RECEIPT], effect[CLASS], effect[CODE], effect[REASON], effect[DELIVERED] = state, class, code, reason, at
  end
  return proves and 3 or moves and 2 or 1
end

local refs, ids = every(FIRST, WIDTH), {}
local refused = refusal({}, refs)
if refused then return refused end
for _, ref in ipairs(refs) do ids[#ids + 1] = id_of(ref) end
refused = refusal(ids, {})
if refused then return refused end

local answers = {}
for at = FIRST, #ARGV, WIDTH do
  local id = id_of(ARGV[at])
  local effect = id and read(id)
  if effect then
    local result = receive(effect, unpack(given(at, WIDTH - 1)))
    write(id, effect, NOW)
    answers[#answers + 1] = { result, id, unpack(effect) }
  else
    answers[#answers + 1] = { 0 }
  end
end
return answers
