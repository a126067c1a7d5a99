-- ARGV: number, when, who took it off and why as JSON. Gives 1 when it was blocked.
--#include removals.lua
local number, when, removal = ARGV[1], ARGV[2], ARGV[3]
local applied = redis.call('HGETALL', applied_key(number))
local was_blocked = redis.call('SREM', LIST, number)
redis.call('DEL', entry_key(number))
if was_blocked == 0 then return 0 end
for i = 1, #applied, 2 do
  if applied[i + 1] == STANDS then redis.call('HSET', applied_key(number), applied[i], when) end
end
if #applied > 0 then redis.call('EXPIRE', applied_key(number), LIFE) end
redis.call('SET', 'pledgeline:removal:' .. number, removal)
return 1
