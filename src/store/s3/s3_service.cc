// SPDX-License-Identifier: Apache-2.0
#include "store/s3/s3_service.h"

#include <algorithm>

#include "store/encoding.h"
#include "store/s3/sigv4.h"

namespace shoal::store::s3 {
namespace {

const ServiceWords kWords{
    .scheme = "s3",
    .request_id_header = "x-amz-request-id",
    .storage_class_header = "x-amz-storage-class",
    .copy_source_header = "x-amz-copy-source",
    .region_header = "x-amz-bucket-region",
    .error_header = {},
    .retry_after_header = "x-amz-retry-after",
    .if_absent = {"If-None-Match", "*"},
    .with_range = {},
    .tokens_encoded = false,
    .can_append = false,
    .can_write_if_match = true,
};

constexpr std::string_view kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr std::string_view kUnsigned = "UNSIGNED-PAYLOAD";

class SignerV4 final : public Signer {
 public:
  explicit SignerV4(Credentials credentials) : Signer(std::move(credentials)) {}

  void sign(Draft& draft, std::string_view region, WallTime now) override {
    const std::string timestamp = format_timestamp(now);
    const std::string payload_hash = hash_of(draft);
    draft.headers.emplace_back("x-amz-content-sha256", payload_hash);
    draft.headers.emplace_back("x-amz-date", timestamp);
    if (!credentials().session_token.empty())
      draft.headers.emplace_back("x-amz-security-token", credentials().session_token.reveal());
    // Host is signed and not sent: the transport adds it.
    SigningInput input{.method = draft.method,
                       .path = draft.path,
                       .query = draft.query,
                       .headers = draft.headers,
                       .payload_hash = payload_hash};
    input.headers.emplace_back("host", draft.address->host());
    const SigningScope scope{
        .access_key = credentials().access_key, .region = region, .timestamp = timestamp};
    draft.headers.emplace_back("Authorization", authorization(input, scope, key_for(scope)));
  }

 private:
  // TLS protects the body on its way; without it the signature has to. A Content-MD5 among the
  // signed headers vouches for the body as well, and hashing it a second time costs more than
  // everything else about a small upload.
  static std::string hash_of(const Draft& draft) {
    if (draft.body.empty()) return std::string(kEmptyHash);
    const bool has_md5 = std::ranges::any_of(
        draft.headers, [](const NameValue& header) { return header.first == "Content-MD5"; });
    if (draft.address->tls() || has_md5) return std::string(kUnsigned);
    return hex(sha256(as_text(draft.body)));
  }

  void on_renewed() override { key_day_.clear(); }

  std::string_view key_for(const SigningScope& scope) {
    if (scope.timestamp.substr(0, 8) != key_day_ || scope.region != key_region_) {
      key_day_ = scope.timestamp.substr(0, 8);
      key_region_ = scope.region;
      key_ = Secret(signing_key(credentials().secret_key, scope));
    }
    return key_.reveal();
  }

  std::string key_day_;
  std::string key_region_;
  Secret key_;
};

bool is_amazon(const Endpoint& endpoint) {
  return endpoint.name().ends_with(".amazonaws.com") ||
         endpoint.name().ends_with(".amazonaws.com.cn");
}

Addressing resolve(Addressing wanted, const Endpoint& endpoint, const std::string& bucket) {
  if (wanted != Addressing::automatic) return wanted;
  // Names with dots break TLS wildcard certificates; other services often have no wildcard name.
  const bool has_names = is_amazon(endpoint) || endpoint.name().ends_with(".aliyuncs.com");
  return has_names && is_dns_label(bucket) ? Addressing::virtual_hosted : Addressing::path;
}

BucketAddress address_in_region(const BucketAddress& address, std::string_view region) {
  Endpoint endpoint = address.endpoint();
  // Special endpoints (VPC, access points, FIPS) are the user's own choice and stay.
  const bool is_dual = endpoint.host.starts_with("s3.dualstack.");
  if (!is_amazon(endpoint) ||
      !(endpoint.host.starts_with("s3.") || endpoint.host.starts_with("s3-")))
    return address;
  endpoint.host = std::string(is_dual ? "s3.dualstack." : "s3.") + std::string(region) +
                  (region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com");
  return BucketAddress(std::move(endpoint), address.bucket(), address.addressing());
}

}  // namespace

Result<Service> make_service(const std::string& bucket, const StoreConfig& config,
                             std::optional<Credentials> credentials) {
  SHOAL_TRY(const Endpoint endpoint, parse_endpoint(config.endpoint));
  BucketAddress address(endpoint, bucket, resolve(config.addressing, endpoint, bucket));
  std::string source = credentials ? credentials->source : std::string();
  std::unique_ptr<Signer> signer;
  if (credentials) signer = std::make_unique<SignerV4>(std::move(*credentials));
  return Service{.words = &kWords,
                 .signer = std::move(signer),
                 .address = std::move(address),
                 .region = config.region,
                 .credentials = std::move(source),
                 .address_in_region = address_in_region};
}

}  // namespace shoal::store::s3
