-- ARGV: 'id' or 'ref', then as many of them. Gives for each the action id and the fields of that effect, or nothing.
--#include effect.lua
local found = {}
for i = 2, #ARGV do
  local id = ARGV[1] == 'id' and ARGV[i] or id_of(ARGV[i])
  local effect = id and read(id)
  found[i - 1] = effect and { id, unpack(effect) } or {}
end
return found
