// SPDX-License-Identifier: Apache-2.0
#include "csi/controller_service.h"

#include <algorithm>
#include <cstdio>

#include "base/crc64.h"
#include "base/log.h"
#include "csi/attribute_values.h"
#include "csi/capability.h"
#include "csi/fingerprint.h"
#include "csi/limits.h"
#include "csi/request_checks.h"
#include "csi/string_map.h"
#include "csi/volume_attributes.h"

namespace shoal::csi {
namespace {

// The attributes of the volume: the StorageClass's parameters without what Kubernetes adds.
Answer<StringMap> attributes_of(const StringMap& parameters) {
  StringMap attributes;
  for (const auto& [name, value] : parameters) {
    if (is_pod_info(name)) continue;
    const std::string plain = plain_name(name);
    if (plain == "akid" || plain == "aksecret")
      return invalid("parameter " + name +
                     " would be written into every PersistentVolume. Put keys into a Secret and "
                     "name it in csi.storage.k8s.io/node-stage-secret-name and -namespace");
    attributes[name] = value;
  }
  return attributes;
}

Answer<std::vector<Capability>> read_capabilities(
    const google::protobuf::RepeatedPtrField<v1::VolumeCapability>& capabilities,
    const VolumeRequest& volume) {
  if (capabilities.empty()) return invalid("volume_capabilities are missing");
  std::vector<Capability> all;
  for (const v1::VolumeCapability& capability : capabilities) {
    auto read = read_capability(/*has=*/true, capability);
    if (!read) return std::unexpected(std::move(read).error());
    if (auto judged = judge_capability(*read, volume.strict_access_mode, /*ephemeral=*/false);
        !judged)
      return std::unexpected(std::move(judged).error());
    all.push_back(*std::move(read));
  }
  return all;
}

Answer<std::int64_t> capacity_of(const v1::CreateVolumeRequest& request) {
  const std::int64_t required = request.capacity_range().required_bytes();
  const std::int64_t limit = request.capacity_range().limit_bytes();
  if (required < 0 || limit < 0) return invalid("capacity_range is negative");
  if (limit > 0 && required > limit)
    return failure(StatusCode::out_of_range, "capacity_range requires more than it allows");
  return required > 0 ? required : limit;
}

// The name, if it can be an id; else as much of it as fits and can be shown, and a sum of all.
std::string id_of(const std::string& name) {
  if (printable(name, limits::kStringBytesMax) == name) return name;
  char sum[17];
  std::snprintf(sum, sizeof sum, "%016llx",
                static_cast<unsigned long long>(crc64_xz(as_bytes(name))));
  return printable(name, limits::kStringBytesMax - 17) + "-" + sum;
}

// Control characters are banned from names by the specification, but for tabs and line ends.
Checked check_name(std::string_view name) {
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    const auto next = static_cast<unsigned char>(i + 1 < name.size() ? name[i + 1] : 0);
    const bool is_space = byte == '\t' || byte == '\n' || byte == '\r';
    const bool is_c1 = byte == 0xc2 && next >= 0x80 && next <= 0x9f;  // U+0080 to U+009F
    if ((byte < 0x20 && !is_space) || byte == 0x7f || is_c1)
      return invalid("name has control characters in it");
  }
  return {};
}

Answer<VolumeRequest> read_parameters(const StringMap& attributes) {
  auto volume = read_volume({.attributes = attributes, .secrets = {}});
  if (!volume) return failure(volume.error());
  return *std::move(volume);
}

}  // namespace

Answer<void> ControllerService::remember(const std::string& name, const std::string& arguments) {
  const std::lock_guard lock(mutex_);
  const auto [at, is_new] = made_.emplace(name, arguments);
  if (!is_new) {
    if (at->second == arguments) return {};
    return failure(StatusCode::already_exists, "volume " + name + " was made with other arguments");
  }
  oldest_.push_back(name);
  if (oldest_.size() > limits::kNamesKept) {
    made_.erase(oldest_.front());
    oldest_.pop_front();
  }
  return {};
}

