-- Whether the list is complete, then 1 or 0 for each number in ARGV, at one moment.
local found = { redis.call('EXISTS', 'pledgeline:list_complete') }
for i, phone in ipairs(ARGV) do found[i + 1] = redis.call('SISMEMBER', 'blacklist:numbers', phone) end
return found
