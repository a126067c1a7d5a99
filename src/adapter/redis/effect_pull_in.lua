-- ARGV: the latest time. What waits for a later one waits until then.
--#include effect.lua
local late = redis.call('ZRANGEBYSCORE', WAITING, '(' .. ARGV[1], '+inf')
for _, id in ipairs(late) do
  if redis.call('EXISTS', key_of(id)) == 1 then
    redis.call('HSET', key_of(id), 'dueMs', ARGV[1])
    redis.call('ZADD', WAITING, ARGV[1], id)
  else
    forget(id)
  end
end
return #late
