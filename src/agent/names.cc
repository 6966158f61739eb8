// SPDX-License-Identifier: Apache-2.0
#include "agent/names.h"

#include <sys/random.h>
#include <sys/stat.h>

#include "store/encoding.h"
#include "sys/file.h"

namespace shoal::agent {
namespace {

constexpr std::size_t kSaltBytes = 32;
constexpr std::size_t kReadableBytes = 40;

Result<std::string> new_salt(const std::filesystem::path& file) {
  std::string salt(kSaltBytes, '\0');
  if (getrandom(salt.data(), salt.size(), 0) != static_cast<ssize_t>(salt.size()))
    return fail(sys::errno_error(errno, "get random bytes"));
  SHOAL_CHECK_OK(sys::write_text_file(file, salt));
  if (chmod(file.c_str(), 0600) != 0)
    return fail(sys::errno_error(errno, "restrict " + file.string()));
  return salt;
}

// The end of the URL says most; a name must be one path component.
std::string readable(const std::string& url) {
  std::string name;
  for (const char c : url.substr(std::min(url.size(), url.find("://") + 3))) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || ((c == '.' || c == '_') && !name.empty()))
      name += c;
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  while (name.ends_with('-')) name.pop_back();
  if (name.size() > kReadableBytes) name.resize(kReadableBytes);
  return name.empty() ? "volume" : name;
}

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  }
  return text;
}

}  // namespace

Result<Names> Names::open(const std::filesystem::path& file) {
  auto salt = sys::read_text_file(file, kSaltBytes + 1);
  if (!salt && salt.error().code() != ErrorCode::not_found) return fail(std::move(salt).error());
  if (!salt) salt = new_salt(file);
  if (!salt) return fail(std::move(salt).error());
  if (salt->size() != kSaltBytes)
    return fail(ErrorCode::corrupt,
                file.string() + ": not " + std::to_string(kSaltBytes) + " bytes",
                "Remove the file: volumes then get new directories, and are indexed again.");
  return Names(std::move(*salt));
}

std::string Names::of_id(const std::string& id) {
  return store::hex(store::sha256(id)).substr(0, 32);
}

std::string Names::of_keys(const std::optional<Keys>& keys) const {
  if (!keys) return {};
  const Secret text(
      joined({keys->access_key, keys->secret_key.reveal(), keys->session_token.reveal()}));
  return store::hex(store::hmac_sha256(salt_, text.reveal())).substr(0, 32);
}

std::string Names::of_dataset(const VolumeSpec& spec, const std::string& key_identity) const {
  const std::string text =
      joined({spec.source, spec.endpoint, spec.region, spec.addressing, spec.signature,
              spec.sign_requests ? "signed" : "anonymous", key_identity});
  return readable(spec.source) + "-" + store::hex(store::hmac_sha256(salt_, text)).substr(0, 12);
}

}  // namespace shoal::agent
