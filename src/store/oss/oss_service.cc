// SPDX-License-Identifier: Apache-2.0
#include "store/oss/oss_service.h"

#include <algorithm>

#include "store/encoding.h"
#include "store/oss/oss_sign.h"

namespace shoal::store::oss {
namespace {

const ServiceWords kWords{
    .scheme = "oss",
    .request_id_header = "x-oss-request-id",
    .storage_class_header = "x-oss-storage-class",
    .copy_source_header = "x-oss-copy-source",
    .region_header = {},
    .error_header = "x-oss-err",
    .retry_after_header = "x-oss-qos-delay-time",
    .if_absent = {"x-oss-forbid-overwrite", "true"},
    // Without it a range outside the object is answered with the whole object.
    .with_range = NameValue{"x-oss-range-behavior", "standard"},
    .tokens_encoded = true,
    .can_append = true,
    .can_write_if_match = false,
};

SigningInput input_of(const Draft& draft) {
  return {.method = draft.method,
          .bucket = draft.address->bucket(),
          .key = draft.key,
          .query = draft.query,
          .headers = draft.headers,
          .additional_headers = {}};
}

// Neither signature covers the body, so without TLS a checksum has to: the caller's, or one of
// ours.
void add_checksum(Draft& draft) {
  const bool has_md5 = std::ranges::any_of(
      draft.headers, [](const NameValue& header) { return header.first == "Content-MD5"; });
  if (!draft.body.empty() && !draft.address->tls() && !has_md5)
    draft.headers.emplace_back("Content-MD5", base64(md5(as_text(draft.body))));
}

class SignerV4 final : public Signer {
 public:
  explicit SignerV4(Credentials credentials) : Signer(std::move(credentials)) {}

  void sign(Draft& draft, std::string_view region, WallTime now) override {
    const std::string timestamp = s3::format_timestamp(now);
    add_checksum(draft);
    draft.headers.emplace_back("x-oss-content-sha256", "UNSIGNED-PAYLOAD");
    draft.headers.emplace_back("x-oss-date", timestamp);
    if (!credentials().session_token.empty())
      draft.headers.emplace_back("x-oss-security-token", credentials().session_token.reveal());
    const SigningScope scope{
        .access_key = credentials().access_key, .region = region, .timestamp = timestamp};
    draft.headers.emplace_back("Authorization",
                               v4_authorization_with_key(input_of(draft), scope, key_for(scope)));
  }

 private:
  void on_renewed() override { key_day_.clear(); }

  std::string_view key_for(const SigningScope& scope) {
    if (scope.timestamp.substr(0, 8) != key_day_ || scope.region != key_region_) {
      key_day_ = scope.timestamp.substr(0, 8);
      key_region_ = scope.region;
      key_ = Secret(v4_signing_key(credentials().secret_key, scope));
    }
    return key_.reveal();
  }

  std::string key_day_;
  std::string key_region_;
  Secret key_;
};

class SignerV1 final : public Signer {
 public:
  explicit SignerV1(Credentials credentials) : Signer(std::move(credentials)) {}

  void sign(Draft& draft, std::string_view, WallTime now) override {
    const std::string date = format_http_date(now);
    add_checksum(draft);
    draft.headers.emplace_back("Date", date);
    if (!credentials().session_token.empty())
      draft.headers.emplace_back("x-oss-security-token", credentials().session_token.reveal());
    draft.headers.emplace_back("Authorization",
                               v1_authorization(input_of(draft), credentials().access_key,
                                                credentials().secret_key, date));
  }

 private:
  void on_renewed() override {}
};

}  // namespace

std::string region_of_host(std::string_view host) {
  constexpr std::string_view kDomain = ".aliyuncs.com";
  host = host.substr(0, host.find(':'));
  if (!host.ends_with(kDomain)) return {};
  host.remove_suffix(kDomain.size());
  if (host.ends_with(".oss"))
    host.remove_suffix(4);  // dual stack
  else if (host.ends_with(".oss-data-acc"))
    host.remove_suffix(13);
  else if (host.starts_with("oss-accelerate"))
    return {};
  else if (host.starts_with("oss-"))
    host.remove_prefix(4);
  else
    return {};
  if (host.ends_with("-internal")) host.remove_suffix(9);
  return std::string(host);
}

Result<Service> make_service(const std::string& bucket, const StoreConfig& config,
                             std::optional<Credentials> credentials) {
  if (config.endpoint.empty())
    return fail(ErrorCode::bad_input, "oss://" + bucket + ": neither endpoint nor region is known",
                "Name the region, e.g. --region cn-hangzhou (or OSS_REGION), or the endpoint, e.g. "
                "--endpoint https://oss-cn-hangzhou-internal.aliyuncs.com.");
  SHOAL_TRY(const Endpoint endpoint, parse_endpoint(config.endpoint));
  const bool v4 = config.signature == SignatureVersion::v4;
  if (credentials && v4 && config.region.empty())
    return fail(ErrorCode::bad_input,
                "oss://" + bucket + ": the region of endpoint " + config.endpoint + " is not known",
                "Signatures name the region: give it with --region or OSS_REGION.");
  Addressing addressing = config.addressing;
  // OSS refuses the path form; only test servers, which have no host names, take it.
  if (addressing == Addressing::automatic)
    addressing = endpoint.is_bare() ? Addressing::path : Addressing::virtual_hosted;

  std::string source = credentials ? credentials->source : std::string();
  std::unique_ptr<Signer> signer;
  if (credentials && v4) signer = std::make_unique<SignerV4>(std::move(*credentials));
  if (credentials && !v4) signer = std::make_unique<SignerV1>(std::move(*credentials));
  return Service{.words = &kWords,
                 .signer = std::move(signer),
                 .address = BucketAddress(endpoint, bucket, addressing),
                 .region = config.region,
                 .credentials = std::move(source),
                 .address_in_region = nullptr};
}

}  // namespace shoal::store::oss
