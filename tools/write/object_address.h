// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "store/open.h"

namespace shoal::tools::write {

// What a URL of the commands that write names: one object, or with a '/' at its end (or without a
// key) a directory.
struct ObjectAddress {
  store::Location bucket;  // without a prefix
  std::string key;         // whole; of a directory it is empty or ends in '/'

  [[nodiscard]] bool is_directory() const { return key.empty() || key.ends_with('/'); }
  [[nodiscard]] std::string to_url() const;
  // "s3://bucket/key" of another key of the same bucket.
  [[nodiscard]] std::string url_of(std::string_view other_key) const;
};

enum class Named {
  as_written,  // an object, unless it ends in '/'
  directory,   // a directory, whether or not it ends in '/'
};
[[nodiscard]] Result<ObjectAddress> parse_object_address(std::string_view url,
                                                         Named named = Named::as_written);

}  // namespace shoal::tools::write
