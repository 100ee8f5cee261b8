-- Takes a partition over: raises its generation, so that every earlier writer is fenced.
-- KEYS  1 head  2 log
-- ARGV  1 format  2 nonce (random)
-- Returns {generation, seq, checkpoint or false, format found, 1 if the head is damaged}.
-- A state of an older format is taken over, and stays of that format until it is reset or
-- replaced. One of a newer format, or of none that can be read, is left as it is.
-- The changelog gets an entry that links the new nonce to the one before, so that a reader
-- who follows it can tell a take-over from a state that was replaced.
local head = redis.call('HMGET', KEYS[1], 'format', 'nonce', 'gen', 'seq', 'checkpoint')
local format = head[1] or ARGV[1]
if format ~= ARGV[1] and not (string.match(format, '^[1-9]%d*$') and tonumber(format) < tonumber(ARGV[1])) then
  return {0, 0, false, format, 0}
end
local before, generation, seq = head[2], tonumber(head[3]), tonumber(head[4])
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)
local top = 0
if newest[1] then
  top = tonumber(string.match(newest[1][1], '^%d+'))
end
local damaged = 0
if head[1] or before or generation or seq or top > 0 or head[5] then
  -- A head was written whole, and its changelog does not reach beyond it.
  if not (head[1] and before and generation and seq) or top > seq then
    damaged = 1
  end
end
generation, seq = (generation or 0) + 1, math.max(seq or 0, top) + 1
redis.call('HSET', KEYS[1], 'format', format, 'nonce', ARGV[2], 'gen', string.format('%.0f', generation), 'seq', string.format('%.0f', seq))
redis.call('XADD', KEYS[2], string.format('%.0f', seq) .. '-0', 'n', ARGV[2], 'b', before or '')
return {generation, seq, head[5], format, damaged}
