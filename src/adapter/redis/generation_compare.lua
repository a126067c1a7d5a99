-- ARGV: the recount, its lease (ms), '1' = all counters, else those that differ: campaign, name, what is read, what was counted.
if redis.call('GET', 'pledgeline:recount') ~= ARGV[1] then return redis.error_reply('RECOUNTLOST the lease is over') end
redis.call('PEXPIRE', 'pledgeline:recount', ARGV[2])
local differences = {}
for _, campaign in ipairs(redis.call('SUNION', 'pledgeline:campaigns', 'pledgeline:building_campaigns')) do
  local counted, names = {}, {}
  local flat = redis.call('HGETALL', 'pledgeline:building:' .. campaign)
  for i = 1, #flat, 2 do counted[flat[i]] = flat[i + 1] end
  for name in pairs(counted) do names[#names + 1] = name end
  for _, name in ipairs(redis.call('SMEMBERS', 'pledgeline:names:' .. campaign)) do
    if not counted[name] then names[#names + 1] = name end
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local live = redis.pcall('GET', 'campaign:' .. campaign .. ':' .. name)
    live = type(live) == 'string' and live or '0'
    if name ~= 'last_activity' and (ARGV[3] == '1' or live ~= (counted[name] or '0')) then
      differences[#differences + 1] = { campaign, name, live, counted[name] or '0' }
    end
  end
end
return differences
