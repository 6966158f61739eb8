// SPDX-License-Identifier: Apache-2.0
// Question: how much processor time does the fetch thread spend on one small GET, and how much of
// it would any program spend? Signed GETs of 1 KiB with If-Match over plain http on loopback from
// the dev bucket (started here), on kept connections: by the whole store on either transport, and
// by a bare epoll loop that sends the same bytes, ready-made, and only counts what comes back. One
// run, interleaved. Run:
//   slot shoal-bench-store-get [IN_FLIGHT [GETS [ROUNDS]]]      (needs shoal-devbucket beside it)
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conformance/dev_bucket.h"
#include "http/curl_transport.h"
#include "http/request_text.h"
#include "http/ring_transport.h"
#include "http/url.h"
#include "store/credentials.h"
#include "store/governor.h"
#include "store/remote/remote_store.h"
#include "store/retry.h"
#include "store/s3/s3_service.h"
#include "sys/file.h"
#include "sys/loop.h"

namespace shoal::store {
namespace {

constexpr std::size_t kObjects = 1000;
constexpr std::size_t kObjectBytes = 1024;

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "store_get: {}\n", why);
  std::exit(2);
}

struct Cpu {
  double user = 0;
  double system = 0;
  static Cpu of_thread() {
    rusage usage{};
    getrusage(RUSAGE_THREAD, &usage);
    const auto microseconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
    };
    return {microseconds(usage.ru_utime), microseconds(usage.ru_stime)};
  }
};

struct Measured {
  double user = 0;  // microseconds per GET
  double system = 0;
  double seconds = 0;
  [[nodiscard]] double sum() const { return user + system; }
};

class Stopwatch {
 public:
  [[nodiscard]] Measured stop(std::size_t gets) const {
    const Cpu end = Cpu::of_thread();
    const auto count = static_cast<double>(gets);
    const std::chrono::duration<double> passed = system_clock().now() - start_;
    return {(end.user - cpu_.user) / count, (end.system - cpu_.system) / count, passed.count()};
  }

 private:
  Cpu cpu_ = Cpu::of_thread();
  TimePoint start_ = system_clock().now();
};

Service service_for(const std::string& endpoint) {
  const CredentialSources none{.environment = [](const std::string&) { return std::nullopt; },
                               .home = "/nonexistent"};
  StoreConfig config;
  config.endpoint = endpoint;
  auto service =
      s3::make_service(kDevBucket, complete_config(Scheme::s3, config, none),
                       Credentials{kDevAccessKey, Secret(kDevSecretKey), Secret(), "bench"});
  if (!service) give_up(service.error().to_string());
  return std::move(*service);
}

struct CountingSink final : BodySink {
  Result<void> on_bytes(ByteSpan bytes) override {
    received += bytes.size();
    return {};
  }
  std::uint64_t received = 0;
};

struct Object {
  std::string key;
  ETag etag;
};

GetRequest get_of(const Object& object) {
  return {.key = object.key,
          .offset = 0,
          .length = kObjectBytes,
          .if_match = object.etag,
          .object_size = kObjectBytes,
          .deadline = std::chrono::seconds(60)};
}

// `in_flight` GETs at any time, each started by the end of one before it.
Measured run_store(sys::Loop& loop, ObjectStore& store, const std::vector<Object>& objects,
                   std::size_t in_flight, std::size_t gets) {
  CountingSink sink;
  std::size_t started = 0;
  std::size_t ended = 0;
  std::function<void()> next = [&] {
    if (started == gets) return;
    store.get(get_of(objects[started++ % objects.size()]), sink, [&](Result<void> result) {
      if (!result) give_up(result.error().to_string());
      ++ended;
      next();
    });
  };
  const Stopwatch watch;
  for (std::size_t i = 0; i < in_flight; ++i) next();
  loop.run_until([&] { return ended == gets; });
  if (sink.received != gets * kObjectBytes) give_up("bytes are missing");
  return watch.stop(gets);
}

// Keeps what the store would send.
class Recorder final : public http::Transport {
 public:
  http::ExchangeId start(const http::Request& request, http::ResponseSink&, Done done) override {
    const auto url = http::parse_url(request.url);
    texts.push_back(*http::request_text(request, *url, "shoal"));
    never_.push_back(std::move(done));  // it keeps the store's exchange alive
    return {1};
  }
  void cancel(http::ExchangeId) override {}
  std::vector<std::string> texts;

 private:
  std::vector<Done> never_;
};

// What is left when nothing is decided, signed, parsed or checked: one send, one epoll_wait for
// many, one recv for each GET.
class BareLoop {
 public:
  BareLoop(std::uint16_t port, std::size_t connections) : epoll_(epoll_create1(0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (std::size_t i = 0; i < connections; ++i) {
      sys::Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      const int one = 1;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
        give_up("the bare loop cannot connect");
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event);
      peers_.push_back({std::move(fd), 0});
    }
  }

  Measured run(const std::vector<std::string>& texts, std::size_t gets) {
    std::size_t started = 0;
    std::size_t ended = 0;
    std::vector<epoll_event> events(peers_.size());
    std::vector<char> buffer(64 << 10);
    const auto send_one = [&](std::size_t peer) {
      if (started == gets) return;
      const std::string& text = texts[started++ % texts.size()];
      if (send(peers_[peer].fd.get(), text.data(), text.size(), MSG_NOSIGNAL) !=
          static_cast<ssize_t>(text.size()))
        give_up("the bare loop cannot send");
    };
    const Stopwatch watch;
    for (std::size_t i = 0; i < peers_.size(); ++i) send_one(i);
    while (ended < gets) {
      const int ready =
          epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < ready; ++i) {
        const std::size_t peer = events[static_cast<std::size_t>(i)].data.u64;
        const ssize_t got = recv(peers_[peer].fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (got <= 0) give_up("the bare loop lost its connection");
        if (answer_bytes_ == 0) answer_bytes_ = static_cast<std::size_t>(got);
        peers_[peer].received += static_cast<std::size_t>(got);
        // All answers are as long as the first one, which comes in one segment.
        if (peers_[peer].received < answer_bytes_) continue;
        peers_[peer].received = 0;
        ++ended;
        send_one(peer);
      }
    }
    return watch.stop(gets);
  }