Answer<v1::CreateVolumeResponse> ControllerService::create(const v1::CreateVolumeRequest& request,
                                                           const Call& call) {
  if (request.name().empty()) return invalid("name is missing");
  if (request.name().size() > limits::kMapBytesMax) return invalid("name is too long");
  SHOAL_CSI_CHECK(check_name(request.name()));
  if (request.has_volume_content_source())
    return invalid(
        "volume_content_source: a volume shows a prefix of a bucket; it is not made from "
        "a snapshot or another volume");
  if (!request.mutable_parameters().empty())
    return invalid("mutable_parameters: a volume has none");
  SHOAL_CSI_CHECK(check_map("parameters", map_of(request.parameters())));
  auto attributes = attributes_of(map_of(request.parameters()));
  if (!attributes) return std::unexpected(std::move(attributes).error());
  auto volume = read_parameters(*attributes);
  if (!volume) return std::unexpected(std::move(volume).error());
  auto capabilities = read_capabilities(request.volume_capabilities(), *volume);
  if (!capabilities) return std::unexpected(std::move(capabilities).error());
  auto capacity = capacity_of(request);
  if (!capacity) return std::unexpected(std::move(capacity).error());

  std::string arguments = std::to_string(*capacity);
  for (const Capability& capability : *capabilities)
    arguments += "\n" + fingerprint(capability, /*read_only=*/true, *attributes);
  SHOAL_CSI_CHECK(remember(request.name(), arguments));
  for (const std::string& warning : volume->warnings)
    log_event(LogLevel::warning, "csi.volume",
              {{"request_id", call.request_id}, {"volume", request.name()}, {"warning", warning}});

  v1::CreateVolumeResponse response;
  v1::Volume& made = *response.mutable_volume();
  made.set_volume_id(id_of(request.name()));
  made.set_capacity_bytes(*capacity);
  made.mutable_volume_context()->insert(attributes->begin(), attributes->end());
  return response;
}

Answer<v1::DeleteVolumeResponse> ControllerService::remove(const v1::DeleteVolumeRequest& request,
                                                           const Call&) {
  SHOAL_CSI_CHECK(check_text("volume_id", request.volume_id()));
  const std::lock_guard lock(mutex_);
  for (auto at = made_.begin(); at != made_.end(); ++at)
    if (id_of(at->first) == request.volume_id()) {
      std::erase(oldest_, at->first);
      made_.erase(at);
      break;
    }
  return v1::DeleteVolumeResponse();
}

Answer<v1::ValidateVolumeCapabilitiesResponse> ControllerService::validate(
    const v1::ValidateVolumeCapabilitiesRequest& request, const Call&) {
  SHOAL_CSI_CHECK(check_text("volume_id", request.volume_id()));
  if (request.volume_capabilities().empty()) return invalid("volume_capabilities are missing");
  const StringMap context = map_of(request.volume_context());
  SHOAL_CSI_CHECK(check_map("volume_context", context));
  // Without its attributes nothing is known of a volume: they are all there is of it.
  if (context.empty())
    return failure(StatusCode::not_found,
                   "volume " + request.volume_id() + " comes without volume_context");
  v1::ValidateVolumeCapabilitiesResponse response;
  auto volume = read_parameters(context);
  if (!volume) {
    response.set_message(volume.error().message);
    return response;
  }
  if (auto read = read_capabilities(request.volume_capabilities(), *volume); !read) {
    response.set_message(read.error().message);
    return response;
  }
  auto& confirmed = *response.mutable_confirmed();
  *confirmed.mutable_volume_context() = request.volume_context();
  *confirmed.mutable_volume_capabilities() = request.volume_capabilities();
  *confirmed.mutable_parameters() = request.parameters();
  return response;
}

Answer<v1::ControllerGetCapabilitiesResponse> ControllerService::capabilities(
    const v1::ControllerGetCapabilitiesRequest&, const Call&) {
  using Rpc = v1::ControllerServiceCapability::RPC;
  v1::ControllerGetCapabilitiesResponse response;
  for (const auto type : {Rpc::CREATE_DELETE_VOLUME, Rpc::SINGLE_NODE_MULTI_WRITER})
    response.add_capabilities()->mutable_rpc()->set_type(type);
  return response;
}

}  // namespace shoal::csi
