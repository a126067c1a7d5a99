-- ARGV: now, then for each effect its action id and all its fields. Of two under one id the one that is further stands, as a whole, with a
-- fence above both. Gives 1 for each that changed the ledger; or the text 'ref', where another effect has the ref of a new one.
--#include effect.lua
local FURTHER = { pending = 0, claimed = 1, sending = 2, failed = 7, cancelled = 7, unknown = 8, sent = 9 }
local NOW, FIRST, WIDTH = tonumber(ARGV[1]), 2, 1 + #FIELDS

-- In one state, the one whose receipt is further.
local function rank(effect) return FURTHER[effect[STATE]] * 10 + RECEIPT_RANK[effect[RECEIPT]] end

local ids, refs = every(FIRST, WIDTH), every(FIRST + REF, WIDTH)
local refused = refusal(ids, refs)
if refused then return refused end
if ref_is_taken(ids, refs) then return 'ref' end
local answers = {}
for at = FIRST, #ARGV, WIDTH do
  local id, effect = ARGV[at], given(at, #FIELDS)
  local held = read(id)
  local moves = not held or rank(effect) > rank(held)
  if held then effect[FENCE] = next_fence(math.max(effect[FENCE], held[FENCE])) end
  if moves then write(id, effect, NOW) end
  answers[#answers + 1] = moves and 1 or 0
end
return answers
