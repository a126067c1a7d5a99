-- ARGV: owner. The set holds all of the list, as long as the server keeps what it has been told: it has kept what this owner gave it.
--#include history.lua
local giving = 'pledgeline:list_giving:' .. ARGV[1]
if redis.call('GET', giving) ~= history() then
  return redis.error_reply('LISTLOST a part of what was given is gone, or it took too long')
end
redis.call('DEL', giving)
return redis.call('SET', 'pledgeline:list_complete', history())
