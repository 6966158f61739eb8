// SPDX-License-Identifier: Apache-2.0
#include "csi/wanted_volume.h"

#include "csi/request_checks.h"

namespace shoal::csi {

Answer<WantedVolume> read_wanted(bool has_capability, const v1::VolumeCapability& capability,
                                 const StringMap& context, const StringMap& secrets) {
  WantedVolume wanted;
  auto read = read_capability(has_capability, capability);
  if (!read) return std::unexpected(std::move(read).error());
  wanted.capability = *std::move(read);
  SHOAL_CSI_CHECK(check_map("volume_context", context));
  SHOAL_CSI_CHECK(check_map("secrets", secrets));
  auto volume = read_volume({.attributes = context,
                             .secrets = secrets,
                             .mount_flags = wanted.capability.mount_flags,
                             .mount_group = wanted.capability.mount_group});
  if (!volume) return failure(volume.error());
  wanted.volume = *std::move(volume);
  auto judged = judge_capability(wanted.capability, wanted.volume.strict_access_mode,
                                 wanted.volume.ephemeral);
  if (!judged) return std::unexpected(std::move(judged).error());
  for (std::string& warning : *judged) wanted.volume.warnings.push_back(std::move(warning));
  return wanted;
}

Answer<void> check_inline_keys(const VolumeRequest& volume) {
  if (!volume.ephemeral || volume.keys || !volume.spec.sign_requests) return {};
  return failure(StatusCode::unauthenticated,
                 "an inline volume needs keys of its own. Name a Secret in the volume's "
                 "nodePublishSecretRef, or write authType: public");
}

}  // namespace shoal::csi
