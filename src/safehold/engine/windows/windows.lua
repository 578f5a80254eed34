-- Windows in Valkey: events are put in and windows asked, in order, atomically, in one call. `valkey.py` calls it, with
-- `series.lua` (what busy keys are) between this and `logs.lua` (what others are, and the work itself).
--
-- KEYS[1] is the head of a partition (a hash: at, gen, since, open), KEYS[2] its undo log; then come the keys of logs, then
-- those of busy keys with their series. ARGV[1] is a message: {gen, expected at (false: whatever it is), to, token (false:
-- final), settle token, settle to, since (false: as it is), streams {ttl, keep, sizes, whether each key has only its newest events}, logs {stream, events, bytes, ...},
-- windows {kind, keep, ttl}, busy {key, stream, {window, column, key, ...}}, steps}; ARGV[2] has the logs' new events, one
-- after the other. A step asks, {1, window, key, cutoff}, or puts, {0, window, key, place in the batch, time, value}, into a
-- busy key's series; the value is a number in ARGV. Answers {message, logs, texts...}: the message {1, at, gen, since,
-- results, bytes of each log}, and the logs as they were before, one after the other. A text in a result is its number among
-- the texts. When the head is not as expected: {0, at, gen, since} and the token that is open. When keys are busy that were
-- taken for logs: {2, at, gen, since, {their numbers}}, and nothing was done. Messages carry numbers, bytes go beside them.
-- Times are microseconds, exact in a double. Sums travel in halves of 32 bits, because a double has 53.

local MOST_EVENTS, EXACT_DISTINCT, BUCKETS, SMALL, HOUR = 100000, 10000, 64, 128, 3600000000
local COUNT, SUM, DISTINCT, LEAST, GREATEST, FIRST, LAST = 1, 2, 3, 4, 5, 6, 7
local MOST, ROOM, LARGE = 128, 16384, '\0'  -- events and bytes of a log, and what stands for one that had more

local call, byte, sub, char = redis.call, string.byte, string.sub, string.char  -- Valkey knows this name too
local floor, unpack_bytes, pack_bytes = math.floor, struct.unpack, struct.pack

local message = cmsgpack.unpack(ARGV[1])
local gen, expected, to, token, settle, settled, incomplete = unpack(message, 1, 7)
local streams, logs, windows, busy, steps = unpack(message, 8, 12)
local head = call('HMGET', KEYS[1], 'at', 'gen', 'since', 'open')
local at, since = tonumber(head[1] or '0'), tonumber(head[3] or '-4611686018427387904')
local function decimal(number) return string.format('%.0f', number) end
local function refuse() return {cmsgpack.pack({0, head[1], head[2], head[3]}), head[4] or ''} end

if expected and head[2] ~= gen then return refuse() end
if head[4] then
  if head[4] ~= settle then return refuse() end
  at = settled
  call('HSET', KEYS[1], 'at', decimal(at))
  call('HDEL', KEYS[1], 'open')
  head[1], head[4] = decimal(at), false
end
if expected and at ~= expected then return refuse() end

local texts = {}
local function text(value)
  texts[#texts + 1] = value
  return #texts
end

local undo = {}
local function remember(...) if token then undo[#undo + 1] = {...} end end
