// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>

#include "base/executor.h"
#include "store/object_store.h"

namespace shoal::store {

// A directory as a bucket: keys are paths of regular files below it, ETags are size and
// modification time. What a directory cannot hold (a key that is also a directory of other keys, an
// empty component) is refused with bad_input on writing. Content types are not kept; a write with
// if_match is not atomic: the version is looked at right before the file is replaced, so of two
// such writers at the same time both may succeed; the crc64 of a completed upload is not looked at.
// confined to `executor`; blocking work runs
// on `workers` (null: on the executor). The directory is looked at by the first call, not here.
class FileStore : public ObjectStore {
 public:
  // Links, devices and too long names met while listing; they are not part of the bucket.
  [[nodiscard]] virtual std::uint64_t skipped_entries() const = 0;
};
[[nodiscard]] std::unique_ptr<FileStore> make_file_store(LoopExecutor& executor, Executor* workers,
                                                         const std::filesystem::path& directory);

}  // namespace shoal::store
