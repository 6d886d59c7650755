-- KEYS[1] the entry; ARGV: 1 the log's id, 2 the seq in twenty digits, 3 the entry, 4 its time in ms.
-- Keeps what is there if it is of the same log and of a higher seq. Answers whether it was put.
local there = redis.call('HMGET', KEYS[1], 'log', 'seq')
-- Twenty digits compare as text as they do as numbers; as Lua's numbers they would lose some.
if there[1] == ARGV[1] and there[2] and there[2] > ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], 'log', ARGV[1], 'seq', ARGV[2], 'entry', ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
