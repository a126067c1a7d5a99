-- Adds what things say now to the counters, in place of what they said before. Everything is read and looked at before the
-- first write: an error leaves nothing half done.
-- ARGV: life of a guard (s), the recount that this is for ('' = the counters that are read), its lease (ms), then for each
-- thing: key, revision, whether it may be counted though its guard is gone ('0' = a recount must tell, '1' = yes, '2' = yes, it is
-- new), the share it had then ('' = none known), its share, last activity ('' = none).
-- A share is "6:spring1 14:total_attempts": campaign, then value and name, each text with its length before it.
local GUARD_LIFE, RECOUNT, LEASE = ARGV[1], ARGV[2], ARGV[3]
local FIRST, WIDTH = 4, 6
local ONCE = 1000 -- as many arguments as a call takes without harm

local shares = {} -- by their text: most things of a batch say the same
local function parse(text)
  if shares[text] then return shares[text] end
  local share, at = { values = {} }, 1
  local function take()
    local _, colon, length = string.find(text, '^(%d+):', at)
    at = colon + 1 + length
    return string.sub(text, colon + 1, at - 1)
  end
  share.campaign = take()
  while at <= #text do
    local _, blank, value = string.find(text, '^(%-?%d+) ', at)
    at = blank + 1
    share.values[take()] = tonumber(value)
  end
  shares[text] = share
  return share
end

-- What counts for nothing: a record that is gone, or one whose campaign is not known yet. It is remembered at revision 0, so that
-- it goes once, and what comes to be under the same key counts from its first revision on.
local function is_nothing(share) return next(parse(share).values) == nil end

-- What was there before may have been taken back with its record, or have come since: only what is new is sure to be counted.
local function is_doubtful(old_rev, old_share, may_count, share)
  return old_rev == '0' and parse(old_share).campaign ~= '' and may_count ~= '2' and not is_nothing(share)
end

-- How often each share comes and goes, the guards to be written, and the last activity of each campaign; and whether
-- something was left to a recount.
local function compare(prefix, is_building, believes_before)
  local weights, fresh, latest, keys, is_left = {}, {}, {}, {}, false
  for at = FIRST, #ARGV, WIDTH do keys[#keys + 1] = prefix .. ARGV[at] end
  local guards = #keys > 0 and redis.call('MGET', unpack(keys)) or {}
  for i, key in ipairs(keys) do
    local at = FIRST + (i - 1) * WIDTH
    local rev, may_count, before, share, activity = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
    local guard = fresh[key] or guards[i]
    local counts, is_known = is_building or may_count ~= '0', true
    if guard then
      local old_rev, old_share = string.match(guard, '^(%d+) (.*)$')
      counts = tonumber(rev) > tonumber(old_rev)
      before = old_share
      is_known = is_building or not is_doubtful(old_rev, old_share, may_count, share)
      -- read by the recount before it was taken back, or before traffic says what it is
      if RECOUNT ~= '' and old_rev == '0' then counts = false end
    elseif not believes_before then
      before = ''
    end
    is_left = is_left or not is_known or (not guard and not counts)
    if counts and is_known then
      if before ~= '' then weights[before] = (weights[before] or 0) - 1 end
      weights[share] = (weights[share] or 0) + 1
      fresh[key] = (is_nothing(share) and '0' or rev) .. ' ' .. share
      local campaign = parse(share).campaign
      if activity > (latest[campaign] or '') then latest[campaign] = activity end
    end
  end
  return weights, fresh, latest, is_left
end

-- { campaign = { name = difference } }
local function sum(weights)
  local sums = {}
  for text, weight in pairs(weights) do
    local share = parse(text)
    if share.campaign ~= '' then
      local campaign = sums[share.campaign] or {}
      for name, value in pairs(share.values) do campaign[name] = (campaign[name] or 0) + weight * value end
      sums[share.campaign] = campaign
    end
  end
  return sums
end

local function wrong_type(key)
  return redis.error_reply('WRONGTYPE ' .. key .. ' is not what a counter looks like')
