-- Sliding-window logs: the times at which subjects were allowed, oldest first, in microseconds.
-- KEYS the logs of one request; ARGV for each of them its limit and its window in microseconds.
-- Takes the request out of all of them or, when one refuses, out of none. Answers
-- {1, remaining, microseconds until more would be allowed, and the same for each further log} or
-- {0, the place in KEYS of the log that refuses for the longest, microseconds until it allows more}.
local time = redis.call('TIME')
local clock = tonumber(time[1]) * 1000000 + tonumber(time[2])
local logs = {}
local refuser, wait = 0, -1

for place, key in ipairs(KEYS) do
  local limit = tonumber(ARGV[2 * place - 1])
  local window = tonumber(ARGV[2 * place])
  local now = clock

  -- A clock that was set back: by little, time stands still; by more than a window, nothing that is
  -- noted says anything about now.
  local last = tonumber(redis.call('LINDEX', key, -1))
  if last and last > now then
    if last - now > window then
      redis.call('DEL', key)
    else
      now = last
    end
  end

  local oldest = tonumber(redis.call('LINDEX', key, 0))
  while oldest and oldest <= now - window do
    redis.call('LPOP', key)
    oldest = tonumber(redis.call('LINDEX', key, 0))
  end

  local taken = redis.call('LLEN', key)
  if taken >= limit then
    -- Under a limit that was lowered, more than one has to leave first.
    local leaves = tonumber(redis.call('LINDEX', key, taken - limit)) or now
    if leaves + window - now > wait then
      refuser, wait = place, leaves + window - now
    end
  end
  logs[place] = { now = now, window = window, left = limit - taken - 1, oldest = oldest or now }
end

if refuser > 0 then
  return {0, refuser, wait}
end

local answer = {1}
for place, log in ipairs(logs) do
  -- Not "%d": Lua's numbers are doubles, which hold microseconds exactly until the year 2255.
  redis.call('RPUSH', KEYS[place], string.format('%.0f', log.now))
  redis.call('PEXPIRE', KEYS[place], math.ceil(log.window / 1000))
  table.insert(answer, log.left)
  table.insert(answer, log.oldest + log.window - log.now)
end
return answer
