-- Puts the state that was made beside in the place of a partition's, with one commit on top.
-- KEYS  1 head  2 log  3 accounts  4 damage  5 to 8 the same of the state beside
--       then the fragments of the accounts that go, and then in pairs those of the accounts
--       that come: as they are called beside, and as they are to be called
-- ARGV  1 generation  2 nonce  3 seq  4 to 6 the same of the state beside
--       7 the seq of the new beginning  8 checkpoint  9 changelog entry
--       10 how many accounts go  11 how many come  12 the format
-- Returns 'OK'; 'FENCED' if another writer took one of the two over, 'SEQ' if one is not the
-- state that was compared. The changelog begins anew with an entry that links to no nonce, so
-- whoever follows reads everything anew, and then has the commit.
local head = redis.call('HMGET', KEYS[1], 'gen', 'nonce', 'seq')
local beside = redis.call('HMGET', KEYS[5], 'gen', 'nonce', 'seq')
if head[1] ~= ARGV[1] or head[2] ~= ARGV[2] or beside[1] ~= ARGV[4] or beside[2] ~= ARGV[5] then
  return 'FENCED'
end
local going, coming = tonumber(ARGV[10]), tonumber(ARGV[11])
if head[3] ~= ARGV[3] or beside[3] ~= ARGV[6] or redis.call('HLEN', KEYS[7]) ~= coming then
  return 'SEQ'
end
for i = 1, coming do
  if redis.call('EXISTS', KEYS[8 + going + 2 * i - 1]) == 0 then
    return 'SEQ'
  end
end
for k = 2, 4 do
  redis.call('UNLINK', KEYS[k])
end
for k = 9, 8 + going do
  redis.call('UNLINK', KEYS[k])
end
for k = 9 + going, #KEYS, 2 do
  redis.call('RENAME', KEYS[k], KEYS[k + 1])
end
if coming > 0 then
  redis.call('RENAME', KEYS[7], KEYS[3])
end
for k = 5, 8 do
  redis.call('UNLINK', KEYS[k])
end
local seq = string.format('%.0f', tonumber(ARGV[7]) + 1)
redis.call('HSET', KEYS[1], 'format', ARGV[12], 'nonce', ARGV[5], 'seq', seq, 'checkpoint', ARGV[8], 'accounts', coming)
redis.call('XADD', KEYS[2], ARGV[7] .. '-0', 'n', ARGV[5], 'b', '')
redis.call('XADD', KEYS[2], seq .. '-0', 'e', ARGV[9], 'c', ARGV[8])
return 'OK'
