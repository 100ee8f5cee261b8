-- Commits one step of a partition: all of it or nothing.
-- KEYS  1 head  2 log  3 accounts  4.. the fragments of accounts written to
-- ARGV  1 generation  2 nonce  3 the seq this commit makes  4 checkpoint  5 changelog entry
--       6 the first seq the changelog keeps, or 0
--       then for every key from the 4th on: account, n, and n pairs of field and value;
--       an empty value deletes the field, n = -1 deletes the account
-- Returns 'OK', also if this very commit was applied before (its reply was lost);
-- 'FENCED' if another writer took the partition over, 'SEQ' if the state is not the one
-- before, 'DAMAGED' if fragments or accounts have gone missing: their numbers are kept,
-- those of fragments by account in the hash of accounts, that of accounts in the head.
local head = redis.call('HMGET', KEYS[1], 'gen', 'nonce', 'seq', 'accounts')
if head[1] ~= ARGV[1] or head[2] ~= ARGV[2] then
  return 'FENCED'
end
local seq = tonumber(ARGV[3])
if tonumber(head[3]) == seq and redis.call('HGET', KEYS[1], 'checkpoint') == ARGV[4] then
  return 'OK'
end
if tonumber(head[3]) ~= seq - 1 then
  return 'SEQ'
end
local accounts = tonumber(head[4] or 0)
if redis.call('HLEN', KEYS[3]) ~= accounts then
  return 'DAMAGED'
end
local held = {}
local i = 7
for k = 4, #KEYS do
  local n = tonumber(ARGV[i + 1])
  held[k] = tonumber(redis.call('HGET', KEYS[3], ARGV[i]) or 0)
  if held[k] > 0 and redis.call('HLEN', KEYS[k]) ~= held[k] then
    return 'DAMAGED'
  end
  i = i + 2 + 2 * math.max(n, 0)
end
redis.call('XADD', KEYS[2], ARGV[3] .. '-0', 'e', ARGV[5], 'c', ARGV[4])
i = 7
for k = 4, #KEYS do
  local account, n = ARGV[i], tonumber(ARGV[i + 1])
  i = i + 2
  if held[k] == 0 or n == -1 then
    redis.call('DEL', KEYS[k])
  end
  local count = held[k]
  for _ = 1, n do
    if ARGV[i + 1] == '' then
      count = count - redis.call('HDEL', KEYS[k], ARGV[i])
    else
      count = count + redis.call('HSET', KEYS[k], ARGV[i], ARGV[i + 1])
    end
    i = i + 2
  end
  if n == -1 or count == 0 then
    accounts = accounts - redis.call('HDEL', KEYS[3], account)
  else
    accounts = accounts + redis.call('HSET', KEYS[3], account, count)
  end
end
redis.call('HSET', KEYS[1], 'seq', ARGV[3], 'checkpoint', ARGV[4], 'accounts', accounts)
if ARGV[6] ~= '0' then
  redis.call('XTRIM', KEYS[2], 'MINID', ARGV[6] .. '-0')
  -- Redis marks entries as deleted, and keeps their bytes while others of the same
  -- block are there. What is trimmed may name an erased contact, so a short rest is
  -- written anew; of a long one, the block goes with the next trim.
  if redis.call('XLEN', KEYS[2]) <= 100 then
    local rest = redis.call('XRANGE', KEYS[2], '-', '+')
    redis.call('DEL', KEYS[2])
    for _, entry in ipairs(rest) do
      redis.call('XADD', KEYS[2], entry[1], unpack(entry[2]))
    end
  end
end
return 'OK'
