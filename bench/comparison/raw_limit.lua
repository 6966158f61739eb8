-- SPDX-License-Identifier: Apache-2.0
-- For wrk: asks for the objects that the file $RAW_LIST names, over and over, below $RAW_PREFIX, each
-- with its line of the file $RAW_AUTHORIZATIONS and with the headers of $RAW_HEADERS, one per line.
local prefix = os.getenv("RAW_PREFIX")
local requests = {}
local at = 0
function init()
  local headers = {}
  for name, value in os.getenv("RAW_HEADERS"):gmatch("([^:\n]+): ([^\n]+)") do
    headers[name] = value
  end
  local authorization = io.lines(os.getenv("RAW_AUTHORIZATIONS"))
  for name in io.lines(os.getenv("RAW_LIST")) do
    headers["Authorization"] = authorization()
    requests[#requests + 1] = wrk.format("GET", prefix .. name, headers)
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
function done(summary, _, _)
  local errors = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%.4f,"errors":%d}\n', summary.requests,
    summary.duration / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
