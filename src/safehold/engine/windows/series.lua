-- What a busy key of a stream is: sorted sets, one or two keys for each window, and one string for `last`.

-- Whether one value is at most the other, byte by byte: Lua's own comparison goes by the server's locale.
local function at_most(one, other)
  local shorter = #one < #other and #one or #other
  for i = 1, shorter do
    local a, b = byte(one, i), byte(other, i)
    if a ~= b then return a < b end
  end
  return #one <= #other
end

-- The newest time of a series, asked once a call.
local latest = {}
local function newest(key)
  local known = latest[key]
  if known == nil then
    local found = call('ZRANGE', key, -1, -1, 'WITHSCORES')
    known = found[2] and tonumber(found[2]) or false
    latest[key] = known
  end
  return known
end

-- After an event was put in. That a key is in use is told to the server once in an hour of its events: it is kept a day
-- longer than it is needed.
local function touch(key, window, before, time)
  if not before or time > before then latest[key] = time end
  if not before or floor(time / HOUR) > floor(before / HOUR) then call('PEXPIRE', key, window[3]) end
end

-- Old events are never asked for, so they need not go at once; what a batch that may be taken out again brings is no
-- reason to forget, so that it is done before the first event of a call only.
local trimmed = {}
local function trim(key, window, order, before)
  if trimmed[key] or order % 16 ~= 0 or not before then
    trimmed[key] = true
    return
  end
  trimmed[key] = true
  call('ZREMRANGEBYSCORE', key, '-inf', before - window[2])
  local left = call('ZCARD', key)
  if left > MOST_EVENTS then call('ZREMRANGEBYRANK', key, 0, MOST_EVENTS / 10 - 1) end
  if window[1] == SUM and left <= SMALL then call('DEL', key .. ':2') end
end

local function put_event(key, window, order, time, value)
  local before = newest(key)
  trim(key, window, order, before)
  local member = pack_bytes('>I6', order) .. value
  call('ZADD', key, time, member)
  remember('ZREM', key, member)
  touch(key, window, before, time)
end

-- Sums: with many events, sums of buckets stand beside the events, so that only one bucket's events are gone through.
local function add_halves(sums, exponent, high, low)
  local found = sums[exponent]
  if found then found[1], found[2] = found[1] + high, found[2] + low else sums[exponent] = {high, low} end
end

local function add_members(sums, members)
  for i = 1, #members do
    local exponent, high, low = unpack_bytes('>i2i4I4', members[i], 7)
    add_halves(sums, exponent, high, low)
  end
end

local function add_to_bucket(buckets, width, time, member)
  local exponent, high, low = unpack_bytes('>i2i4I4', member, 7)
  local bucket = string.format('%.0f:%d', floor(time / width), exponent)
  call('HINCRBY', buckets, bucket .. ':h', high)
  call('HINCRBY', buckets, bucket .. ':l', low)
end

