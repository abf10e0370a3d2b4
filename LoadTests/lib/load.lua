-- What wrk sends and checks.  wrk -s load.lua URL -- TARGETS [delay MILLISECONDS] [check]
--
-- TARGETS: a file with a path a line, asked for in turn. `delay`: the pause of a connection between two requests, so
-- that the load is steady and below what the server can do. `check`: every answer's status and body are looked at and
-- counted by the version they name. The last line of the output is JSON.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

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
  for index = 2, #arguments do
    if arguments[index] == "delay" then
      local pause = tonumber(arguments[index + 1])
      -- Drawn anew each time: connections in step would come in bursts.
      delay = function() return math.random(0, 2 * pause) end
    elseif arguments[index] == "check" then
      begin_checking()
    end
  end
end

function begin_checking()
  -- Globals: `done` runs in an interpreter of its own and asks the threads for them.
  by_status, by_version, wrong, example = {}, {}, 0, ""
  response = function(status, headers, body)
    local version = string.match(body, '"version":(%d+)}}$')
    by_status[status] = (by_status[status] or 0) + 1
    if version then by_version[version] = (by_version[version] or 0) + 1 end
    if status ~= 200 or not version or not string.find(body, '"items":[{', 1, true) then
      wrong = wrong + 1
      if example == "" then example = string.gsub(string.sub(status .. " " .. body, 1, 200), '[%c"\\]', "'") end
    end
  end
end

-- The counts of all threads as the members of a JSON object.
local function added(name)
  local sums, parts = {}, {}
  for _, thread in ipairs(threads) do
    for key, count in pairs(thread:get(name) or {}) do sums[key] = (sums[key] or 0) + count end
  end
  for key, count in pairs(sums) do parts[#parts + 1] = string.format('"%s":%d', key, count) end
  return table.concat(parts, ",")
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'JSON {"requests":%d,"microseconds":%d,"p50":%.1f,"p99":%.1f,"p999":%.1f,"max":%.1f,"errors":{"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
    latency.max, errors.connect, errors.read, errors.write, errors.timeout, errors.status))
  local wrong, example = 0, ""
  for _, thread in ipairs(threads) do
    wrong = wrong + (thread:get("wrong") or 0)
    if example == "" then example = thread:get("example") or "" end
  end
  io.write(string.format(',"statuses":{%s},"versions":{%s},"wrong":%d,"example":"%s"}\n', added("by_status"), added("by_version"), wrong, example))
end
