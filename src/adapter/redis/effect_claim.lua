-- ARGV: now, the lease's end, whether resending is safe ('1'), then for each effect: action id, its content, and when it is due.
-- Gives for each: 1 when it is claimed, then its fields as they are held.
--#include effect.lua
local NOW, LEASE_END, RESEND_IS_SAFE = tonumber(ARGV[1]), ARGV[2], ARGV[3] == '1'
local FIRST, WIDTH = 4, 1 + CONTENT + 1

local function entered(at)
  local effect = given(at, CONTENT)
  for _, value in ipairs({ 'pending', '0', ARGV[at + CONTENT + 1], '0', '', '' }) do effect[#effect + 1] = value end
  return effect
end

-- What was sending and is not safe to send again: the one that did it is gone, and nobody can say whether the gateway has it.
local function lose(effect)
  effect[STATE] = 'unknown'
  effect[#FIELDS] = 'the process ended while it was sending; the gateway may have it'
end

local function take(effect)
  effect[STATE] = 'claimed'
  effect[DUE] = LEASE_END
end

local refused = refusal(FIRST, WIDTH)
if refused then return refused end
local answers = {}
for at = FIRST, #ARGV, WIDTH do
  local id = ARGV[at]
  local held = read(id)
  local effect = held or entered(at)
  local waits = WAITS[effect[STATE]] and tonumber(effect[DUE]) <= NOW
  local is_lost = waits and effect[STATE] == 'sending' and not RESEND_IS_SAFE
  if waits then
    effect[FENCE] = digits(effect[FENCE] + 1);
    (is_lost and lose or take)(effect)
  end
  if waits or not held then write(id, effect, NOW) end
  answers[#answers + 1] = { waits and not is_lost and 1 or 0, id, unpack(effect) }
end
forget_gone(NOW)
return answers
