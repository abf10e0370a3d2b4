-- What wrk sends.  wrk -s load.lua URL -- TARGETS
--
-- TARGETS: a file with a path a line, asked for in turn. The last line of the output is JSON.

function init(arguments)
  local targets = {}
  for line in io.lines(arguments[1]) do targets[#targets + 1] = line end
  wrk.path = targets[1]
  -- Without a function of ours wrk sends the same bytes again and again, which costs it nothing.
  if #targets > 1 then
    local requests, at = {}, 0
    for index, path in ipairs(targets) do requests[index] = wrk.format("GET", path) end
    request = function()
      at = at % #requests + 1
      return requests[at]
    end
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'JSON {"requests":%d,"microseconds":%d,"p50":%.1f,"p99":%.1f,"p999":%.1f,"max":%.1f,"errors":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    latency.max, errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
