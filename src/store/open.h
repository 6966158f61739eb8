// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/executor.h"
#include "base/result.h"
#include "http/transport.h"
#include "store/object_store.h"
#include "store/retry.h"

namespace shoal::store {

class Governor;
struct StoreCounters;

enum class Scheme { s3, oss, file };

// A parsed "s3://bucket/prefix", "oss://bucket/prefix" or "file:///directory[/prefix]". A prefix is
// used as it is written except that a missing trailing '/' is added when it is not empty: a dataset
// is a directory. For file:// the bucket is the directory and the prefix is empty (with
// `key_expected`: the bucket is the parent directory and the prefix the file's name).
struct Location {
  Scheme scheme = Scheme::s3;
  std::string bucket;
  std::string prefix;
  [[nodiscard]] std::string to_url() const;
};
// Whether a URL names a user, as in https://user:password@host: that part must not be shown.
[[nodiscard]] bool has_password(std::string_view url);
// The URL, or any other text, without that part.
[[nodiscard]] std::string without_password(std::string_view url);
// `key_expected`: keep the path as a key (no trailing '/' added). Errors show no password.
[[nodiscard]] Result<Location> parse_location(std::string_view url, bool key_expected = false);

// virtual_hosted: https://BUCKET.HOST/KEY. path: https://HOST/BUCKET/KEY. cname: https://HOST/KEY,
// the host being a domain of the user's that stands for the bucket.
enum class Addressing { automatic, virtual_hosted, path, cname };
enum class SignatureVersion { v4, v1 };  // v1: OSS only
// "auto", "virtual", "path" or "cname".
[[nodiscard]] Result<Addressing> parse_addressing(std::string_view text);

// What the user said about the service; everything empty means "find out": environment
// (AWS_REGION, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, OSS_REGION,
// OSS_ENDPOINT), then the profile files, then the provider's defaults. Holds no secret: safe to
// store and print.
struct StoreConfig {
  std::string endpoint{};  // "https://host[:port]" or "http://..."
  std::string region{};
  std::string profile{};
  bool sign_requests = true;
  Addressing addressing = Addressing::automatic;
  SignatureVersion signature = SignatureVersion::v4;
  std::filesystem::path
      credentials_file{};  // explicit file in ~/.aws/credentials form; empty: search
};

struct StoreParts {
  LoopExecutor& executor;
  // One per executor; not used for file://.
  http::Transport* transport = nullptr;
  // Where long pages are parsed; null: on `executor`.
  Executor* parser = nullptr;
  // Shared by all stores of a volume; null: no limit and no common slowing down.
  Governor* governor = nullptr;
  // Of this store's thread; null: nobody looks.
  StoreCounters* counters = nullptr;
  // After which no call is tried again; a GET may name its own. Zero: the usual minute.
  Duration retry_deadline{};
  // Told of every try that failed; may be empty.
  FailureObserver on_failed_try{};
};

// Looks the credentials up and makes the store, wrapped in the hedge wrapper (where it is remote)
// and the retry wrapper. Makes no request: a wrong bucket is found out by the first call. The parts
// outlive the store.
[[nodiscard]] Result<std::unique_ptr<ObjectStore>> open_store(const Location& location,
                                                              const StoreConfig& config,
                                                              const StoreParts& parts);

}  // namespace shoal::store
