-- ARGV: now, 'sending' or 'settle', then for each: action id and all its fields, the fence among them. Gives 1 for each that moved: it
-- was claimed or sending, and the fence is still its own. What is gone when it is settled nobody else holds: whoever did it knows all
-- of it, and what it says keeps it from being done again. What nobody could say whether it went out did so when its sender says it.
--#include effect.lua
local NOW, SETTLES = tonumber(ARGV[1]), ARGV[2] == 'settle'
local FIRST, WIDTH = 3, 1 + #FIELDS
local MOVES = { claimed = true, sending = true }

local function may_move(from, to) return MOVES[from] or (from == 'unknown' and SETTLES and to ~= 'unknown') end

-- Only its state and its lease are its sender's to say.
local function leave(effect, held)
  for i = 1, #FIELDS do
    if i ~= STATE and i ~= DUE then effect[i] = held[i] end
  end
  effect[ASKED] = held[ASKED] == '0' and ARGV[1] or held[ASKED]
end

-- A receipt may have been faster. What it said stands: the name of the text, and what became of it.
local function settle(effect, held)
  for i = 1, CONTENT do effect[i] = held[i] end
  effect[RECEIPT], effect[DELIVERED] = held[RECEIPT], held[DELIVERED]
  for _, i in ipairs(held[RECEIPT] ~= '' and { MESSAGE_ID, PROVIDER } or {}) do
    if held[i] ~= '' then effect[i] = held[i] end
  end
  for _, i in ipairs(RECEIPT_RANK[held[RECEIPT]] >= 2 and { CLASS, CODE, REASON } or {}) do effect[i] = held[i] end
end

local refused = refusal(every(FIRST, WIDTH), every(FIRST + REF, WIDTH))
if refused then return refused end
local answers = {}
for at = FIRST, #ARGV, WIDTH do
  local id, effect = ARGV[at], given(at, #FIELDS)
  local held = read(id)
  local is_ours = held and may_move(held[STATE], effect[STATE]) and held[FENCE] == effect[FENCE]
  local moves = is_ours or (not held and SETTLES)
  if held then (SETTLES and settle or leave)(effect, held) end
  if moves then write(id, effect, NOW) end
  answers[#answers + 1] = moves and 1 or 0
end
return answers
