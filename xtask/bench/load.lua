-- Load for wrk: goes through a file of request targets, with a body of the given length, and tells the totals as JSON.
-- usage: wrk ... -s load.lua URL -- METHOD BODY-BYTES TARGETS-FILE

local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  method = args[1]
  body = tonumber(args[2]) > 0 and string.rep("onshore ", tonumber(args[2]) / 8) or nil
  targets = {}
  for line in io.lines(args[3]) do
    targets[#targets + 1] = line
  end
  -- Threads start at different places, so that they do not walk in step.
  at = number * 997
end

function request()
  at = at + 1
  return wrk.format(method, targets[at % #targets + 1], nil, body)
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\nTOTALS {"requests":%d,"seconds":%f,"bytes":%d,"errors":%d,"median_ms":%f,"p99_ms":%f}\n',
    summary.requests, summary.duration / 1e6, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
