// SPDX-License-Identifier: Apache-2.0
#include "csi/check_attributes.h"

#include <map>
#include <nlohmann/json.hpp>

#include "csi/request_checks.h"
#include "csi/wanted_volume.h"

namespace shoal::csi {
namespace {

using Json = nlohmann::ordered_json;
using Mode = v1::VolumeCapability::AccessMode;

// As kubelet does, for a driver with SINGLE_NODE_MULTI_WRITER.
Answer<Mode::Mode> mode_named(const std::string& name) {
  static const std::map<std::string, Mode::Mode> modes{
      {"ReadOnlyMany", Mode::MULTI_NODE_READER_ONLY},
      {"ReadWriteMany", Mode::MULTI_NODE_MULTI_WRITER},
      {"ReadWriteOnce", Mode::SINGLE_NODE_MULTI_WRITER},
      {"ReadWriteOncePod", Mode::SINGLE_NODE_SINGLE_WRITER}};
  const auto at = modes.find(name);
  if (at == modes.end()) return invalid("accessModes: '" + name + "' is not one of Kubernetes");
  return at->second;
}

// Throws Json::exception when a field is of another type.
Answer<std::string> check(const Json& document) {
  v1::VolumeCapability capability;
  const auto modes = document.value("accessModes", std::vector<std::string>{"ReadOnlyMany"});
  auto mode = mode_named(modes.empty() ? "" : modes.front());
  if (!mode) return std::unexpected(std::move(mode).error());
  capability.mutable_access_mode()->set_mode(*mode);
  for (const std::string& option : document.value("mountOptions", std::vector<std::string>{}))
    capability.mutable_mount()->add_mount_flags(option);
  capability.mutable_mount();
  auto wanted = read_wanted(/*has_capability=*/true, capability,
                            document.value("volumeAttributes", StringMap{}),
                            document.value("secrets", StringMap{}));
  if (!wanted) return std::unexpected(std::move(wanted).error());
  SHOAL_CSI_CHECK(check_inline_keys(wanted->volume));
  const Json answer{{"spec", Json::parse(agent::encode_spec(wanted->volume.spec))},
                    {"keys", wanted->volume.keys.has_value()},
                    {"inline", wanted->volume.ephemeral},
                    {"warnings", wanted->volume.warnings}};
  return answer.dump(2, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

}  // namespace

Answer<std::string> check_attributes(std::string_view json) {
  try {
    return check(Json::parse(json));
  } catch (const Json::exception& error) {
    // Its text may quote what it could not read, and that may be a key.
    return invalid(
        "the document is not a JSON object with volumeAttributes, secrets (objects of "
        "strings), mountOptions, accessModes (lists of strings)");
  }
}

}  // namespace shoal::csi
