-- ARGV: now, how many at most. Effects that wait for somebody, the longest due first, each its action id and its fields.
--#include effect.lua
local refused = refusal({}, {})
if refused then return refused end
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', WAITING, '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])) do
  local effect = read(id)
  if effect then
    found[#found + 1] = { id, unpack(effect) }
  else
    forget(id)
  end
end
return found
