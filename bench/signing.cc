// SPDX-License-Identifier: Apache-2.0
// Question: what does signing one GET cost? S3 V4 and OSS V4 with the key of the day derived once,
// as the stores do it, and with a key derived for every request; OSS V1.
#include <benchmark/benchmark.h>

#include "base/secret.h"
#include "store/oss/oss_sign.h"
#include "store/s3/sigv4.h"

namespace shoal::store {
namespace {

constexpr std::string_view kTimestamp = "20260105T093000Z";
constexpr std::string_view kEmptyHash =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const Secret& secret() {
  static const Secret value("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
  return value;
}

// The headers of a GET of the fetch engine.
s3::SigningInput s3_get() {
  return {.method = "GET",
          .path = "/minute-bars/ABCD/2026-01-05.csv",
          .query = {},
          .headers = {{"If-Match", "\"9b2cf535f27731c974343645a3985328\""},
                      {"x-amz-content-sha256", std::string(kEmptyHash)},
                      {"x-amz-date", std::string(kTimestamp)},
                      {"host", "market-data.s3.eu-west-1.amazonaws.com"}},
          .payload_hash = kEmptyHash};
}
constexpr s3::SigningScope kS3Scope{
    .access_key = "AKIDEXAMPLE", .region = "eu-west-1", .timestamp = kTimestamp};

oss::SigningInput oss_get() {
  return {.method = "GET",
          .bucket = "market-data",
          .key = "minute-bars/ABCD/2026-01-05.csv",
          .query = {},
          .headers = {{"If-Match", "\"9b2cf535f27731c974343645a3985328\""},
                      {"x-oss-content-sha256", "UNSIGNED-PAYLOAD"},
                      {"x-oss-date", std::string(kTimestamp)}},
          .additional_headers = {}};
}
constexpr oss::SigningScope kOssScope{
    .access_key = "LTAIEXAMPLE", .region = "cn-hangzhou", .timestamp = kTimestamp};

void s3_v4_with_the_key_of_the_day(benchmark::State& state) {
  const auto input = s3_get();
  const std::string key = s3::signing_key(secret(), kS3Scope);
  for (auto step : state) {
    static_cast<void>(step);
    benchmark::DoNotOptimize(s3::authorization(input, kS3Scope, key));
  }
}
BENCHMARK(s3_v4_with_the_key_of_the_day);

void s3_v4_deriving_the_key(benchmark::State& state) {
  const auto input = s3_get();
  for (auto step : state) {
    static_cast<void>(step);
    benchmark::DoNotOptimize(
        s3::authorization(input, kS3Scope, s3::signing_key(secret(), kS3Scope)));
  }
}
BENCHMARK(s3_v4_deriving_the_key);

void oss_v4_with_the_key_of_the_day(benchmark::State& state) {
  const auto input = oss_get();
  const std::string key = oss::v4_signing_key(secret(), kOssScope);
  for (auto step : state) {
    static_cast<void>(step);
    benchmark::DoNotOptimize(oss::v4_authorization_with_key(input, kOssScope, key));
  }
}
BENCHMARK(oss_v4_with_the_key_of_the_day);

void oss_v4_deriving_the_key(benchmark::State& state) {
  const auto input = oss_get();
  for (auto step : state) {
    static_cast<void>(step);
    benchmark::DoNotOptimize(oss::v4_authorization(input, kOssScope, secret()));
  }
}
BENCHMARK(oss_v4_deriving_the_key);

void oss_v1(benchmark::State& state) {
  const auto input = oss_get();
  for (auto step : state) {
    static_cast<void>(step);
    benchmark::DoNotOptimize(
        oss::v1_authorization(input, "LTAIEXAMPLE", secret(), "Mon, 05 Jan 2026 09:30:00 GMT"));
  }
}
BENCHMARK(oss_v1);

}  // namespace
}  // namespace shoal::store

BENCHMARK_MAIN();
