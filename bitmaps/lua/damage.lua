-- Notes what the writer of a partition found damaged, if it still is its writer.
-- KEYS  1 head  2 damage
-- ARGV  1 nonce  2 what
-- Returns 'OK', or 'FENCED' if another writer took the partition over.
if redis.call('HGET', KEYS[1], 'nonce') ~= ARGV[1] then
  return 'FENCED'
end
redis.call('SET', KEYS[2], ARGV[2])
return 'OK'
