-- Load for wrk: fills a bucket with small objects by HTML forms, all under one signed policy, and tells the totals as JSON.
-- The keys are scattered: each comes between others. usage: wrk ... -s fill.lua URL -- TARGET TEMPLATE-FILE FIRST

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  target = args[1]
  local file = assert(io.open(args[2]))
  local template = file:read("*a")
  file:close()
  local at, ends = template:find("@KEY@", 1, true)
  before, after = template:sub(1, at - 1), template:sub(ends + 1)
  -- Two threads at most: one takes the even numbers.
  count = tonumber(args[3]) + number
  headers = { ["Content-Type"] = "multipart/form-data; boundary=onshorebench" }
end

function request()
  count = count + 2
  local key = string.format("many/%08x-%d", (count * 2654435761) % 4294967296, count)
  return wrk.format("POST", target, headers, before .. key .. after)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\nTOTALS {"requests":%d,"seconds":%f,"bytes":%d,"errors":%d,"median_ms":%f,"p99_ms":%f}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
