// SPDX-License-Identifier: Apache-2.0
// Question: how many small objects per second, and how many bytes per second in parts, can be put
// into the dev bucket, and what does one cost the client's thread? Signed PUTs with Content-MD5
// over plain http on loopback from one loop, the dev bucket (started here) in a folder of TMPDIR;
// then one object in parts of 8 MiB, and its completion alone. Run:
//   slot shoal-bench-store-put [IN_FLIGHT [PUTS [BYTES [PARTS]]]]   (needs shoal-devbucket beside)
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "conformance/dev_bucket.h"
#include "http/ring_transport.h"
#include "store/credentials.h"
#include "store/encoding.h"
#include "store/remote/remote_store.h"
#include "store/retry.h"
#include "store/s3/s3_service.h"
#include "sys/loop.h"

namespace shoal::store {
namespace {

constexpr std::size_t kPartBytes = 8 << 20;
constexpr std::size_t kPartsInFlight = 8;

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "store_put: {}\n", why);
  std::exit(2);
}

double thread_seconds() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Measured {
  double seconds = 0;
  double cpu_seconds = 0;
};

// Runs `count` calls, `in_flight` at any time. `start` gets a number and what to call at the end.
Measured run(sys::Loop& loop, std::size_t count, std::size_t in_flight,
             const std::function<void(std::size_t, std::function<void()>)>& start) {
  const double cpu = thread_seconds();
  const TimePoint begin = system_clock().now();
  std::size_t started = 0;
  std::size_t ended = 0;
  std::function<void()> next = [&] {
    if (started == count) return;
    start(started++, [&] {
      ++ended;
      next();
    });
  };
  while (started < std::min(count, in_flight)) next();
  loop.run_until([&] { return ended == count; });
  const std::chrono::duration<double> passed = system_clock().now() - begin;
  return {passed.count(), thread_seconds() - cpu};
}

template <typename T>
T value_of(Result<T> result) {
  if (!result) give_up(result.error().to_string());
  return std::move(*result);
}

shoal::Md5 md5_of(std::string_view text) {
  shoal::Md5 digest{};
  std::ranges::copy(as_bytes(md5(text)), digest.begin());
  return digest;
}

void put_small(sys::Loop& loop, ObjectStore& store, std::size_t in_flight, std::size_t puts,
               const std::string& body) {
  const BodyChecks checks{.md5 = md5_of(body)};
  const auto spent = run(loop, puts, in_flight, [&](std::size_t i, std::function<void()> end) {
    store.put({.key = fmt::format("d{}/object-{}", i % 1000, i),
               .body = as_bytes(body),
               .checks = checks},
              [end = std::move(end)](Result<PutResult> result) {
                value_of(std::move(result));
                end();
              });
  });
  fmt::print("{} PUTs of {}, {} in flight: {:.0f} per second, {:.1f} us of the client's thread\n",
             puts, human_bytes(body.size()), in_flight, static_cast<double>(puts) / spent.seconds,
             spent.cpu_seconds * 1e6 / static_cast<double>(puts));
}

void put_parts(sys::Loop& loop, ObjectStore& store, std::size_t parts) {
  std::string body(kPartBytes, '\0');
  Rng rng(1);
  for (char& c : body) c = static_cast<char>(rng.next());
  const BodyChecks checks{.md5 = md5_of(body)};
  CompleteRequest request;
  run(loop, 1, 1, [&](std::size_t, std::function<void()> end) {
    store.create_upload("large", "", [&request, end](Result<UploadId> result) {
      request.upload = value_of(std::move(result));
      end();
    });
  });
  request.parts.resize(parts);
  const auto sent = run(loop, parts, kPartsInFlight, [&](std::size_t i, std::function<void()> end) {
    store.upload_part(request.upload, static_cast<std::uint32_t>(i + 1), as_bytes(body), checks,
                      [&request, i, end](Result<UploadedPart> result) {
                        request.parts[i] = value_of(std::move(result));
                        end();
                      });
  });
  const auto ended = run(loop, 1, 1, [&](std::size_t, std::function<void()> end) {
    store.complete_upload(request, [end](Result<PutResult> result) {
      value_of(std::move(result));
      end();
    });
  });
  const auto mib = static_cast<double>(parts * kPartBytes) / (1 << 20);
  fmt::print(
      "{} parts of {}: {:.0f} MiB/s, {:.2f} s of the client's thread; completed in {:.3f} s\n",
      parts, human_bytes(kPartBytes), mib / sent.seconds, sent.cpu_seconds, ended.seconds);
}

int main_of(int argc, char** argv) {
  const auto argument = [&](int i, std::size_t usual) {
    return argc > i ? static_cast<std::size_t>(std::atoll(argv[i])) : usual;
  };
  const std::size_t in_flight = std::max<std::size_t>(argument(1, 128), 1);
  std::string why;
  const auto server = DevBucket::start({}, why);
  if (!server) give_up(why);
  const CredentialSources none{.environment = [](const std::string&) { return std::nullopt; },
                               .home = "/nonexistent"};
  StoreConfig config;
  config.endpoint = server->endpoint();
  auto loop = value_of(sys::Loop::create({}));
  const auto transport =
      http::make_ring_transport(*loop, {.connections_max = static_cast<std::uint32_t>(in_flight)});
  auto service = value_of(
      s3::make_service(kDevBucket, complete_config(Scheme::s3, config, none),
                       Credentials{kDevAccessKey, Secret(kDevSecretKey), Secret(), "bench"}));
  const auto store = make_retry_store(
      make_remote_store(*loop, *transport, nullptr, std::move(service)), *loop, nullptr, {});
  const std::size_t puts = argument(2, 50'000);
  put_small(*loop, *store, in_flight, puts, std::string(argument(3, 8192), 'x'));
  if (const std::size_t parts = argument(4, 128); parts > 0) put_parts(*loop, *store, parts);
  return 0;
}

}  // namespace
}  // namespace shoal::store

int main(int argc, char** argv) {
  return shoal::store::main_of(argc, argv);
}
