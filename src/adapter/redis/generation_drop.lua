-- ARGV: the recount. It is given up. 0: it was not on any more.
if redis.call('GET', 'pledgeline:recount') ~= ARGV[1] then return 0 end
for _, campaign in ipairs(redis.call('SMEMBERS', 'pledgeline:building_campaigns')) do
  redis.call('DEL', 'pledgeline:building:' .. campaign)
end
redis.call('DEL', 'pledgeline:building_campaigns', 'pledgeline:recount')
return 1
