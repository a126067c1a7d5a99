-- Adds differences to the counters that are read, once. ARGV: id of this adjustment, how long it is remembered (s), then for
-- each counter: campaign, name, difference; a name 'last_activity' has a time, which only moves forward.
local ID, LIFE, FIRST, WIDTH = ARGV[1], ARGV[2], 3, 3

local function key_of(at) return 'campaign:' .. ARGV[at] .. ':' .. ARGV[at + 1] end

if redis.call('EXISTS', 'pledgeline:adjusted:' .. ID) == 1 then return 0 end
for at = FIRST, #ARGV, WIDTH do
  local value = redis.pcall('GET', key_of(at))
  local names = redis.pcall('SCARD', 'pledgeline:names:' .. ARGV[at])
  local is_number = not value or (type(value) == 'string' and #value <= 16 and string.match(value, '^%-?%d+$'))
  if type(value) == 'table' or type(names) == 'table' or not (is_number or ARGV[at + 1] == 'last_activity') then
    return redis.error_reply('WRONGTYPE ' .. key_of(at) .. ' is not what a counter looks like')
  end
end
for at = FIRST, #ARGV, WIDTH do
  local campaign, name, difference = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if name == 'last_activity' then
    if difference > (redis.call('GET', key_of(at)) or '') then redis.call('SET', key_of(at), difference) end
  else
    redis.call('INCRBY', key_of(at), difference)
    redis.call('SADD', 'pledgeline:campaigns', campaign)
    redis.call('SADD', 'pledgeline:names:' .. campaign, name)
  end
end
redis.call('SET', 'pledgeline:adjusted:' .. ID, '1', 'EX', LIFE)
return 1
