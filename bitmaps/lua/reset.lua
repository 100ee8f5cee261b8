-- Begins a partition anew: deletes its changelog, its accounts and its checkpoint.
-- KEYS  1 head  2 log  3 accounts  4 damage  5.. the fragments of accounts
-- ARGV  1 generation  2 nonce  3 the seq of the new beginning  4 the new nonce
--       5 the format
-- Returns 'OK', or 'FENCED' if another writer took the partition over. The changelog
-- begins with an entry that links to no nonce: whoever follows reads everything anew.
local head = redis.call('HMGET', KEYS[1], 'gen', 'nonce')
if head[1] ~= ARGV[1] or head[2] ~= ARGV[2] then
  return 'FENCED'
end
for k = 2, #KEYS do
  redis.call('DEL', KEYS[k])
end
redis.call('HDEL', KEYS[1], 'checkpoint', 'accounts')
redis.call('HSET', KEYS[1], 'format', ARGV[5], 'nonce', ARGV[4], 'seq', ARGV[3])
redis.call('XADD', KEYS[2], ARGV[3] .. '-0', 'n', ARGV[4], 'b', '')
return 'OK'
