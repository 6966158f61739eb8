// SPDX-License-Identifier: Apache-2.0
#include "state_directory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "store/credentials.h"
#include "store/encoding.h"

namespace shoal::tools {

std::filesystem::path state_directory() {
  if (const char* set = std::getenv("SHOAL_STATE"); set != nullptr && *set != '\0') return set;
  if (geteuid() == 0) return "/var/lib/shoal";
  // The XDG rules: a path that is not absolute counts as not set.
  if (const char* user = std::getenv("XDG_STATE_HOME"); user != nullptr && *user == '/')
    return std::filesystem::path(user) / "shoal";
  return store::CredentialSources::of_process().home / ".local/state/shoal";
}

std::filesystem::path journal_directory(std::string_view kind, const store::Location& location,
                                        const store::StoreConfig& config,
                                        const std::filesystem::path& local) {
  const auto sources = store::CredentialSources::of_process();
  // The endpoint as it will be used: with another AWS_ENDPOINT_URL it is another bucket.
  const std::string endpoint = store::complete_config(location.scheme, config, sources).endpoint;
  const std::string named = location.to_url() + '\0' + endpoint + '\0' + local.native();
  constexpr std::size_t kHashBytes = 8;
  return state_directory() / "uploads" /
         fmt::format("{}-{}", kind, store::hex(store::sha256(named).substr(0, kHashBytes)));
}

}  // namespace shoal::tools
