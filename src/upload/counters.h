// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace shoal::upload {

// See UploaderStats. synchronized.
struct Counters {
  std::atomic<std::uint64_t> accepted{0}, recovered{0}, sent{0}, sent_bytes{0}, found_there{0},
      refused{0}, wire_bytes{0}, requests{0}, parts_resumed{0}, changed_files{0}, retries{0};
};

}  // namespace shoal::upload
