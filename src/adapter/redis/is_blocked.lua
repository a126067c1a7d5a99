-- Whether the list is complete, then 1 or 0 for each number in ARGV, at one moment.
--#include history.lua
local found = { redis.call('GET', 'pledgeline:list_complete') == history() and 1 or 0 }
for i, phone in ipairs(ARGV) do found[i + 1] = redis.call('SISMEMBER', 'blacklist:numbers', phone) end
return found
