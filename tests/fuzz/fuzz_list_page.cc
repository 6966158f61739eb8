// SPDX-License-Identifier: Apache-2.0
// Goal: no bytes make the list-page parser crash or hand out a page that breaks its promises.
// Method: parse as S3 and as OSS; what is accepted is checked against the header's list.
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "store/list_page.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  for (const bool tokens_encoded : {false, true}) {
    const auto page = shoal::store::parse_list_page(bytes, {.tokens_encoded = tokens_encoded});
    if (!page) {
      SHOAL_ASSERT(page.error().code() == shoal::ErrorCode::corrupt);
      SHOAL_ASSERT(!page.error().message().empty());
      continue;
    }
    SHOAL_ASSERT(!page->next_token || !page->next_token->empty());
    for (std::size_t i = 0; i < page->objects.size(); ++i) {
      SHOAL_ASSERT(!page->objects[i].key.empty());
      SHOAL_ASSERT(i == 0 || page->objects[i - 1].key < page->objects[i].key);
    }
    for (std::size_t i = 0; i < page->common_prefixes.size(); ++i)
      SHOAL_ASSERT(i == 0 || page->common_prefixes[i - 1] < page->common_prefixes[i]);
  }
  return 0;
}
