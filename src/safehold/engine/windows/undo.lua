-- Takes a batch out of a partition again that did not become part of the record. KEYS[1] is its head, KEYS[2] its undo log;
-- ARGV[1] the batch's token. ARGV[2] is `keys`, which answers the keys that will be touched, or `run`, with those as KEYS.

if redis.call('HGET', KEYS[1], 'open') ~= ARGV[1] then return {} end
local log = cmsgpack.unpack(redis.call('GET', KEYS[2]) or cmsgpack.pack({}))

if ARGV[2] == 'keys' then
  local seen, keys = {}, {}
  for i = 1, #log do
    local key = log[i][2]
    if not seen[key] then seen[key], keys[#keys + 1] = true, key end
  end
  return keys
end

local MOST = (30 * 86400 + 90000) * 1000  -- the longest window and its grace
for i = #log, 1, -1 do redis.call(unpack(log[i])) end
for i = 3, #KEYS do
  if redis.call('PTTL', KEYS[i]) == -1 then redis.call('PEXPIRE', KEYS[i], MOST) end
end
redis.call('HDEL', KEYS[1], 'open')
return {}
