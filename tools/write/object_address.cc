// SPDX-License-Identifier: Apache-2.0
#include "tools/write/object_address.h"

namespace shoal::tools::write {

std::string ObjectAddress::url_of(std::string_view other_key) const {
  store::Location location = bucket;
  location.prefix = other_key;
  return location.to_url();
}

std::string ObjectAddress::to_url() const {
  return url_of(key);
}

Result<ObjectAddress> parse_object_address(std::string_view url, Named named) {
  const auto mark = url.find("://");
  const std::string_view rest = mark == std::string_view::npos ? url : url.substr(mark + 3);
  const bool has_key = rest.find('/') != std::string_view::npos && !rest.ends_with('/');
  const bool is_object = named == Named::as_written && has_key;
  SHOAL_TRY(store::Location location, store::parse_location(url, is_object));
  ObjectAddress address{location, std::move(location.prefix)};
  address.bucket.prefix.clear();
  return address;
}

}  // namespace shoal::tools::write
