// SPDX-License-Identifier: Apache-2.0
// Goal: no bytes make a decoder of an uploader's journal crash, and what it accepts is stable.
// Method: libFuzzer; every record type decodes the input, re-encodes it and decodes it again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "format/upload_records.h"

namespace {

template <typename Record>
void check(std::string_view bytes) {
  using namespace shoal::format;
  Record record;
  if (!decode_into(bytes, record)) return;
  const std::string encoded = encode(record);
  Record again;
  if (!decode_into(encoded, again) || !(again == record) || encode(again) != encoded) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal::format;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check<JournalRecord>(bytes);
  check<UploadJobRecord>(bytes);
  check<MultipartRecord>(bytes);
  check<PartRecord>(bytes);
  check<SentRecord>(bytes);
  return 0;
}
