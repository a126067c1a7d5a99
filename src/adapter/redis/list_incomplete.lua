-- ARGV: owner, how long it may take to give the list (ms). "Not there" is unknown from now on.
--#include history.lua
redis.call('SET', 'pledgeline:list_giving:' .. ARGV[1], history(), 'PX', ARGV[2])
return redis.call('DEL', 'pledgeline:list_complete')
