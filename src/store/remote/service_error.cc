// SPDX-License-Identifier: Apache-2.0
#include "store/remote/service_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "store/write_checks.h"

namespace shoal::store {
namespace {

struct Meaning {
  ErrorCode error;
  Retry retry;
  std::string_view remedy;
};
struct CodeRow {
  std::string_view code;
  Meaning meaning;
};

constexpr std::string_view kRegionRemedy =
    "Name the bucket's region with --region (or AWS_REGION, OSS_REGION) and its endpoint.";
constexpr std::string_view kKeyRemedy =
    "Check the access key in the environment or in the profile; it may be of another account, of "
    "another service or deleted.";
constexpr std::string_view kSecretRemedy =
    "The secret key does not belong to the access key, or a proxy changes requests: set the secret "
    "key again.";
constexpr std::string_view kTokenRemedy =
    "The temporary credentials are used up or wrong: get new ones (a session token must come from "
    "the same place as its keys).";
constexpr std::string_view kAccessRemedy =
    "Ask the bucket's owner to allow this access key ListBucket and GetObject (and PutObject to "
    "write) here.";
constexpr std::string_view kClockRemedy = "Set this machine's clock, e.g. with chronyc makestep.";
constexpr std::string_view kArchiveRemedy =
    "The object is archived: restore it with the provider's tools first.";
constexpr std::string_view kChangedRemedy =
    "The bucket has changed since it was listed: run `shoal index build --rebuild`.";
constexpr std::string_view kOthersWriteRemedy =
    "Something else writes to this key: look with `shoal stat` and try again.";
constexpr std::string_view kVirtualRemedy =
    "This endpoint wants the bucket in the host name: use --addressing virtual.";

// Codes of S3, OSS and the compatible servers. Sorted for the reader by what they mean.
constexpr auto kCodes = std::to_array<CodeRow>({
    {"NoSuchKey", {ErrorCode::not_found, Retry::no, kChangedRemedy}},
    {"NoSuchBucket",
     {ErrorCode::not_found, Retry::no, "Check the bucket's name and the endpoint."}},
    {"NoSuchUpload",
     {ErrorCode::not_found, Retry::no, "The upload was ended or aborted: start it again."}},
    {"NoSuchVersion", {ErrorCode::not_found, Retry::no, kChangedRemedy}},
    {"SymlinkTargetNotExist",
     {ErrorCode::not_found, Retry::no, "The object is a link to a missing object."}},

    {"PreconditionFailed", {ErrorCode::precondition, Retry::no, kChangedRemedy}},
    {"InvalidRange", {ErrorCode::precondition, Retry::no, kChangedRemedy}},
    {"FileAlreadyExists", {ErrorCode::precondition, Retry::no, kExistsRemedy}},
    {"ObjectAlreadyExists", {ErrorCode::precondition, Retry::no, kExistsRemedy}},
    {"PositionNotEqualToLength",
     {ErrorCode::precondition, Retry::no,
      "The object has another length: look with `shoal stat` and append behind its end."}},
    {"ObjectNotAppendable",
     {ErrorCode::precondition, Retry::no, "Only objects made by append can be appended to."}},
    {"InvalidObjectState", {ErrorCode::precondition, Retry::no, kArchiveRemedy}},
    {"EntityTooSmall",
     {ErrorCode::bad_input, Retry::no, "Every part but the last must have 5 MiB (OSS: 100 KiB)."}},
    {"InvalidPart",
     {ErrorCode::bad_input, Retry::no,
      "A part never arrived or was replaced: start the upload again."}},
    {"InvalidPartOrder", {ErrorCode::bad_input, Retry::no, "Name the parts in rising order."}},
    // Not a condition that failed: another write was under way, nobody knows yet which will hold.
    {"ConditionalRequestConflict", {ErrorCode::unavailable, Retry::yes, kOthersWriteRemedy}},

    {"AccessDenied", {ErrorCode::permission, Retry::no, kAccessRemedy}},
    {"AllAccessDisabled", {ErrorCode::permission, Retry::no, kAccessRemedy}},
    {"AccountProblem",
     {ErrorCode::permission, Retry::no, "Ask the provider what is wrong with the account."}},
    {"UserDisable",
     {ErrorCode::permission, Retry::no, "Ask the provider what is wrong with the account."}},
    {"InvalidAccessKeyId", {ErrorCode::permission, Retry::no, kKeyRemedy}},
    {"SignatureDoesNotMatch", {ErrorCode::permission, Retry::no, kSecretRemedy}},
    {"AuthorizationHeaderMalformed", {ErrorCode::permission, Retry::no, kRegionRemedy}},
    {"InvalidToken", {ErrorCode::permission, Retry::no, kTokenRemedy}},
    {"ExpiredToken", {ErrorCode::permission, Retry::no, kTokenRemedy}},
    {"TokenRefreshRequired", {ErrorCode::permission, Retry::no, kTokenRemedy}},
    {"InvalidSecurityToken", {ErrorCode::permission, Retry::no, kTokenRemedy}},
    {"SecurityTokenExpired", {ErrorCode::permission, Retry::no, kTokenRemedy}},
    {"RequestTimeTooSkewed", {ErrorCode::permission, Retry::no, kClockRemedy}},

    {"PermanentRedirect", {ErrorCode::bad_input, Retry::no, kRegionRemedy}},
    {"TemporaryRedirect", {ErrorCode::bad_input, Retry::no, kRegionRemedy}},
    {"IllegalLocationConstraintException", {ErrorCode::bad_input, Retry::no, kRegionRemedy}},
    {"SecondLevelDomainForbidden", {ErrorCode::bad_input, Retry::no, kVirtualRemedy}},
    {"InvalidBucketName", {ErrorCode::bad_input, Retry::no, "Check the bucket's name."}},
    {"KeyTooLongError", {ErrorCode::bad_input, Retry::no, "Use a shorter name."}},
    {"EntityTooLarge",
     {ErrorCode::bad_input, Retry::no, "Use a multipart upload or a smaller object."}},
    {"NotImplemented",
     {ErrorCode::unsupported, Retry::no, "The service does not offer this call."}},
    {"MethodNotAllowed",
     {ErrorCode::unsupported, Retry::no, "The service does not offer this call."}},

    {"QuotaExceeded", {ErrorCode::no_space, Retry::no, "The bucket's quota is used up."}},
    {"SlowDown", {ErrorCode::throttled, Retry::yes, ""}},
    {"ServiceUnavailable", {ErrorCode::throttled, Retry::yes, ""}},
    {"RequestLimitExceeded", {ErrorCode::throttled, Retry::yes, ""}},
    {"TooManyRequests", {ErrorCode::throttled, Retry::yes, ""}},
    {"BandwidthLimitExceeded", {ErrorCode::throttled, Retry::yes, ""}},
    {"RequestTimeout", {ErrorCode::timeout, Retry::yes, ""}},
    {"BadDigest",
     {ErrorCode::corrupt, Retry::yes,
      "The bytes changed on their way; a broken network card or proxy."}},
    {"InvalidDigest", {ErrorCode::corrupt, Retry::yes, ""}},
    {"XAmzContentSHA256Mismatch",
     {ErrorCode::corrupt, Retry::yes,
      "The bytes changed on their way; a broken network card or proxy."}},
    {"InternalError", {ErrorCode::unavailable, Retry::unknown_effect, ""}},
    {"OperationAborted", {ErrorCode::unavailable, Retry::yes, kOthersWriteRemedy}},
});

constexpr std::string_view kThrottledRemedy =
    "The service limits this account; lower --max-qps or ask for a higher limit.";

Meaning meaning_of_status(int status) {
  switch (status) {
    case 301:
    case 302:
    case 307:
    case 308:
      return {ErrorCode::bad_input, Retry::no, kRegionRemedy};
    case 401:
    case 403:
      return {ErrorCode::permission, Retry::no, kAccessRemedy};
    case 404:
    case 410:
      return {ErrorCode::not_found, Retry::no, ""};
    case 405:
    case 501:
      return {ErrorCode::unsupported, Retry::no, "The service does not offer this call."};
    case 408:
      return {ErrorCode::timeout, Retry::yes, ""};
    case 409:
    case 412:
    case 416:
      return {ErrorCode::precondition, Retry::no, kChangedRemedy};
    case 429:
    case 503:
    case 509:
      return {ErrorCode::throttled, Retry::yes, ""};
    case 507:
      return {ErrorCode::no_space, Retry::no, "The service's storage is full."};
    default:
      break;
  }
  if (status >= 500) return {ErrorCode::unavailable, Retry::unknown_effect, ""};
  return {ErrorCode::bad_input, Retry::no, ""};
}

// What the table says of a bucket that is only read is not so of a write.
Meaning for_write(const ServiceRefusal& refusal, Meaning meaning) {
  const WriteCondition& condition = refusal.condition;
  const bool is_missing =
      refusal.code == "NoSuchKey" || (refusal.code.empty() && refusal.status == 404);
  if (is_missing && !condition.if_match.empty())
    return {ErrorCode::precondition, Retry::no, kOtherVersionRemedy};
  if (meaning.remedy != kChangedRemedy) return meaning;
  if (meaning.error == ErrorCode::not_found)
    meaning.remedy = "Check the key: it has no object.";
  else if (condition.if_absent)
    meaning.remedy = kExistsRemedy;
  else if (!condition.if_match.empty())
    meaning.remedy = kOtherVersionRemedy;
  else
    meaning.remedy = kOthersWriteRemedy;
  return meaning;
}

Meaning meaning_of(const ServiceRefusal& refusal) {
  const auto row = std::ranges::find(kCodes, refusal.code, &CodeRow::code);
  if (row != kCodes.end()) return row->meaning;
  // OSS has one such code for each thing it counts (TotalQpsLimitExceeded, ...).
  for (const std::string_view part : {"QpsLimitExceeded", "RateLimitExceeded", "Throttling"})
    if (refusal.code.find(part) != std::string::npos) return {ErrorCode::throttled, Retry::yes, ""};
  return meaning_of_status(refusal.status);
}

std::string remedy_of(const ServiceRefusal& refusal, const Meaning& meaning) {
  if (refusal.is_foreign)
    return "Is " + refusal.host + " an S3 or OSS endpoint, and is no proxy in between?";
  if (!refusal.right_region.empty())
    return fmt::format("The bucket is in region {}: use --region {}.", refusal.right_region,
                       refusal.right_region);
  if (refusal.code == "RequestTimeTooSkewed" && refusal.clock_offset)
    return fmt::format("This machine's clock is {} seconds {} the service's. {}",
                       std::abs(refusal.clock_offset->count()),
                       refusal.clock_offset->count() > 0 ? "behind" : "ahead of", kClockRemedy);
  if (meaning.error == ErrorCode::permission && refusal.anonymous)
    return "The request was not signed; give credentials, or check that the bucket is public.";
  if (meaning.error == ErrorCode::throttled) return std::string(kThrottledRemedy);
  std::string remedy(meaning.remedy);
  if (is_about_credentials(refusal) && refusal.looks_again &&
      !refusal.credentials.starts_with("environment"))
    remedy += " The credentials files are read again by themselves: write the new keys there.";
  if (meaning.error == ErrorCode::permission && !refusal.credentials.empty())
    remedy += fmt::format(" Credentials used: {}.", refusal.credentials);
  return remedy;
}

bool is_missing_bucket(const ServiceRefusal& refusal) {
  if (refusal.is_foreign) return false;
  return refusal.code == "NoSuchBucket" || (refusal.key.empty() && refusal.status == 404);
}

std::string reason_of(const ServiceRefusal& refusal) {
  if (refusal.is_foreign)
    return fmt::format("HTTP {} with an answer that no object service gives: {}", refusal.status,
                       refusal.message);
  if (is_missing_bucket(refusal))
    return fmt::format("bucket {} does not exist at {}", refusal.bucket, refusal.host);
  std::string reason = fmt::format("HTTP {}", refusal.status);
  if (!refusal.code.empty()) reason += " " + refusal.code;
  if (!refusal.message.empty()) {
    std::string_view text = refusal.message;
    while (text.ends_with('.')) text.remove_suffix(1);  // the clause goes on
    reason += fmt::format(": {}", text.substr(0, 300));
  } else if (refusal.status == 404) {
    reason += ": no such object";
  } else if (refusal.status == 412 || refusal.status == 416) {
    reason += refusal.is_write ? ": the key is not as the request says it must be"
                               : ": the object is not the one that was listed";
  }
  return reason;
}

}  // namespace

bool is_about_credentials(const ServiceRefusal& refusal) {
  constexpr std::array<std::string_view, 6> kRefused = {
      "ExpiredToken",         "InvalidToken",         "TokenRefreshRequired",
      "InvalidSecurityToken", "SecurityTokenExpired", "InvalidAccessKeyId"};
  if (refusal.code.empty()) return refusal.status == 400 || refusal.status == 403;
  return std::ranges::find(kRefused, refusal.code) != kRefused.end();
}

Error to_error(const ServiceRefusal& refusal) {
  Meaning meaning = meaning_of(refusal);
  if (refusal.is_write) meaning = for_write(refusal, meaning);
  std::string text = reason_of(refusal);
  // A missing bucket is named with its host already.
  if (!is_missing_bucket(refusal))
    text = fmt::format("{} {}{}{} at {}: {}", refusal.doing, refusal.bucket,
                       refusal.key.empty() ? "" : "/", refusal.key, refusal.host, text);
  if (!refusal.request_id.empty()) text += fmt::format(" [request {}]", refusal.request_id);
  // A web server's 404 says nothing about an object.
  const bool is_elsewhere = refusal.is_foreign && meaning.error == ErrorCode::not_found;
  return Error(is_elsewhere ? ErrorCode::bad_input : meaning.error, std::move(text),
               remedy_of(refusal, meaning))
      .with_retry(meaning.retry, refusal.retry_after);
}

}  // namespace shoal::store