 private:
  struct Peer {
    sys::Fd fd;
    std::size_t received;
  };
  sys::Fd epoll_;
  std::vector<Peer> peers_;
  std::size_t answer_bytes_ = 0;
};

std::vector<Object> make_objects(sys::Loop& loop, ObjectStore& store) {
  std::vector<Object> objects(kObjects);
  const std::string body(kObjectBytes, 'x');
  std::size_t ended = 0;
  for (std::size_t i = 0; i < kObjects; ++i) {
    objects[i].key =
        fmt::format("ticks/SYM{:03}/2024-{:02}-{:02}.csv", i % 100, i / 100 + 1, 1 + i % 28);
    objects[i].key += fmt::format(".{}", i);
    store.put({.key = objects[i].key, .body = as_bytes(body)}, [&, i](Result<PutResult> result) {
      if (!result) give_up(result.error().to_string());
      objects[i].etag = result->etag;
      ++ended;
    });
  }
  loop.run_until([&] { return ended == kObjects; });
  return objects;
}

// A store on a loop of its own; with `wrapped` behind the retry wrapper and a governor, as volumes
// have it.
struct Contender {
  Contender(std::string label, const std::string& endpoint, bool is_curl, bool wrapped,
            std::uint32_t connections)
      : name(std::move(label)), loop(std::move(*sys::Loop::create({}))) {
    if (is_curl)
      transport = std::move(*http::make_curl_transport(
          *loop, {.connections_max = connections, .counters = &counters}));
    else
      transport =
          http::make_ring_transport(*loop, {.connections_max = connections, .counters = &counters});
    store = make_remote_store(*loop, *transport, nullptr, service_for(endpoint));
    if (wrapped) store = make_retry_store(std::move(store), *loop, &governor, {});
  }
  std::string name;
  Governor governor{{}};
  http::TransportCounters counters;
  std::unique_ptr<sys::Loop> loop;
  std::unique_ptr<http::Transport> transport;
  std::unique_ptr<ObjectStore> store;
  std::vector<Measured> results;
};

void print(const std::string& name, std::vector<Measured> results, double bare, std::size_t gets) {
  std::ranges::sort(results, {}, &Measured::sum);
  const Measured& middle = results[results.size() / 2];
  fmt::print(
      "{:<28} {:6.2f} us per GET ({:.2f} user + {:.2f} system), {:.2f} to {:.2f}; {:.2f} x bare; "
      "{:.0f} GET/s\n",
      name, middle.sum(), middle.user, middle.system, results.front().sum(), results.back().sum(),
      middle.sum() / bare, static_cast<double>(gets) / middle.seconds);
}

int run(std::size_t in_flight, std::size_t gets, std::size_t rounds) {
  std::string why;
  const auto server = DevBucket::start({}, why);
  if (!server) give_up(why);
  const auto connections = static_cast<std::uint32_t>(in_flight);
  std::vector<std::unique_ptr<Contender>> contenders;
  contenders.push_back(std::make_unique<Contender>("store on the ring", server->endpoint(), false,
                                                   false, connections));
  contenders.push_back(std::make_unique<Contender>("same behind retry, governor",
                                                   server->endpoint(), false, true, connections));
  contenders.push_back(std::make_unique<Contender>("store on libcurl", server->endpoint(), true,
                                                   false, connections));
  const auto objects = make_objects(*contenders[0]->loop, *contenders[0]->store);

  Recorder recorder;
  const auto recording =
      make_remote_store(*contenders[0]->loop, recorder, nullptr, service_for(server->endpoint()));
  CountingSink unused;
  for (const Object& object : objects) recording->get(get_of(object), unused, [](Result<void>) {});
  const auto url = http::parse_url(server->endpoint() + "/");
  BareLoop bare(url->port, in_flight);
  std::vector<Measured> bare_results;

  bare.run(recorder.texts, gets / 10);
  for (auto& contender : contenders)
    run_store(*contender->loop, *contender->store, objects, in_flight, gets / 10);
  for (std::size_t round = 0; round < rounds; ++round) {
    bare_results.push_back(bare.run(recorder.texts, gets));
    for (auto& contender : contenders)
      contender->results.push_back(
          run_store(*contender->loop, *contender->store, objects, in_flight, gets));
  }
  std::vector<double> sums;
  for (const Measured& result : bare_results) sums.push_back(result.sum());
  std::ranges::sort(sums);
  const double limit = sums[sums.size() / 2];
  fmt::print("{} GETs of {} bytes, {} in flight, median of {}\n", gets, kObjectBytes, in_flight,
             rounds);
  print("bare epoll loop", bare_results, limit, gets);
  for (const auto& contender : contenders) {
    print(contender->name, contender->results, limit, gets);
    const double requests = static_cast<double>(contender->counters.requests);
    const double opened = static_cast<double>(contender->counters.connections_opened);
    fmt::print("{:<28} {:.0f} connections for {:.0f} requests\n", "", opened, requests);
  }
  return 0;
}

}  // namespace
}  // namespace shoal::store

int main(int argc, char** argv) {
  const auto number = [&](int i, std::size_t otherwise) {
    return argc > i ? std::strtoull(argv[i], nullptr, 10) : otherwise;
  };
  return shoal::store::run(number(1, 128), number(2, 20'000), number(3, 5));
}
