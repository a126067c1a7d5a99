-- ARGV: life of a record (s), how long its id is known (s), then for each: action id, key and JSON of the record. Gives 1 for each
-- that was not there; the first of an id stands.
local LIFE, KNOWN, FIRST, WIDTH = ARGV[1], ARGV[2], 3, 3
local results = {}
for at = FIRST, #ARGV, WIDTH do
  local is_new = redis.call('SET', 'pledgeline:action:' .. ARGV[at], '1', 'NX', 'EX', KNOWN)
  if is_new then redis.call('SET', ARGV[at + 1], ARGV[at + 2], 'EX', LIFE) end
  results[#results + 1] = is_new and 1 or 0
end
return results
