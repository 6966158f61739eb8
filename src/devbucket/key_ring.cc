// SPDX-License-Identifier: Apache-2.0
#include "devbucket/key_ring.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <sstream>

namespace shoal::devbucket {
namespace {

constexpr auto kLookInterval = std::chrono::milliseconds(100);
constexpr std::size_t kRetiredMax = 1000;

bool is_same(const AccessKey& a, const AccessKey& b) {
  return a.id == b.id && a.secret.reveal() == b.secret.reveal() &&
         a.token.reveal() == b.token.reveal();
}

}  // namespace

Result<std::vector<AccessKey>> read_keys_file(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    return fail(ErrorCode::not_found, "read the keys file " + path + ": it cannot be opened",
                "Give a file with a line 'id secret [token]' for each key.");
  std::vector<AccessKey> keys;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string id;
    std::string secret;
    std::string token;
    words >> id >> secret >> token;
    if (id.empty() || id.starts_with('#')) continue;
    if (secret.empty())
      return fail(ErrorCode::bad_input,
                  "read the keys file " + path + ": key " + id + " has no secret behind it",
                  "Write a line 'id secret [token]' for each key.");
    keys.push_back({std::move(id), Secret(std::move(secret)), Secret(std::move(token))});
  }
  return keys;
}

KeyRing::KeyRing(std::vector<AccessKey> fixed, std::string file)
    : fixed_(std::move(fixed)),
      file_(std::move(file)),
      has_keys_(!fixed_.empty() || !file_.empty()),
      keys_(std::make_shared<KeySet>()) {
  stamp_ = stamp_of(file_);
  const std::lock_guard lock(mutex_);
  read_locked();
}

KeyRing::Stamp KeyRing::stamp_of(const std::string& file) {
  struct stat stat {};
  if (file.empty() || ::stat(file.c_str(), &stat) != 0) return {};
  return {stat.st_ino, stat.st_size,
          std::int64_t{stat.st_mtim.tv_sec} * 1'000'000'000 + stat.st_mtim.tv_nsec};
}

std::shared_ptr<const KeySet> KeyRing::current() {
  const std::lock_guard lock(mutex_);
  const TimePoint now = system_clock().now();
  if (file_.empty() || now < next_look_) return keys_;
  next_look_ = now + kLookInterval;
  const Stamp stamp = stamp_of(file_);
  if (stamp == stamp_) return keys_;
  stamp_ = stamp;
  read_locked();
  return keys_;
}

void KeyRing::read_locked() {
  std::vector<AccessKey> wanted = fixed_;
  if (!file_.empty()) {
    auto read = read_keys_file(file_);
    // It may be being written: the next look finds it changed again.
    if (!read && !keys_->valid.empty()) return;
    if (read) std::ranges::move(*read, std::back_inserter(wanted));
  }
  auto next = std::make_shared<KeySet>();
  const auto find = [](const std::vector<AccessKey>& keys, const AccessKey& key) {
    return std::ranges::find_if(keys, [&](const AccessKey& other) { return is_same(key, other); });
  };
  for (AccessKey& key : wanted) {
    const auto known = find(keys_->valid, key);
    key.serial = known == keys_->valid.end() ? ++last_serial_ : known->serial;
    next->valid.push_back(std::move(key));
  }
  for (const auto* old : {&keys_->valid, &keys_->retired})
    for (const AccessKey& key : *old)
      if (find(next->valid, key) == next->valid.end() && next->retired.size() < kRetiredMax)
        next->retired.push_back(key);
  keys_ = std::move(next);
}

}  // namespace shoal::devbucket
