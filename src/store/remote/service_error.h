// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/result.h"
#include "store/object_store.h"

namespace shoal::store {

// What is known about a request that an object service refused.
struct ServiceRefusal {
  std::string doing;   // "get"
  std::string bucket;  // "s3://bucket"
  std::string key;     // empty for calls on the bucket
  std::string host;
  std::string region;  // the one signed for
  bool anonymous = false;
  std::string credentials;   // where they came from
  bool looks_again = false;  // credentials are looked up again when these are refused
  bool is_write = false;
  WriteCondition condition{};  // of a write
  int status = 0;
  std::string code;     // the service's own word; empty when the answer had none
  std::string message;  // the service's own text
  std::string request_id;
  std::string right_region;  // the service says that the bucket is there
  bool is_foreign = false;   // a body that is no service's error: HTML, plain text, ...
  std::chrono::milliseconds retry_after{};
  // The service's clock minus ours.
  std::optional<std::chrono::seconds> clock_offset;
};

// The one place that knows what the services' codes mean. Decides on the code, then on the status,
// never on the text.
[[nodiscard]] Error to_error(const ServiceRefusal& refusal);

// Other credentials of the same user may do: these are used up, withdrawn or unknown. Also said of
// a refusal without a word, as HEAD gets it.
[[nodiscard]] bool is_about_credentials(const ServiceRefusal& refusal);

}  // namespace shoal::store
