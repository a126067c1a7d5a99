-- The name of what this server remembers: another one after a restart or a failover, which may have lost the last writes.
-- '-' where the account may not ask for it.
local function history()
  local info = redis.pcall('INFO', 'replication')
  return type(info) == 'string' and string.match(info, 'master_replid:(%x+)') or '-'
end
