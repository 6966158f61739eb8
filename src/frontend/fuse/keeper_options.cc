// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "frontend/fuse/keeper.h"

namespace shoal::fuse {
namespace {

using Json = nlohmann::json;

constexpr std::pair<Carrier, std::string_view> kCarriers[] = {
    {Carrier::automatic, "automatic"},
    {Carrier::exact, "exact"},
    {Carrier::file_buffered, "file-buffered"},
    {Carrier::file_directio, "file-directio"},
    {Carrier::loop, "loop"},
};

Result<KeeperOptions> from_json(const Json& json) {
  KeeperOptions options;
  options.mount_point = json.at("mount_point").get<std::string>();
  options.runtime_directory = json.at("runtime_directory").get<std::string>();
  options.volume = json.at("volume").get<std::string>();
  options.source = json.at("source").get<std::string>();
  options.server_command = json.at("server_command").get<std::vector<std::string>>();
  options.log_file = json.at("log_file").get<std::string>();
  SHOAL_TRY(options.carrier, carrier_named(json.at("carrier").get<std::string>()));
  options.cgroup = json.at("cgroup").get<std::string>();
  if (options.server_command.empty())
    return fail(ErrorCode::bad_input, "decode keeper options: the server's command is empty");
  return options;
}

}  // namespace

std::string_view name_of(Carrier carrier) noexcept {
  for (const auto& [value, name] : kCarriers)
    if (value == carrier) return name;
  return "unknown";
}

Result<Carrier> carrier_named(std::string_view name) {
  for (const auto& [value, text] : kCarriers)
    if (text == name) return value;
  return fail(ErrorCode::bad_input, "carrier \"" + std::string(name) + "\": no such carrier",
              "Use automatic, exact, file-buffered, file-directio or loop.");
}

std::string encode_keeper_options(const KeeperOptions& options) {
  // Paths and arguments may hold any bytes; JSON strings may not, so replaced bytes are refused by
  // whoever opens the path. Names of mounts and volumes are UTF-8 everywhere else, too.
  return Json{{"mount_point", options.mount_point.string()},
              {"runtime_directory", options.runtime_directory.string()},
              {"volume", options.volume.string()},
              {"source", options.source},
              {"server_command", options.server_command},
              {"log_file", options.log_file.string()},
              {"carrier", name_of(options.carrier)},
              {"cgroup", options.cgroup.string()}}
             .dump(-1, ' ', false, Json::error_handler_t::replace) +
         "\n";
}

Result<KeeperOptions> decode_keeper_options(std::string_view text) {
  try {
    return from_json(Json::parse(text));
  } catch (const Json::exception& error) {
    return fail(ErrorCode::bad_input, std::string("decode keeper options: ") + error.what(),
                "`shoal keeper` is started by `shoal mount`, not by hand.");
  }
}

}  // namespace shoal::fuse
