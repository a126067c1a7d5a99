-- ARGV: now, how many at most, 1 for calls and 0 for all others. Effects that wait for somebody, the longest due first, each its action
-- id and its fields.
--#include effect.lua
local refused = refusal({}, {})
if refused then return refused end
local KIND, PAGE, MAX, CALLS = 9, 256, tonumber(ARGV[2]), ARGV[3] == '1'
local found, from, ids = {}, 0, nil
repeat
  ids = redis.call('ZRANGEBYSCORE', WAITING, '-inf', ARGV[1], 'LIMIT', from, PAGE)
  for _, id in ipairs(ids) do
    local effect = read(id)
    from = from + (effect and 1 or 0)
    if not effect then
      forget(id)
    elseif (effect[KIND] == 'speech') == CALLS and #found < MAX then
      found[#found + 1] = { id, unpack(effect) }
    end
  end
until #ids < PAGE or #found >= MAX
return found
