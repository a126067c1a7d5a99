-- ARGV: the recount. Its counters become those that are read, and its guards the current ones.
--#include history.lua
local number = string.match(ARGV[1], '^%d+')
if redis.call('GET', 'pledgeline:recount') ~= ARGV[1] then
  -- the answer was lost, and it had ended well
  if redis.call('GET', 'pledgeline:generation') == number then return 0 end
  return redis.error_reply('RECOUNTLOST the lease is over')
end
if string.match(ARGV[1], '^%d+:([^:]*):') ~= history() then
  redis.call('DEL', 'pledgeline:recount')
  return redis.error_reply('RECOUNTLOST the server started anew, or another one took over, and may have lost a part of it')
end

local plans = {}
for _, campaign in ipairs(redis.call('SUNION', 'pledgeline:campaigns', 'pledgeline:building_campaigns')) do
  local activity = redis.pcall('GET', 'campaign:' .. campaign .. ':last_activity')
  plans[#plans + 1] = {
    campaign = campaign,
    counted = redis.call('HGETALL', 'pledgeline:building:' .. campaign),
    names = redis.call('SMEMBERS', 'pledgeline:names:' .. campaign),
    activity = type(activity) == 'string' and activity or '',
  }
end

local function replace(plan)
  local prefix, has_counters = 'campaign:' .. plan.campaign .. ':', false
  for _, name in ipairs(plan.names) do redis.call('DEL', prefix .. name) end
  redis.call('DEL', 'pledgeline:names:' .. plan.campaign)
  for i = 1, #plan.counted, 2 do
    local name, value = plan.counted[i], plan.counted[i + 1]
    if name ~= 'last_activity' then
      redis.call('SET', prefix .. name, value)
      redis.call('SADD', 'pledgeline:names:' .. plan.campaign, name)
      has_counters = true
    elseif value > plan.activity then
      redis.call('SET', prefix .. name, value)
    end
  end
  redis.call(has_counters and 'SADD' or 'SREM', 'pledgeline:campaigns', plan.campaign)
  redis.call('DEL', 'pledgeline:building:' .. plan.campaign)
end

for _, plan in ipairs(plans) do replace(plan) end
redis.call('SET', 'pledgeline:generation', number)
redis.call('SET', 'pledgeline:whole', history())
redis.call('DEL', 'pledgeline:building_campaigns', 'pledgeline:recount')
return 1
