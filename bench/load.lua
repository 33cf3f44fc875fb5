-- Sends the requests of the file REQUESTS in turn; prints what was measured as JSON.
-- Requests are separated by a zero byte. {start_of_the_shift} and {end_of_the_shift_0} become times that no other request has.
local file = io.open(os.getenv("REQUESTS"), "rb")
local requests = {}
for text in (file:read("*a") .. "\0"):gmatch("([^%z]+)%z") do requests[#requests + 1] = text end
file:close()
number = 0 -- global, so that `done` can read it
local format = "!%Y-%m-%dT%H:%M:%SZ"
local base = 1930000000 -- in 2031
local has_times = requests[1]:find("{start_of_the_shift}", 1, true) ~= nil

request = function()
  local text = requests[number % #requests + 1]
  if has_times then
    local start = base + math.floor(number / #requests) * 7200
    text = text:gsub("{start_of_the_shift}", os.date(format, start)):gsub("{end_of_the_shift_0}", os.date(format, start + 3600))
  end
  number = number + 1
  return text
end

local expected = os.getenv("EXPECTED")
if expected ~= "" then
  unexpected = 0
  response = function(_, _, body)
    if not body:find(expected, 1, true) then unexpected = unexpected + 1 end
  end
end

local thread_of_load
setup = function(thread) thread_of_load = thread end

done = function(summary, latency)
  local errors = summary.errors
  local bad = errors.status + (thread_of_load:get("unexpected") or 0)
  io.write(string.format(
    '{"sent":%d,"requests":%d,"seconds":%f,"bad":%d,"failed":%d,"p50":%f,"p99":%f,"bytes":%d}\n',
    thread_of_load:get("number"), summary.requests, summary.duration / 1e6, bad, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, summary.bytes))
end
