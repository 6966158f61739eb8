// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/secret.h"

namespace shoal::devbucket {

struct AccessKey {
  std::string id;
  Secret secret;
  Secret token;              // empty: the key goes without a session token
  std::uint64_t serial = 0;  // given by the ring; two keys of one id have different ones
};

// The keys of one moment. immutable.
struct KeySet {
  std::vector<AccessKey> valid;
  std::vector<AccessKey> retired;  // were valid before, in this process
};

// "id secret [token]" per line; empty lines and those that start with '#' count for nothing.
[[nodiscard]] Result<std::vector<AccessKey>> read_keys_file(const std::string& path);

// The access keys a server accepts: fixed ones, and those of a file that is read again when it
// changes. synchronized.
class KeyRing {
 public:
  // `file` may be empty. A file that cannot be read holds no keys.
  KeyRing(std::vector<AccessKey> fixed, std::string file);
  // A file that cannot be read any more leaves the keys as they are.
  [[nodiscard]] std::shared_ptr<const KeySet> current();
  // Whether there may be any keys at all.
  [[nodiscard]] bool has_keys() const { return has_keys_; }

 private:
  struct Stamp {
    std::uint64_t inode = 0;
    std::int64_t size_bytes = -1;
    std::int64_t mtime_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  [[nodiscard]] static Stamp stamp_of(const std::string& file);
  void read_locked();

  const std::vector<AccessKey> fixed_;
  const std::string file_;
  const bool has_keys_;
  std::mutex mutex_;
  // Guarded by mutex_. The set is shared with the requests that are being checked.
  std::shared_ptr<const KeySet> keys_;
  std::uint64_t last_serial_ = 0;
  Stamp stamp_;
  TimePoint next_look_{};
};

}  // namespace shoal::devbucket
