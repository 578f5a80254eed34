-- Logs are put in whole: the client has joined a key's new events. A key is read once and written once a call.

-- Where the value at this place of a log ends, and where it begins; `size` 0 says that its length stands before it.
local function value_at(log, from, size)
  if size > 0 then return from + size - 1, from end
  return from + 3 + unpack_bytes('>I4', log, from), from + 4
end

-- Call `each` with every event of a log: its number, its time, where it ends, and its values if they are `wanted`.
local function walk(log, sizes, wanted, each)
  local from, number = 2, 0
  while from <= #log do
    local time, last, values = unpack_bytes('>d', log, from), from + 7, {}
    number = number + 1
    for column = 1, #sizes do
      local first
      last, first = value_at(log, last + 1, sizes[column])
      if wanted then values[column] = sub(log, first, last) end
    end
    each(number, time, last, values)
    from = last + 1
  end
end

-- A log without what no window of its stream reaches any more.
local function without_old(log, stream)
  local newest_of_all, dropped, cut = -math.huge, 0, 1
  walk(log, stream[3], false, function(_, time) newest_of_all = math.max(newest_of_all, time) end)
  walk(log, stream[3], false, function(number, time, last)
    if dropped == number - 1 and time <= newest_of_all - stream[2] then dropped, cut = number, last end
  end)
  return dropped == byte(log) and '' or char(byte(log) - dropped) .. sub(log, cut + 1)
end

-- The newest MOST events of a log and of those that are put behind it, in the order they came: all that a key of a spread
-- stream has. Of events of the same time, the one that came first is the oldest.
local function newest_of(log, pieces, stream)
  local all, events, in_order, old = '\0' .. sub(log, 2) .. pieces, {}, {}, {}
  local first = 2
  walk(all, stream[3], false, function(number, time, last)
    events[number] = {number, time, first, last}
    in_order[number] = events[number]
    first = last + 1
  end)
  table.sort(in_order, function(a, b) return a[2] < b[2] or (a[2] == b[2] and a[1] < b[1]) end)
  local horizon = in_order[#in_order][2] - stream[2]
  for i, event in ipairs(in_order) do
    if i <= #in_order - MOST or event[2] <= horizon then old[event[1]] = true end
  end
  local kept = {}
  for number, event in ipairs(events) do
    if not old[number] then kept[#kept + 1] = sub(all, event[3], event[4]) end
  end
  return char(#kept) .. table.concat(kept)
end

local before, after, found_busy = {}, {}, {}
local many, from = #logs / 3, 1
for first = 1, many, 1000 do
  local part = call('MGET', unpack(KEYS, first + 2, math.min(first + 1001, many + 2)))
  for i = 1, #part do before[first + i - 1] = part[i] or '' end
end
for i = 1, many do
  local stream, events, bytes, log = streams[logs[3 * i - 2]], logs[3 * i - 1], logs[3 * i], before[i]
  if log == LARGE then
    found_busy[#found_busy + 1] = i
  elseif events > 0 and stream[4] then
    after[i] = newest_of(log, sub(ARGV[2], from, from + bytes - 1), stream)
  elseif events > 0 then
    if log ~= '' and (byte(log) + events > MOST or #log + bytes > ROOM) then log = without_old(log, stream) end
    local held = log == '' and 0 or byte(log)
    if held + events > MOST or #log + bytes > ROOM then
      found_busy[#found_busy + 1] = i
    else
      after[i] = char(held + events) .. sub(log, 2) .. sub(ARGV[2], from, from + bytes - 1)
    end
  end
  from = from + bytes
end
if #found_busy > 0 then return {cmsgpack.pack({2, head[1], head[2], head[3], found_busy})} end

-- A log that had too many events becomes series: as if its events had come to them, numbered before all others.
local function spread(log, sizes, places)
  local kept = token
  token = false  -- to be undone as a whole
  walk(log, sizes, true, function(number, time, _, values)
    for i = 1, #places, 3 do
      put(windows[places[i]], KEYS[places[i + 2]], KEYS[places[i + 2] + 1], number, time, values[places[i + 1]] or '')
    end
  end)
  token = kept
end

local function work()
  if incomplete and incomplete > since then
    since, head[3] = incomplete, decimal(incomplete)
    call('HSET', KEYS[1], 'since', head[3])
  end
  local lengths = {}
  for i = 1, many do
    lengths[i] = #before[i]
    if after[i] then
      local key = KEYS[i + 2]
      call('SET', key, after[i], 'PX', streams[logs[3 * i - 2]][1])
      if token then undo[#undo + 1] = before[i] ~= '' and {'SET', key, before[i], 'KEEPTTL'} or {'DEL', key} end
    end
  end

  for i = 1, #busy do
    local key, stream, places = KEYS[busy[i][1]], streams[busy[i][2]], busy[i][3]
    local log = call('GET', key)
    if log ~= LARGE then
      if log then remember('SET', key, log, 'KEEPTTL') else remember('DEL', key) end
      if log then
        for j = 1, #places, 3 do
          remember('DEL', KEYS[places[j + 2]])
          local kind = windows[places[j]][1]
          if kind == SUM or kind == DISTINCT then remember('DEL', KEYS[places[j + 2] + 1]) end
        end
        spread(log, stream[3], places)
      end
    end
    call('SET', key, LARGE, 'PX', stream[1])
  end

  local results = {}
  for i = 1, #steps do
    local step = steps[i]
    local window, key, beside = windows[step[2]], KEYS[step[3]], KEYS[step[3] + 1]
    if step[1] == 0 then
      put(window, key, beside, at + step[4], step[5], ARGV[step[6]])
    else
      results[#results + 1] = ask(window, key, beside, step[4]) or false
    end
  end

  if token then
    call('HSET', KEYS[1], 'open', token)
    call('SET', KEYS[2], cmsgpack.pack(undo))
  else
    if not expected then to = at + to end
    if to ~= at then call('HSET', KEYS[1], 'at', decimal(to)) end
    at = to
  end
  local reply = {cmsgpack.pack({1, decimal(at), head[2], head[3], results, lengths}), table.concat(before)}
  for i = 1, #texts do reply[i + 2] = texts[i] end
  return reply
end

-- A call can fail half way, where the slot is being moved and a key is already elsewhere: then nothing that is here is good
-- for anything, and whoever comes next fills it again from the record.
local good, reply = pcall(work)
if not good then call('HSET', KEYS[1], 'gen', '') end
return reply
