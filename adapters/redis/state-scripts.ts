import { script } from "./script.ts";

/**
 * `read()` answers version, end and value of KEYS[1] as record.ts keeps them. ARGV[1] is the injected
 * clock's time; where it is empty, Redis itself ends the life of keys.
 */
const prelude = `
local now = tonumber(ARGV[1])
local function read()
  local raw = redis.call("GET", KEYS[1])
  if not raw then return nil end
  local version, ends, value = string.match(raw, "^(%S+) (%S+) (.*)$")
  if not version then return nil, nil, nil, redis.error_reply("FOREIGN entry") end
  if now and ends ~= "-" and tonumber(ends) <= now then return nil end
  return version, ends, value
end
local function write(version, ends, value, ttl)
  local entry = version .. " " .. ends .. " " .. value
  if ttl == "keep" then redis.call("SET", KEYS[1], entry, "KEEPTTL")
  elseif ttl == "" then redis.call("SET", KEYS[1], entry)
  else redis.call("SET", KEYS[1], entry, "PX", ttl) end
end
`;

/** ARGV: now, expected version or empty, new version, end, value, TTL or empty. Answers 1 if it wrote. */
export const compareAndSet = script(`${prelude}
local version, _, _, foreign = read()
if foreign then return foreign end
if (version or "") ~= ARGV[2] then return 0 end
write(ARGV[3], ARGV[4], ARGV[5], ARGV[6])
return 1
`);

/** ARGV: now. Answers 1 if there was something. */
export const remove = script(`${prelude}
local version, _, _, foreign = read()
redis.call("DEL", KEYS[1])
return (version or foreign) and 1 or 0
`);

/**
 * ARGV: now, step, min or empty, max or empty, new version, end, TTL or empty; the last two for a new
 * counter. Answers whether it was applied, and the counter. Numbers are written with as few digits as
 * bring them back exactly; Lua's own way keeps fourteen.
 */
export const increment = script(`${prelude}
local function digits(number)
  for count = 15, 16 do
    local text = string.format("%." .. count .. "g", number)
    if tonumber(text) == number then return text end
  end
  return string.format("%.17g", number)
end
local function finite(number)
  return number and number == number and math.abs(number) < math.huge
end
local version, ends, value, foreign = read()
if foreign then return foreign end
local before = 0
if version then before = tonumber(value) end
if not finite(before) then return redis.error_reply("NOCOUNTER in this entry") end
local after = before + tonumber(ARGV[2])
local min, max = tonumber(ARGV[3]), tonumber(ARGV[4])
if not finite(after) then return redis.error_reply("NOCOUNTER that is finite") end
if (min and after < min) or (max and after > max) then return {0, digits(before)} end
write(ARGV[5], version and ends or ARGV[6], digits(after), version and "keep" or ARGV[7])
return {1, digits(after)}
`);
