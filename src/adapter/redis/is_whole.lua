-- Whether counters, and the list, are all there.
--#include history.lua
local now = history()
local counters = redis.call('EXISTS', 'pledgeline:generation') == 1 and redis.call('GET', 'pledgeline:whole') == now
return { counters and 1 or 0, redis.call('GET', 'pledgeline:list_complete') == now and 1 or 0 }
