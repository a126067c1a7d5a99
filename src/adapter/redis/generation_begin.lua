-- ARGV: owner, lease (ms). Begins a generation, unless somebody else is counting one. What an abandoned one left is removed.
--#include history.lua
local held = redis.call('GET', 'pledgeline:recount')
if held and string.match(held, '^%d+:[^:]*:(.*)$') ~= ARGV[1] then return redis.error_reply('RECOUNTRUNNING ' .. held) end
for _, campaign in ipairs(redis.call('SMEMBERS', 'pledgeline:building_campaigns')) do
  redis.call('DEL', 'pledgeline:building:' .. campaign)
end
redis.call('DEL', 'pledgeline:building_campaigns')
local recount = string.format('%.0f', redis.call('INCR', 'pledgeline:generations')) .. ':' .. history() .. ':' .. ARGV[1]
redis.call('SET', 'pledgeline:recount', recount, 'PX', ARGV[2])
return recount
