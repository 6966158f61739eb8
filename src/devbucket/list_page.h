// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

// One page of a listing from any ordered set of keys: prefix, delimiter, start and page size, the
// same for files on disk and for invented datasets.

namespace shoal::devbucket {

struct ListedObject {
  std::string_view key;
  std::uint64_t size_bytes = 0;
  std::int64_t mtime_seconds = 0;
  std::string_view etag;  // without quotes
  std::string_view oss_type = "Normal";
};

// A place in an ordered set of keys. confined.
class KeyCursor {
 public:
  virtual ~KeyCursor() = default;
  // Moves to the first key that is not below `key`; false when there is none.
  virtual bool seek(std::string_view key) = 0;
  // Moves to the following key; false when there is none. Precondition: stands on a key.
  virtual bool next() = 0;
  // The key it stands on; valid until it moves.
  [[nodiscard]] virtual std::string_view key() const = 0;
  // Fills in the rest; false when the object vanished meanwhile. Views live until the next call.
  virtual bool describe(ListedObject& object) = 0;
};

struct ListQuery {
  std::string prefix;
  std::string delimiter;  // empty: none
  std::string after;      // only keys above this; empty: from the start
  // `after` is a common prefix of an earlier page: nothing that starts with it comes again.
  bool after_is_prefix = false;
  std::uint32_t keys_max = 1000;
};

class PageSink {
 public:
  virtual ~PageSink() = default;
  virtual void on_object(const ListedObject& object) = 0;
  virtual void on_common_prefix(std::string_view prefix) = 0;
};

struct PageEnd {
  bool is_truncated = false;
  std::uint32_t count = 0;  // objects and common prefixes
  std::string last;         // the last of them; where the next page starts
  bool last_is_prefix = false;
};

[[nodiscard]] PageEnd list_page(KeyCursor& cursor, const ListQuery& query, PageSink& sink);

// The smallest string above every string that starts with `prefix`; empty when there is none.
[[nodiscard]] std::string after_prefix(std::string_view prefix);

}  // namespace shoal::devbucket