local events = {}  -- how many a key has, where that is known
local function put_sum(key, buckets, window, order, time, value)
  put_event(key, window, order, time, value)
  local many = call('ZCARD', key)
  events[key] = many
  if many <= SMALL then return end
  local width = math.ceil(window[2] / BUCKETS)
  if call('EXISTS', buckets) == 1 then
    add_to_bucket(buckets, width, time, pack_bytes('>I6', order) .. value)
    if order % 256 == 0 and call('HLEN', buckets) > 8 * BUCKETS then call('DEL', buckets) end
  else
    local all = call('ZRANGE', key, 0, -1, 'WITHSCORES')
    for i = 1, #all, 2 do add_to_bucket(buckets, width, tonumber(all[i + 1]), all[i]) end
  end
  call('PEXPIRE', buckets, window[3])
  if token then undo[#undo + 1] = {'DEL', buckets} end
end

local function ask_sum(key, buckets, window, cutoff)
  local sums, last = {}, newest(key)
  local width = math.ceil(window[2] / BUCKETS)
  if not last then return false end
  if (events[key] or call('ZCARD', key)) <= SMALL or call('EXISTS', buckets) == 0 then
    add_members(sums, call('ZRANGEBYSCORE', key, '(' .. decimal(cutoff), '+inf'))
  else
    local first = floor(cutoff / width)
    local limit = '(' .. decimal((first + 1) * width)
    add_members(sums, call('ZRANGEBYSCORE', key, '(' .. decimal(cutoff), limit))
    local all = call('HGETALL', buckets)
    for i = 1, #all, 2 do
      local bucket, exponent, half = string.match(all[i], '^(-?%d+):(-?%d+):(%a)$')
      if tonumber(bucket) > first then
        local amount = tonumber(all[i + 1])
        add_halves(sums, tonumber(exponent), half == 'h' and amount or 0, half == 'l' and amount or 0)
      end
    end
  end
  local found = {last}
  for exponent, halves in pairs(sums) do
    found[#found + 1], found[#found + 2], found[#found + 3] = exponent, halves[1], halves[2]
  end
  return found
end

-- Distinct: digests with their latest time; beyond EXACT_DISTINCT the sliding HyperLogLog of `sketch.py`.
local function place(digest)
  local register, rank = byte(digest, 1) * 16 + floor(byte(digest, 2) / 16), 1
  local part, bits, i = byte(digest, 2) % 16, 4, 2
  while true do
    for bit = bits - 1, 0, -1 do
      if part >= 2 ^ bit then return register, rank end
      rank = rank + 1
    end
    i = i + 1
    if i > 8 then return register, rank end
    part, bits = byte(digest, i), 8
  end
end

local function put_in_sketch(sketch, window, digest, time)
  local register, rank = place(digest)
  local field = pack_bytes('>I2', register)
  local before = call('HGET', sketch, field)
  local after, inside = {}, false
  for i = 1, before and #before or 0, 9 do
    local other, held = unpack_bytes('>dB', before, i)
    if other >= time and held >= rank then return end
    if (other > time or held > rank) and other > time - window[2] then
      if other > time and not inside then
        after[#after + 1], inside = pack_bytes('>dB', time, rank), true
      end
      after[#after + 1] = sub(before, i, i + 8)
    end
  end
  if not inside then after[#after + 1] = pack_bytes('>dB', time, rank) end
  call('HSET', sketch, field, table.concat(after))
  if before then remember('HSET', sketch, field, before) else remember('HDEL', sketch, field) end
end

local function put_distinct(key, sketch, window, order, time, digest)
  local before = newest(key)
  if not before and call('EXISTS', sketch) == 1 then
    put_in_sketch(sketch, window, digest, time)
    local last = tonumber(call('HGET', sketch, 'newest'))
    if time > last then
      call('HSET', sketch, 'newest', decimal(time))
      remember('HSET', sketch, 'newest', decimal(last))
    end
    call('PEXPIRE', sketch, window[3])
    return
  end
  trim(key, window, order, before)
  if token then
    local held = before and call('ZSCORE', key, digest)
    if held then remember('ZADD', key, held, digest) else remember('ZREM', key, digest) end
  end
  local added = call('ZADD', key, 'GT', time, digest)
  touch(key, window, before, time)
  if added == 1 and call('ZCARD', key) > EXACT_DISTINCT then
    call('HSET', sketch, 'newest', decimal(newest(key)))
    -- That there is a sketch now is not undone, nor the value that led to it: one in ten thousand, far within the error.
    local all, kept, others = call('ZRANGE', key, 0, -1, 'WITHSCORES'), token, {}
    for i = 1, #undo do
      if undo[i][2] ~= key then others[#others + 1] = undo[i] end
    end
    undo, token = others, false
    for i = 1, #all, 2 do put_in_sketch(sketch, window, all[i], tonumber(all[i + 1])) end
    token = kept
    call('DEL', key)
    latest[key] = false
    call('PEXPIRE', sketch, window[3])
  end
end

local function ask_distinct(key, sketch, cutoff)
  local last = newest(key)
  if last then return {last, call('ZCOUNT', key, '(' .. decimal(cutoff), '+inf')} end
  local all = call('HGETALL', sketch)
  if #all == 0 then return false end
  local found = {}
  for rank = 0, 53 do found[rank + 3] = 0 end  -- found[3] stays 0: what is not mentioned is empty
  for i = 1, #all, 2 do
    if all[i] == 'newest' then
      found[1] = tonumber(all[i + 1])
    else
      for j = 1, #all[i + 1], 9 do
        local time, rank = unpack_bytes('>dB', all[i + 1], j)
        if time > cutoff then
          found[rank + 3] = found[rank + 3] + 1
          break
        end
      end
    end
  end
  found[2] = -1
  return found
end

-- Least and greatest: only what no later event undercuts is kept, so that values rise (fall) with time.
local function put_extreme(key, window, order, time, value)
  local function beats(one, other)
    if window[1] == LEAST then return at_most(one, other) else return at_most(other, one) end
  end
  local before = newest(key)
  if before and before >= time then
    local later = call('ZRANGEBYSCORE', key, time, '+inf', 'LIMIT', 0, 1)
    if beats(sub(later[1], 7), value) then return end
  end
  local beaten = {}
  while before do
    local earlier = call('ZREVRANGEBYSCORE', key, time, '-inf', 'WITHSCORES', 'LIMIT', #beaten, 1)
    if not earlier[1] or not (beats(value, sub(earlier[1], 7)) or tonumber(earlier[2]) == time) then break end
    beaten[#beaten + 1] = earlier
  end
  put_event(key, window, order, time, value)
  for i = 1, #beaten do
    call('ZREM', key, beaten[i][1])
    remember('ZADD', key, beaten[i][2], beaten[i][1])
  end
end

local function ask_earliest(key, cutoff)
  local last = newest(key)
  if not last then return false end
  local found = call('ZRANGEBYSCORE', key, '(' .. decimal(cutoff), '+inf', 'LIMIT', 0, 1)
  return {last, found[1] and text(sub(found[1], 7)) or false}
end

-- Last: one string, the time and the value.
local lasts = {}
local function last_of(key)
  local found = lasts[key]
  if found == nil then
    found = call('GET', key)
    lasts[key] = found
  end
  return found
end

local function put_last(key, window, time, value)
  local before = last_of(key)
  if before and unpack_bytes('>d', before) > time then return end
  lasts[key] = pack_bytes('>d', time) .. value
  call('SET', key, lasts[key], 'PX', window[3])
  if before then remember('SET', key, before, 'KEEPTTL') else remember('DEL', key) end
end

local function ask_last(key, cutoff)
  local found = last_of(key)
  if not found then return false end
  local time = unpack_bytes('>d', found)
  return {time, time > cutoff and text(sub(found, 9)) or false}
end

local function put(window, key, beside, order, time, value)
  local kind = window[1]
  if kind == COUNT or kind == FIRST then put_event(key, window, order, time, value)
  elseif kind == SUM then put_sum(key, beside, window, order, time, value)
  elseif kind == DISTINCT then put_distinct(key, beside, window, order, time, value)
  elseif kind == LAST then put_last(key, window, time, value)
  else put_extreme(key, window, order, time, value) end
end

local function ask(window, key, beside, cutoff)
  local kind = window[1]
  if kind == COUNT then
    local last = newest(key)
    return last and {last, call('ZCOUNT', key, '(' .. decimal(cutoff), '+inf')}
  end
  if kind == SUM then return ask_sum(key, beside, window, cutoff) end
  if kind == DISTINCT then return ask_distinct(key, beside, cutoff) end
  if kind == LAST then return ask_last(key, cutoff) end
  return ask_earliest(key, cutoff)
end
