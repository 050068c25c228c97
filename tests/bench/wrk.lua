-- What wrk sends: the errand's body, and with each request a key that no other one has.
local body, name, sent = os.getenv("BENCH_BODY"), os.getenv("BENCH_NAME"), 0
local headers = {}
for line in os.getenv("BENCH_HEADERS"):gmatch("[^\n]+") do
  local key, value = line:match("^(.-): (.*)$")
  headers[key] = value
end

-- Each thread of wrk has its own Lua; the thread's number keeps their keys apart.
local threads = 0
function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function request()
  sent = sent + 1
  headers["Idempotency-Key"] = name .. "-" .. number .. "-" .. sent
  return wrk.format("POST", nil, headers, body)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"microseconds":%d,"p50":%d,"p99":%d,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
