-- ARGV: now, the lease's end, for how long a repeat is one message ('' = always), the gateway's name, then for each effect: action id, its content, and when it is due.
-- Gives for each: 1 when it is claimed, then its fields as they are held; or the text 'ref', where another effect has the ref of a new one.
--#include effect.lua
local NOW, LEASE_END, REPEAT, NAME = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4]
local FIRST, WIDTH = 5, 1 + CONTENT + 1

local function entered(at)
  local effect = given(at, CONTENT)
  for _, value in ipairs({ 'pending', '0', ARGV[at + CONTENT + 1], '0', '', '', '0', '', '', '', '', '0', '0', '0' }) do effect[#effect + 1] = value end
  return effect
end

-- As effect_is_lost: whoever asked the gateway is gone, and nobody can say whether it has the text. The fence stays: should they
-- only have slept, they can say it.
local function is_lost(effect)
  local asked = tonumber(effect[ASKED])
  local is_too_late = REPEAT and (NOW < asked or NOW - asked >= REPEAT)
  return asked ~= 0 and (is_too_late or effect[PROVIDER] ~= NAME)
end

local function lose(effect)
  effect[STATE] = 'unknown'
  if RECEIPT_RANK[effect[RECEIPT]] < 2 then effect[REASON] = 'the process ended while it was sending; the gateway may have it' end
end

local function take(effect)
  effect[STATE] = 'claimed'
  effect[FENCE] = next_fence(effect[FENCE])
  effect[DUE] = LEASE_END
  effect[PROVIDER] = NAME
end

local ids, refs = every(FIRST, WIDTH), every(FIRST + REF, WIDTH)
local refused = refusal(ids, refs)
if refused then return refused end
if ref_is_taken(ids, refs) then return 'ref' end
local answers = {}
for at = FIRST, #ARGV, WIDTH do
  local id = ARGV[at]
  local held = read(id)
  local effect = held or entered(at)
  local waits = WAITS[effect[STATE]] and tonumber(effect[DUE]) <= NOW
  local loses = waits and is_lost(effect)
  if waits then (loses and lose or take)(effect) end
  if waits or not held then write(id, effect, NOW) end
  answers[#answers + 1] = { waits and not loses and 1 or 0, id, unpack(effect) }
end
forget_gone(NOW)
return answers
