-- Which opt-outs were applied to a number, each with the time of the first removal since then.
local LIST = 'blacklist:numbers'
local LIFE = 30 * 24 * 60 * 60
local STANDS = '-'
local function entry_key(number) return 'blacklist:' .. number end
local function applied_key(number) return 'pledgeline:applied:' .. number end
