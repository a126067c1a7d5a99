-- ARGV: the action id to go on behind ('' = from the start), how many. Each its action id and its fields; what has gone is its id
-- alone.
--#include effect.lua
local from = ARGV[1] == '' and '-' or '(' .. ARGV[1]
local found = {}
for i, id in ipairs(redis.call('ZRANGEBYLEX', IDS, from, '+', 'LIMIT', 0, ARGV[2])) do
  found[i] = { id, unpack(read(id) or {}) }
end
return found
