// SPDX-License-Identifier: Apache-2.0
// Goal: no bytes make a record decoder crash, and what it accepts is stable.
// Method: libFuzzer; every record type decodes the input, re-encodes it and decodes it again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "format/records.h"

namespace {

template <typename Record>
void check(std::string_view bytes) {
  using namespace shoal::format;
  const auto record = decode<Record>(bytes);
  if (!record) return;
  const std::string encoded = encode(*record);
  const auto again = decode<Record>(encoded);
  if (!again || !(*again == *record) || encode(*again) != encoded) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal::format;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check<DatasetRecord>(bytes);
  check<ObjectRecord>(bytes);
  check<ChunkRecord>(bytes);
  check<GenerationRecord>(bytes);
  check<ListingRange>(bytes);
  check<CacheRecord>(bytes);
  check<SpecialRecord>(bytes);
  return 0;
}
