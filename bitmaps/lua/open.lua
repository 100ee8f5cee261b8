-- Takes a partition over: raises its generation, so that every earlier writer is fenced.
-- KEYS  1 head  2 log
-- ARGV  1 format  2 nonce (random)
-- Returns {generation, seq, checkpoint or false, format found}. The changelog gets
-- an entry that links the new nonce to the one before, so that a reader who follows it
-- can tell a take-over from a state that was replaced.
local format = redis.call('HGET', KEYS[1], 'format')
if format and format ~= ARGV[1] then
  return {0, 0, false, format}
end
local before = redis.call('HGET', KEYS[1], 'nonce') or ''
local generation = redis.call('HINCRBY', KEYS[1], 'gen', 1)
local seq = redis.call('HINCRBY', KEYS[1], 'seq', 1)
redis.call('HSET', KEYS[1], 'format', ARGV[1], 'nonce', ARGV[2])
redis.call('XADD', KEYS[2], seq .. '-0', 'n', ARGV[2], 'b', before)
return {generation, seq, redis.call('HGET', KEYS[1], 'checkpoint'), ARGV[1]}
