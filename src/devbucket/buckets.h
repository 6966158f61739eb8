// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "devbucket/disk_bucket.h"
#include "devbucket/invented.h"

namespace shoal::devbucket {

// One bucket of either kind; exactly one pointer is set. The disk bucket is shared by the requests
// that use it; the last of them outlives its removal from the set.
struct BucketRef {
  std::shared_ptr<DiskBucket> disk;
  const InventedSet* invented = nullptr;

  [[nodiscard]] explicit operator bool() const { return disk != nullptr || invented != nullptr; }
  [[nodiscard]] std::unique_ptr<KeyCursor> cursor() const;
};

// The buckets of a server: the directories of DIR and the invented datasets. synchronized.
class Buckets {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Buckets>> open(const std::string& directory,
                                                             std::vector<InventedSet> invented);

  // Nothing when there is no such bucket. Follows directories that are created or removed
  // meanwhile.
  [[nodiscard]] BucketRef find(std::string_view name);
  struct Named {
    std::string name;
    std::int64_t created_seconds = 0;
  };
  [[nodiscard]] std::vector<Named> list() const;
  // False when it exists.
  [[nodiscard]] ApiResult<bool> create(const std::string& name);
  [[nodiscard]] ApiResult<void> remove(const std::string& name);

 private:
  Buckets(std::string directory, UniqueFd root, std::vector<InventedSet> invented)
      : directory_(std::move(directory)), root_(std::move(root)), invented_(std::move(invented)) {}

  const std::string directory_;
  const UniqueFd root_;
  const std::vector<InventedSet> invented_;
  std::shared_mutex mutex_;
  std::map<std::string, std::shared_ptr<DiskBucket>, std::less<>> open_;  // guarded by mutex_
};

}  // namespace shoal::devbucket
