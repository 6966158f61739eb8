// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

// The XML that object services answer with, read by expat. Pure and bounded: at most
// limits::kResponseBytesMax bytes, 16 levels, 64 KiB of text per element; a document type is
// refused, so that no entity can grow. Everything else is ErrorCode::corrupt.

namespace shoal::store {

class XmlVisitor {
 public:
  virtual ~XmlVisitor() = default;
  // `depth` of the root is 0. Returning an error ends the reading with it.
  virtual Result<void> on_open(int depth, std::string_view name) = 0;
  // `text` is what stood directly inside the element.
  virtual Result<void> on_close(int depth, std::string_view name, std::string text) = 0;
};

[[nodiscard]] Result<void> read_xml(ByteSpan bytes, XmlVisitor& visitor);

// A small answer: the name of its root and the first text of each element below it.
struct XmlLeaves {
  std::string root;
  std::map<std::string, std::string, std::less<>> texts;
  // Empty when there is no such element.
  [[nodiscard]] std::string_view text(std::string_view name) const;
};
[[nodiscard]] Result<XmlLeaves> read_leaves(ByteSpan bytes);

}  // namespace shoal::store
