// SPDX-License-Identifier: Apache-2.0
#include "csi/fingerprint.h"

#include <cstdio>

#include "base/crc64.h"
#include "csi/attribute_values.h"
#include "csi/volume_attributes.h"

namespace shoal::csi {
namespace {

// A sum of texts that keeps them apart: each with its length before it.
class Sum {
 public:
  void add(std::string_view text) {
    const std::string framed = std::to_string(text.size()) + ":" + std::string(text);
    sum_ = crc64_xz(as_bytes(framed), sum_);
  }
  [[nodiscard]] std::string hex() const {
    char text[17];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(sum_));
    return text;
  }

 private:
  std::uint64_t sum_ = 0;
};

}  // namespace

std::string fingerprint(const Capability& capability, bool read_only, const StringMap& context) {
  Sum mount;
  mount.add(capability.fs_type);
  mount.add(capability.mount_group);
  for (const std::string& flag : capability.mount_flags) mount.add(flag);
  Sum attributes;
  for (const auto& [name, value] : context) {
    if (is_pod_info(name) || plain_name(name) == "akid" || plain_name(name) == "aksecret") continue;
    attributes.add(name);
    attributes.add(value);
  }
  return std::string("readonly=") + (read_only ? "true" : "false") +
         " access_mode=" + capability.mode + " mount=" + mount.hex() +
         " volume_context=" + attributes.hex();
}

std::string difference(std::string_view before, std::string_view after) {
  const auto old_words = words(before);
  const auto new_words = words(after);
  std::string names;
  for (std::size_t i = 0; i < new_words.size(); ++i)
    if (i >= old_words.size() || old_words[i] != new_words[i])
      names += (names.empty() ? "" : ", ") + new_words[i].substr(0, new_words[i].find('='));
  return names;
}

}  // namespace shoal::csi
