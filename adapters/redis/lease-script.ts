import { decrease, floor, increasePerSecond } from "../../src/rate-limit/learning.ts";
import { script } from "./script.ts";

/**
 * Serves one lease: src/rate-limit/lease-book.ts and membership.ts in Lua, on what Redis remembers.
 *
 * KEYS: the epoch, which also holds the members; the bucket. Both are MessagePack, which keeps every
 * digit of a number. ARGV: see lender.ts. Time is Redis' own unless a clock was injected.
 *
 * An epoch is a stretch of time through which Redis remembers. A new one begins where the key is
 * missing (first use, flushed), where another process serves it (restarted, failed over: the newest
 * writes may be lost), and where the clock went back further than a lease lasts. Leases of an older
 * epoch may be forgotten and still be spent until `leaseMs` after its beginning, so a bucket that is
 * new in this epoch is empty until then.
 */
export const leaseScript = script(`
local now, deadline, leaseMs = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local replica, sequence, declared = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local who = replica .. ARGV[16]
local need, want, held = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local succeeded, admittedAgo, retryAfter, remaining = ARGV[12], tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15])
local injected = now ~= nil
if not injected then
  local time = redis.call("TIME")
  now = time[1] * 1000 + time[2] / 1000
end
if deadline and now > deadline then return redis.error_reply("LATE: whoever asked has given up") end

local function load(key)
  local raw = redis.call("GET", key)
  return raw and cmsgpack.unpack(raw)
end
local info = redis.pcall("INFO", "server")
local run = type(info) == "string" and string.match(info, "run_id:(%x+)") or "unknown"
local epoch, page = load(KEYS[1]), load(KEYS[2])
if page and page.refilledAt > now + leaseMs then epoch = nil end
local changed = declared ~= nil
if not epoch or epoch.run ~= run or epoch.at > now + leaseMs then
  epoch = {run = run, at = now, seen = {}, joinedAt = 0}
  changed = true
end

local share, since = 1, 0
if declared then
  local count = 1
  for id, at in pairs(epoch.seen) do
    if at + leaseMs <= now then epoch.seen[id] = nil
    elseif id ~= replica then count = count + 1 end
  end
  if not epoch.seen[replica] then epoch.joinedAt = now end
  epoch.seen[replica] = now
  share, since = math.min(1, count / declared), epoch.joinedAt
end
if changed then redis.call("SET", KEYS[1], cmsgpack.pack(epoch)) end

local burst = tonumber(ARGV[8]) * share
local ratePerMs = tonumber(ARGV[7]) * share / 1000
if not page or page.epoch ~= epoch.at then
  local emptyAt = epoch.at + leaseMs
  page = {epoch = epoch.at, tokens = 0, refilledAt = emptyAt, borrowers = {},
    share = 1, pausedUntil = 0, loweredAt = 0, raisedAt = emptyAt}
end
local borrowers = page.borrowers
local ahead = math.max(0, page.refilledAt - now)
now = now + ahead
if since > page.refilledAt then
  page.tokens = math.min(page.tokens, 0)
  page.refilledAt = since
end

local function lentTotal()
  local sum = 0
  for _, borrower in pairs(borrowers) do sum = sum + borrower.lent end
  return sum
end
local function refill(till)
  local elapsed = math.max(0, till - page.refilledAt)
  page.tokens = math.min(burst - lentTotal(), page.tokens + elapsed * ratePerMs * page.share)
  page.refilledAt = math.max(page.refilledAt, till)
end

local ended = {}
for _, borrower in pairs(borrowers) do
  if borrower.lent > 0 and borrower.endsAt <= now then ended[#ended + 1] = borrower end
end
table.sort(ended, function(a, b) return a.endsAt < b.endsAt end)
for _, borrower in ipairs(ended) do
  refill(borrower.endsAt)
  borrower.lent = 0
end
refill(now)
for id, borrower in pairs(borrowers) do
  if borrower.waitsUntil <= now then borrower.waitsSince = 0 end
  if borrower.lent == 0 and borrower.waitsSince == 0 then borrowers[id] = nil end
end

if succeeded == "1" and page.share ~= 1 and now > page.raisedAt then
  page.share = math.min(1, page.share + (now - page.raisedAt) / 1000 * ${increasePerSecond})
  page.raisedAt = now
end
if admittedAgo then
  page.pausedUntil = math.max(page.pausedUntil, now + retryAfter)
  if now - admittedAgo >= page.loweredAt then
    page.share = math.max(${floor}, page.share * ${decrease})
    page.loweredAt, page.raisedAt = now, now
    page.tokens = math.min(page.tokens, 0)
  end
end
if remaining then page.tokens = math.min(page.tokens, math.max(0, remaining - lentTotal())) end

local mine = borrowers[who] or {lent = 0, waitsSince = 0, need = 0, waitsUntil = 0, sequence = 0}
if sequence <= mine.sequence then return redis.error_reply("STALE: a later request of this borrower came first") end
borrowers[who] = mine
mine.sequence = sequence
mine.lent = 0
local kept = math.min(held, math.max(0, burst - lentTotal()))
mine.lent = kept
mine.endsAt = now + leaseMs
page.tokens = math.min(page.tokens, burst - lentTotal())

local paused = math.max(0, page.pausedUntil - now)
local claimed = 0
local began = mine.waitsSince == 0 and now + 1 or mine.waitsSince
for id, other in pairs(borrowers) do
  if id ~= who and other.waitsSince ~= 0 and
    (other.waitsSince < began or (other.waitsSince == began and id < who)) then
    claimed = claimed + other.need
  end
end
local free = paused > 0 and 0 or page.tokens - claimed
local unit = need > 0 and need or 1
local tokens = unit * math.max(0, math.floor(math.min(math.max(want, need), free) / unit))
local retry = 0
if tokens > 0 then
  page.tokens = page.tokens - tokens
  mine.lent = mine.lent + tokens
  mine.waitsSince = 0
elseif need > 0 then
  local missing = need + claimed - page.tokens
  retry = math.min(math.max(paused, missing / (ratePerMs * page.share), 1), leaseMs / 2)
  if mine.waitsSince == 0 then mine.waitsSince = now end
  mine.need = need
  mine.waitsUntil = now + retry + leaseMs
else mine.waitsSince = 0 end
if mine.lent == 0 and mine.waitsSince == 0 then borrowers[who] = nil end

local entry = cmsgpack.pack(page)
if injected then redis.call("SET", KEYS[2], entry)
else
  -- Until a new bucket would be no different: leases ended, filled up, and what was learned given back.
  local fills = (burst - page.tokens) / (ratePerMs * page.share) + (1 - page.share) / ${increasePerSecond} * 1000
  local life = math.min(ahead + leaseMs + paused + fills + 1000, 2^52)
  redis.call("SET", KEYS[2], entry, "PX", string.format("%.0f", life))
end
local answer = {tokens, kept, retry, ratePerMs * page.share * 1000, paused, now - ahead}
for i, number in ipairs(answer) do answer[i] = string.format("%.17g", number) end
return answer
`);

/** Answers Redis' time in milliseconds. KEYS: the epoch, which says who is asked in a cluster. */
export const timeScript = script(`
local time = redis.call("TIME")
return string.format("%.3f", time[1] * 1000 + time[2] / 1000)
`);