end

-- An error when a key that will be written holds something else.
local function refusal(sums, latest)
  for campaign, counters in pairs(sums) do
    for name in pairs(counters) do
      local key = 'campaign:' .. campaign .. ':' .. name
      local value = redis.pcall('GET', key)
      if type(value) == 'table' or (value and (#value > 16 or not string.match(value, '^%-?%d+$'))) then
        return wrong_type(key)
      end
    end
    local names = redis.pcall('SCARD', 'pledgeline:names:' .. campaign)
    if type(names) == 'table' then return wrong_type('pledgeline:names:' .. campaign) end
  end
  for campaign in pairs(latest) do
    local key = 'campaign:' .. campaign .. ':last_activity'
    if campaign ~= '' and type(redis.pcall('GET', key)) == 'table' then return wrong_type(key) end
  end
  local campaigns = redis.pcall('SCARD', 'pledgeline:campaigns')
  return type(campaigns) == 'table' and wrong_type('pledgeline:campaigns') or nil
end

local function write_guards(fresh)
  for key, guard in pairs(fresh) do redis.call('SET', key, guard, 'EX', GUARD_LIFE) end
end

local function write_counters(sums, latest)
  for campaign, counters in pairs(sums) do
    local names = {}
    for name, difference in pairs(counters) do
      names[#names + 1] = name
      if difference ~= 0 then redis.call('INCRBY', 'campaign:' .. campaign .. ':' .. name, string.format('%.0f', difference)) end
    end
    if #names > 0 then
      redis.call('SADD', 'pledgeline:campaigns', campaign)
      for from = 1, #names, ONCE do
        redis.call('SADD', 'pledgeline:names:' .. campaign, unpack(names, from, math.min(from + ONCE - 1, #names)))
      end
    end
  end
  for campaign, activity in pairs(latest) do
    local key = 'campaign:' .. campaign .. ':last_activity'
    if campaign ~= '' and activity ~= '' and activity > (redis.call('GET', key) or '') then redis.call('SET', key, activity) end
  end
end

local function write_building(sums, latest)
  for campaign, counters in pairs(sums) do
    local key = 'pledgeline:building:' .. campaign
    for name, difference in pairs(counters) do
      if difference ~= 0 then redis.call('HINCRBY', key, name, string.format('%.0f', difference)) end
    end
    redis.call('SADD', 'pledgeline:building_campaigns', campaign)
  end
  for campaign, activity in pairs(latest) do
    local key = 'pledgeline:building:' .. campaign
    if campaign ~= '' and activity > (redis.call('HGET', key, 'last_activity') or '') then
      redis.call('HSET', key, 'last_activity', activity)
      redis.call('SADD', 'pledgeline:building_campaigns', campaign)
    end
  end
end

local recount = redis.call('GET', 'pledgeline:recount')
if RECOUNT ~= '' and recount ~= RECOUNT then return redis.error_reply('RECOUNTLOST the lease is over') end
local generation = redis.call('GET', 'pledgeline:generation')

local live, building
if RECOUNT == '' then
  local weights, fresh, latest, is_left = compare('pledgeline:' .. (generation or '0') .. ':', false, generation)
  live = { sums = sum(weights), fresh = fresh, latest = latest, is_left = is_left }
end
if recount then
  local weights, fresh, latest = compare('pledgeline:' .. string.match(recount, '^%d+') .. ':', true, false)
  building = { sums = sum(weights), fresh = fresh, latest = latest }
end
local refused = live and refusal(live.sums, live.latest)
if refused then return refused end

if live then
  write_counters(live.sums, live.latest)
  write_guards(live.fresh)
  -- whoever looks after the counters recounts; all things have guards then, so that comes once in the life of a guard at most
  if live.is_left and generation then redis.call('DEL', 'pledgeline:whole') end
end
if building then
  write_building(building.sums, building.latest)
  write_guards(building.fresh)
end
if RECOUNT ~= '' then redis.call('PEXPIRE', 'pledgeline:recount', LEASE) end
return 1
