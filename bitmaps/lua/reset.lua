-- Deletes what a partition has left without a checkpoint.
-- KEYS  1 head  2 log  3 accounts  4.. the hashes of accounts
-- ARGV  1 generation  2 nonce  3 the first seq the changelog keeps
-- Returns 'OK', or 'FENCED' if another writer took the partition over.
local head = redis.call('HMGET', KEYS[1], 'gen', 'nonce')
if head[1] ~= ARGV[1] or head[2] ~= ARGV[2] then
  return 'FENCED'
end
redis.call('HDEL', KEYS[1], 'checkpoint')
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[3] .. '-0')
for k = 3, #KEYS do
  redis.call('DEL', KEYS[k])
end
return 'OK'
