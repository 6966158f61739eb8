// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "store/credentials.h"
#include "store/remote/bucket_address.h"

// In what S3 and OSS differ: some words, and how a request is signed. Everything else is shared.

namespace shoal::store {

// The words of a service. immutable; one static object per service.
struct ServiceWords {
  std::string_view scheme;  // "s3"
  std::string_view request_id_header;
  std::string_view storage_class_header;
  std::string_view copy_source_header;
  std::string_view region_header;       // where an answer names the bucket's region; empty: nowhere
  std::string_view error_header;        // base64 of the error XML in answers without a body
  std::string_view retry_after_header;  // milliseconds
  NameValue if_absent;                  // makes a put fail when the key exists
  std::optional<NameValue> with_range;  // sent with every Range
  bool tokens_encoded = false;          // see ListPageForm
  bool can_append = false;
  bool can_write_if_match = false;
};

// A request that is complete but for its signature.
struct Draft {
  std::string_view method;
  const BucketAddress* address = nullptr;
  std::string_view key;          // raw
  std::string path;              // percent-encoded, as sent
  std::vector<NameValue> query;  // decoded
  std::vector<NameValue> headers;
  ByteSpan body;
};

// Signs with the credentials it holds, which can be exchanged. confined.
class Signer {
 public:
  explicit Signer(Credentials credentials) : credentials_(std::move(credentials)) {}
  virtual ~Signer() = default;
  // Adds the date, the token, what the signature needs, and Authorization.
  virtual void sign(Draft& draft, std::string_view region, WallTime now) = 0;
  // Signs with these from here on; false when it does already.
  bool renew(const Credentials& credentials);

 protected:
  [[nodiscard]] const Credentials& credentials() const { return credentials_; }
  // Forgets what was derived from the old ones.
  virtual void on_renewed() = 0;

 private:
  Credentials credentials_;
};

// What a remote store is made of, put together by s3/ or oss/.
struct Service {
  const ServiceWords* words = nullptr;
  std::unique_ptr<Signer> signer;  // null: requests go unsigned
  BucketAddress address;
  std::string region;
  std::string credentials;  // where they came from, for messages
  // The address of the same bucket in another region; the same address when the endpoint is the
  // user's own.
  BucketAddress (*address_in_region)(const BucketAddress& address,
                                     std::string_view region) = nullptr;
  // Looks the credentials up again where they came from. Null: they are what they are.
  std::function<Result<std::optional<Credentials>>()> renew = nullptr;
};

}  // namespace shoal::store
