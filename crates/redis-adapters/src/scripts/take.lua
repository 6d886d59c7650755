-- A sliding-window log: the times at which a subject was allowed, oldest first, in microseconds.
-- KEYS[1] the log; ARGV[1] the limit; ARGV[2] the window in microseconds.
-- Answers {allowed, remaining, microseconds until more would be allowed}.
local limit = tonumber(ARGV[1])
local window = tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- A clock that was set back: by little, time stands still; by more than a window, nothing that is
-- noted says anything about now.
local last = tonumber(redis.call('LINDEX', KEYS[1], -1))
if last and last > now then
  if last - now > window then
    redis.call('DEL', KEYS[1])
  else
    now = last
  end
end

local oldest = tonumber(redis.call('LINDEX', KEYS[1], 0))
while oldest and oldest <= now - window do
  redis.call('LPOP', KEYS[1])
  oldest = tonumber(redis.call('LINDEX', KEYS[1], 0))
end

local taken = redis.call('LLEN', KEYS[1])
if taken >= limit then
  -- Under a limit that was lowered, more than one has to leave first.
  local leaves = tonumber(redis.call('LINDEX', KEYS[1], taken - limit)) or now
  return {0, 0, leaves + window - now}
end

-- Not "%d": Lua's numbers are doubles, which hold microseconds exactly until the year 2255.
redis.call('RPUSH', KEYS[1], string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(window / 1000))
return {1, limit - taken - 1, (oldest or now) + window - now}
