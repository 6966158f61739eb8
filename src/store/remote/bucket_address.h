// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "store/open.h"

namespace shoal::store {

// "https://host[:port]" taken apart; a default port is dropped, as HTTP clients do in Host.
struct Endpoint {
  bool tls = true;
  std::string host;                             // "name" or "name:port", lower case
  [[nodiscard]] std::string_view name() const;  // without the port
  // An IP address or localhost: no host name can be put in front of it.
  [[nodiscard]] bool is_bare() const;
};
// A missing scheme means https. Fails with bad_input for a path, a user or an empty host.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);

// Whether `bucket` can be one label of a TLS host name.
[[nodiscard]] bool is_dns_label(std::string_view bucket);

using NameValue = std::pair<std::string, std::string>;

// How the URLs of one bucket are written. immutable.
class BucketAddress {
 public:
  // `addressing` is not automatic.
  BucketAddress(Endpoint endpoint, std::string bucket, Addressing addressing);

  [[nodiscard]] const std::string& host() const { return host_; }  // as the Host header says it
  [[nodiscard]] const std::string& bucket() const { return bucket_; }
  [[nodiscard]] bool tls() const { return endpoint_.tls; }
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }
  [[nodiscard]] Addressing addressing() const { return addressing_; }
  // Percent-encoded, as sent: "/key" or "/bucket/key".
  [[nodiscard]] std::string path(std::string_view key) const;
  [[nodiscard]] std::string url(std::string_view path, const std::vector<NameValue>& query) const;

 private:
  Endpoint endpoint_;
  std::string bucket_;
  Addressing addressing_;
  std::string host_;
};

}  // namespace shoal::store
