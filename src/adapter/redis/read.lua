-- The counters of the campaigns in ARGV, each as { last activity, name, value, name, value … }. What is no counter is left out.
local ONCE = 1000 -- as many arguments as a call takes without harm

local function values_of(keys)
  local values = {}
  for from = 1, #keys, ONCE do
    local some = redis.call('MGET', unpack(keys, from, math.min(from + ONCE - 1, #keys)))
    for i, value in ipairs(some) do values[from + i - 1] = value end
  end
  return values
end

local found = {}
for i, campaign in ipairs(ARGV) do
  local names = redis.call('SMEMBERS', 'pledgeline:names:' .. campaign)
  local keys = { 'campaign:' .. campaign .. ':last_activity' }
  for k, name in ipairs(names) do keys[k + 1] = 'campaign:' .. campaign .. ':' .. name end
  local values = values_of(keys)
  local row = { values[1] or '' }
  for k, name in ipairs(names) do
    if values[k + 1] then
      row[#row + 1] = name
      row[#row + 1] = values[k + 1]
    end
  end
  found[i] = row
end
return found
