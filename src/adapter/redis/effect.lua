-- The ledger of effects: a hash for each, its id under its ref, an index by action id, one by due time of those that wait for
-- somebody, and one by the time when they go. Whoever uses this looks at every key first: an error leaves nothing half done.
local LIFE_MS = 30 * 24 * 60 * 60 * 1000
local FIELDS = { 'callId', 'campaignId', 'contactId', 'phoneNumber', 'campaignName', 'donationLink', 'message', 'createdMs',
                 'kind', 'ref', 'follows', 'state', 'fence', 'dueMs', 'attempts', 'messageId', 'reason', 'askedMs',
                 'provider', 'smsClass', 'code', 'receipt', 'deliveredMs', 'segments', 'costMicros' }
local CONTENT = 11 -- so many of them never change; the rest is where it stands
local REF, STATE, FENCE, DUE, MESSAGE_ID, REASON, ASKED = 10, 12, 13, 14, 16, 17, 18
local PROVIDER, CLASS, CODE, RECEIPT, DELIVERED = 19, 20, 21, 22, 23
-- Of an effect that was entered before there were these.
local LATER = { [9] = 'donation', [10] = '', [11] = '', [19] = '', [20] = '', [21] = '', [22] = '', [23] = '0', [24] = '0', [25] = '0' }
local RECEIPT_RANK = { [''] = 0, underway = 1, undelivered = 2, delivered = 3 }
local WAITS = { pending = true, claimed = true, sending = true }
local IDS, WAITING, GOING = 'pledgeline:effects', 'pledgeline:effects_waiting', 'pledgeline:effects_going'
local FORGET_ONCE = 100

local function key_of(id) return 'pledgeline:effect:' .. id end
local function ref_key_of(ref) return 'pledgeline:effect_ref:' .. ref end
local function digits(number) return string.format('%.0f', number) end

-- Above `fence`, and never handed out before: when entries are lost (a flush, a failover), whoever held one of them still has its
-- fence. So it is the server's time in microseconds, which is below 2^53.
local function next_fence(fence)
  local time = redis.call('TIME')
  return digits(math.max(fence + 1, time[1] * 1000000 + time[2]))
end

-- What is at ARGV[first], and at every `width` behind it.
local function every(first, width)
  local words = {}
  for at = first, #ARGV, width do words[#words + 1] = ARGV[at] end
  return words
end

-- An error when something that will be written is not ours.
local function refusal(ids, refs)
  local asked = { { 'ZCARD', IDS }, { 'ZCARD', WAITING }, { 'ZCARD', GOING } }
  for _, id in ipairs(ids) do asked[#asked + 1] = { 'HLEN', key_of(id) } end
  for _, ref in ipairs(refs) do
    if ref ~= '' then asked[#asked + 1] = { 'STRLEN', ref_key_of(ref) } end
  end
  for _, ask in ipairs(asked) do
    if type(redis.pcall(ask[1], ask[2])) == 'table' then
      return redis.error_reply('WRONGTYPE ' .. ask[2] .. ' is not what the ledger of effects has there')
    end
  end
end

-- Its fields in their order, or nil.
local function read(id)
  local effect = redis.call('HMGET', key_of(id), unpack(FIELDS))
  for i, value in pairs(LATER) do effect[i] = effect[i] or value end
  return effect[STATE] and effect or nil
end

-- The action id of the effect that is known by it, or nil.
local function id_of(ref)
  local id = ref ~= '' and redis.call('GET', ref_key_of(ref))
  return id and redis.call('HGET', key_of(id), 'ref') == ref and id or nil
end

-- Whether one of them that is not there yet comes with the ref of another.
local function ref_is_taken(ids, refs)
  local owners = {}
  for i, ref in ipairs(refs) do
    local is_new = ref ~= '' and redis.call('EXISTS', key_of(ids[i])) == 0
    local owner = is_new and (owners[ref] or id_of(ref) or ids[i])
    if is_new and owner ~= ids[i] then return true end
    owners[ref] = owner
  end
  return false
end

local function write(id, effect, now)
  local key, words = key_of(id), {}
  for i, name in ipairs(FIELDS) do
    words[i * 2 - 1] = name
    words[i * 2] = effect[i]
  end
  redis.call('HSET', key, unpack(words))
  redis.call('PEXPIRE', key, LIFE_MS)
  if effect[REF] ~= '' then redis.call('SET', ref_key_of(effect[REF]), id, 'PX', LIFE_MS) end
  redis.call('ZADD', IDS, 0, id)
  redis.call('ZADD', GOING, digits(now + LIFE_MS), id)
  if WAITS[effect[STATE]] then
    redis.call('ZADD', WAITING, effect[DUE], id)
  else
    redis.call('ZREM', WAITING, id)
  end
end

local function forget(id)
  for _, index in ipairs({ IDS, WAITING, GOING }) do redis.call('ZREM', index, id) end
end

-- What has gone leaves the indexes, a few with each claim. The time is a caller's, so it only says where to look.
local function forget_gone(now)
  local gone = redis.call('ZRANGEBYSCORE', GOING, '-inf', digits(now), 'LIMIT', 0, FORGET_ONCE)
  for _, id in ipairs(gone) do
    if redis.call('EXISTS', key_of(id)) == 0 then forget(id) end
  end
end

-- The fields behind ARGV[at].
local function given(at, count)
  local values = {}
  for i = 1, count do values[i] = ARGV[at + i] end
  return values
end
