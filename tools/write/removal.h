// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/object_store.h"
#include "tools/flags.h"
#include "tools/write/object_address.h"
#include "upload/bucket_thread.h"

namespace shoal::tools::write {

// A thread that speaks to the bucket of `address`.
[[nodiscard]] Result<std::unique_ptr<upload::BucketThread>> open_bucket(
    const ObjectAddress& address, const StoreFlags& flags, std::uint32_t connections_max);

struct Counted {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

// Lists everything below `prefix` and hands over page after page; ends early, with success, when
// `stop` is set.
[[nodiscard]] Result<Counted> for_each_page(
    upload::BucketThread& bucket, const std::string& prefix, const std::atomic<bool>& stop,
    const std::function<Result<void>(const std::vector<store::ObjectInfo>&)>& on_page);

struct RemovalFailure {
  std::string key;
  Error why;
};

struct Removal {
  Counted removed;
  std::vector<RemovalFailure> failures;
};

// Removes objects, at most `in_flight_max` at a time, and waits for them. Begins none once `stop`
// is set.
[[nodiscard]] Removal remove_objects(upload::BucketThread& bucket,
                                     const std::vector<store::ObjectInfo>& objects,
                                     std::uint32_t in_flight_max, const std::atomic<bool>& stop);

}  // namespace shoal::tools::write
