-- The set holds all of the list, as long as the server keeps what it has been told.
--#include history.lua
return redis.call('SET', 'pledgeline:list_complete', history())
