// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "agent/client.h"

// The JSON of what the agent is asked (README.md). Pure. Taken strictly: a field nobody knows, one
// that is missing or of another type is bad_input, and the text names it.

namespace shoal::agent {

[[nodiscard]] std::string encode_attach(const Client::Attach& request);
[[nodiscard]] Result<Client::Attach> decode_attach(std::string_view body);

[[nodiscard]] std::string encode_detach(const std::string& id);
[[nodiscard]] Result<std::string> decode_detach(std::string_view body);

[[nodiscard]] std::string encode_publish(const Client::Publish& request);
[[nodiscard]] Result<Client::Publish> decode_publish(std::string_view body);

struct Unpublish {
  std::string id;
  std::filesystem::path target;
};
[[nodiscard]] std::string encode_unpublish(const Unpublish& request);
[[nodiscard]] Result<Unpublish> decode_unpublish(std::string_view body);

// {"volumes": [...]}; corrupt: an answer of another version.
[[nodiscard]] std::string encode_reports(const std::vector<VolumeReport>& reports);
[[nodiscard]] Result<std::vector<VolumeReport>> decode_reports(std::string_view body);

// A volume's name as it may come from outside: 1 to 256 bytes of UTF-8 without control characters.
[[nodiscard]] Result<void> check_id(const std::string& id);

}  // namespace shoal::agent
