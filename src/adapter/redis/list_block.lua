-- ARGV: for each entry its number, action id ('' = none), when the person asked, and its JSON. Gives 'added', 'known' or 'repeated'.
--#include removals.lua
local WIDTH = 4

-- Keys are named by their pattern: what is said of them comes to be logged, and they hold numbers.
local function wrong_type(pattern) return redis.error_reply('WRONGTYPE ' .. pattern .. ' is not what the do-not-call list has there') end

if type(redis.pcall('SCARD', LIST)) == 'table' then return wrong_type(LIST) end
for at = 1, #ARGV, WIDTH do
  if type(redis.pcall('HLEN', applied_key(ARGV[at]))) == 'table' then return wrong_type(applied_key('*')) end
end

-- A late copy does not undo a removal, but a person who asks again after it does.
local function is_repeat(number, action, pressed)
  local removed = action ~= '' and redis.call('HGET', applied_key(number), action)
  return removed and (removed == STANDS or tonumber(removed) >= tonumber(pressed))
end

local function block(number, action, json)
  local is_added = redis.call('SADD', LIST, number) == 1
  if is_added then
    redis.call('SET', entry_key(number), json)
  else
    redis.call('SET', entry_key(number), json, 'NX')
  end
  if action ~= '' then
    redis.call('HSET', applied_key(number), action, STANDS)
    redis.call('EXPIRE', applied_key(number), LIFE)
  end
  return is_added and 'added' or 'known'
end

local results = {}
for at = 1, #ARGV, WIDTH do
  local number, action, pressed, json = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  results[#results + 1] = is_repeat(number, action, pressed) and 'repeated' or block(number, action, json)
end
return results
