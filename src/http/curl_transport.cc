// SPDX-License-Identifier: Apache-2.0
//
// libcurl's multi interface in its event-driven form. libcurl says which sockets it waits for and
// when it wants to be called next; the loop's watches and timers answer.
//
// start() only queues. A pump, a timer of no delay, runs at the end of the loop's turn, hands
// queued exchanges to libcurl up to the connection limit and lets it send them all in one call:
// that batches a turn's worth of requests, and keeps libcurl out of the caller's stack. Ended
// exchanges give their handle back before their `done` runs, so `done` may start the next one.
//
// libcurl must not be entered from its own callbacks. A sink that calls cancel() is inside one: the
// exchange is marked, and ended when libcurl has returned.
#include "http/curl_transport.h"

#include <curl/curl.h>
#include <poll.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <utility>

#include "base/assert.h"
#include "http/curl_error.h"
#include "http/curl_handle.h"
#include "sys/file.h"
#include "sys/slot_table.h"

namespace shoal::http {
namespace {

class CurlTransport final : public Transport {
 public:
  CurlTransport(sys::Loop& loop, CURLM* multi, const CurlOptions& options, HandleDefaults defaults);
  ~CurlTransport() override;

  ExchangeId start(const Request& request, ResponseSink& sink, Done done) override;
  void cancel(ExchangeId exchange) override;

 private:
  struct Exchange {
    Request request;
    ResponseSink* sink = nullptr;
    Done done;
    TimePoint deadline = TimePoint::max();
    std::unique_ptr<CurlHandle> handle;  // null while it waits for a connection
    sys::Loop::TimerId queue_timer{};    // ends it at its deadline while it waits
    bool cancelled = false;              // by a sink, from inside libcurl
  };
  struct Socket {
    sys::Loop::WatchId watch{};
    std::uint32_t events = 0;  // 0: not watched
  };

  void schedule_pump();
  void pump();
  void begin_queued();
  void limit_wait(std::uint64_t id, Exchange& exchange);
  [[nodiscard]] Result<void> begin(std::uint64_t id, Exchange& exchange);
  void on_socket_ready(curl_socket_t fd, std::uint32_t events);
  void enter_curl(curl_socket_t fd, int mask);
  void end_finished();
  void end_cancelled();
  void end(std::uint64_t id, Result<void> outcome);
  void end_later(std::uint64_t id, Error error);
  [[nodiscard]] std::unique_ptr<Exchange> detach(std::uint64_t id);

  static int socket_wanted(CURL* easy, curl_socket_t fd, int what, void* self, void* socket);
  static int timer_wanted(CURLM* multi, long milliseconds, void* self);
  void watch_socket(curl_socket_t fd, std::uint32_t events);

  sys::Loop& loop_;
  CURLM* multi_;
  const std::uint32_t connections_max_;
  TransportCounters own_counters_;
  TransportCounters& counters_;
  const HandleDefaults defaults_;

  sys::SlotTable<std::unique_ptr<Exchange>> exchanges_;
  std::deque<std::uint64_t> queue_;       // waiting, oldest first; ids ended meanwhile stay in it
  std::vector<std::uint64_t> cancelled_;  // ended as soon as libcurl returns
  std::vector<std::unique_ptr<CurlHandle>> idle_handles_;
  std::uint32_t active_ = 0;         // exchanges with a handle
  std::vector<Socket> sockets_;      // by descriptor
  sys::Loop::TimerId curl_timer_{};  // value 0: none
  sys::Loop::TimerId pump_timer_{};  // value 0: none
  bool curl_is_due_ = false;         // libcurl wants its timers run at once
  bool in_curl_ = false;
};

CurlTransport::CurlTransport(sys::Loop& loop, CURLM* multi, const CurlOptions& options,
                             HandleDefaults defaults)
    : loop_(loop),
      multi_(multi),
      connections_max_(std::max(options.connections_max, 1u)),
      counters_(options.counters == nullptr ? own_counters_ : *options.counters),
      defaults_(std::move(defaults)) {
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlTransport::socket_wanted);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlTransport::timer_wanted);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, static_cast<long>(connections_max_));
}

CurlTransport::~CurlTransport() {
  SHOAL_ASSERT(!in_curl_);
  std::vector<std::uint64_t> ids;
  exchanges_.for_each([&ids](std::uint64_t id, const auto&) { ids.push_back(id); });
  for (const std::uint64_t id : ids)
    end_later(id, Error(ErrorCode::canceled, "the connection pool was shut down"));
  idle_handles_.clear();
  curl_multi_cleanup(multi_);
  for (const Socket& socket : sockets_)
    if (socket.events != 0) loop_.unwatch(socket.watch);
  loop_.cancel(curl_timer_);
  loop_.cancel(pump_timer_);
}

ExchangeId CurlTransport::start(const Request& request, ResponseSink& sink, Done done) {
  auto exchange = std::make_unique<Exchange>();
  exchange->request = request;
  exchange->sink = &sink;
  exchange->done = std::move(done);
  if (request.deadline != Duration::zero())
    exchange->deadline = loop_.clock().now() + request.deadline;
  const std::uint64_t id = exchanges_.insert(std::move(exchange));
  queue_.push_back(id);
  Exchange& queued = **exchanges_.find(id);
  if (queued.deadline != TimePoint::max() && active_ + queue_.size() > connections_max_)
    limit_wait(id, queued);
  schedule_pump();
  return ExchangeId{id};
}

void CurlTransport::cancel(ExchangeId exchange) {
  auto* found = exchanges_.find(exchange.value);
  if (found == nullptr || (*found)->cancelled) return;
  if (in_curl_ && (*found)->handle) {
    (*found)->cancelled = true;
    (*found)->handle->mute();
    cancelled_.push_back(exchange.value);
    return;
  }
  const Request& request = (*found)->request;
  end_later(exchange.value, Error(ErrorCode::canceled, describe(request.method, request.url) +
                                                           ": canceled by the caller"));
}

void CurlTransport::schedule_pump() {
  if (pump_timer_.value == 0) pump_timer_ = loop_.after(Duration::zero(), [this] { pump(); });
}

void CurlTransport::pump() {
  pump_timer_ = {};
  begin_queued();
  if (std::exchange(curl_is_due_, false)) enter_curl(CURL_SOCKET_TIMEOUT, 0);
}

void CurlTransport::begin_queued() {
  while (active_ < connections_max_ && !queue_.empty()) {
    const std::uint64_t id = queue_.front();
    queue_.pop_front();
    auto* exchange = exchanges_.find(id);
    if (exchange == nullptr) continue;
    if (auto begun = begin(id, **exchange); !begun) end(id, std::move(begun));
  }
}

// An exchange that waits for a connection does not wait past its deadline.
void CurlTransport::limit_wait(std::uint64_t id, Exchange& exchange) {
  exchange.queue_timer = loop_.after(exchange.deadline - loop_.clock().now(), [this, id] {
    const Request& request = (*exchanges_.find(id))->request;
    end(id, fail(Error(ErrorCode::timeout,
                       describe(request.method, request.url) +
                           ": no connection became free before the deadline",
                       "Allow more connections or more time.")
                     .with_retry(Retry::yes)));
  });
}

Result<void> CurlTransport::begin(std::uint64_t id, Exchange& exchange) {
  loop_.cancel(std::exchange(exchange.queue_timer, {}));
  Duration time_left = Duration::zero();
  if (exchange.deadline != TimePoint::max())
    time_left =
        std::max<Duration>(exchange.deadline - loop_.clock().now(), std::chrono::milliseconds(1));
  std::unique_ptr<CurlHandle> handle;
  if (idle_handles_.empty()) {
    handle = CurlHandle::create(defaults_);
    if (!handle) return fail(ErrorCode::limit, "libcurl: no memory for another transfer");
  } else {
    handle = std::move(idle_handles_.back());
    idle_handles_.pop_back();
  }
  handle->exchange_id = id;
  SHOAL_CHECK_OK(handle->prepare(exchange.request, *exchange.sink, time_left));
  const CURLMcode code = curl_multi_add_handle(multi_, handle->easy());
  if (code != CURLM_OK)
    return fail(ErrorCode::bug, std::string("curl_multi_add_handle: ") + curl_multi_strerror(code));
  exchange.handle = std::move(handle);
  ++active_;
  return {};
}

void CurlTransport::on_socket_ready(curl_socket_t fd, std::uint32_t events) {
  int mask = 0;
  if (events & (POLLIN | POLLHUP)) mask |= CURL_CSELECT_IN;
  if (events & POLLOUT) mask |= CURL_CSELECT_OUT;
  if (events & (POLLERR | POLLNVAL)) mask |= CURL_CSELECT_ERR;
  enter_curl(fd, mask);
}

void CurlTransport::enter_curl(curl_socket_t fd, int mask) {
  int running = 0;
  in_curl_ = true;
  const CURLMcode code = curl_multi_socket_action(multi_, fd, mask, &running);
  in_curl_ = false;
  SHOAL_ASSERT(code == CURLM_OK);
  end_cancelled();
  end_finished();
  if (!queue_.empty() || curl_is_due_) schedule_pump();
}

void CurlTransport::end_cancelled() {
  for (const std::uint64_t id : std::exchange(cancelled_, {})) {
    (*exchanges_.find(id))->cancelled = false;
    cancel(ExchangeId{id});
  }
}

void CurlTransport::end_finished() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;  // gone once the handle is removed
    void* handle = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &handle);
    auto& finished = *static_cast<CurlHandle*>(handle);
    long connects = 0;
    curl_easy_getinfo(message->easy_handle, CURLINFO_NUM_CONNECTS, &connects);
    counters_.requests.fetch_add(1, std::memory_order_relaxed);
    counters_.connections_opened.fetch_add(static_cast<std::uint64_t>(connects),
                                           std::memory_order_relaxed);
    end(finished.exchange_id, finished.outcome(code));
  }
}

// Takes an exchange out of every structure; its handle goes back to the pool.
std::unique_ptr<CurlTransport::Exchange> CurlTransport::detach(std::uint64_t id) {
  std::unique_ptr<Exchange> exchange = exchanges_.take(id);
  loop_.cancel(exchange->queue_timer);
  if (exchange->handle) {
    curl_multi_remove_handle(multi_, exchange->handle->easy());
    exchange->handle->finish();
    idle_handles_.push_back(std::move(exchange->handle));
    --active_;
  }
  return exchange;
}

// Precondition: called from the loop, not from inside start() or cancel().
void CurlTransport::end(std::uint64_t id, Result<void> outcome) {
  const std::unique_ptr<Exchange> exchange = detach(id);
  exchange->done(std::move(outcome));
}

void CurlTransport::end_later(std::uint64_t id, Error error) {
  std::unique_ptr<Exchange> exchange = detach(id);
  if (!queue_.empty()) schedule_pump();  // a connection may have become free
  loop_.post([exchange = std::move(exchange), error = std::move(error)]() mutable {
    exchange->done(fail(std::move(error)));
  });
}

int CurlTransport::socket_wanted(CURL*, curl_socket_t fd, int what, void* self, void*) {
  std::uint32_t events = 0;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT) events |= POLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT) events |= POLLOUT;
  static_cast<CurlTransport*>(self)->watch_socket(fd, events);
  return 0;
}

void CurlTransport::watch_socket(curl_socket_t fd, std::uint32_t events) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= sockets_.size()) sockets_.resize(index + 1);
  Socket& socket = sockets_[index];
  if (socket.events == events) return;
  if (socket.events != 0) loop_.unwatch(socket.watch);
  socket.events = events;
  if (events == 0) return;
  socket.watch =
      loop_.watch(fd, events, [this, fd](std::uint32_t ready) { on_socket_ready(fd, ready); });
}

int CurlTransport::timer_wanted(CURLM*, long milliseconds, void* self) {
  auto& transport = *static_cast<CurlTransport*>(self);
  transport.loop_.cancel(std::exchange(transport.curl_timer_, {}));
  transport.curl_is_due_ = milliseconds == 0;
  if (milliseconds == 0) transport.schedule_pump();
  if (milliseconds > 0)
    transport.curl_timer_ =
        transport.loop_.after(std::chrono::milliseconds(milliseconds), [&transport] {
          transport.curl_timer_ = {};
          transport.enter_curl(CURL_SOCKET_TIMEOUT, 0);
        });
  return 0;
}

bool has_proxy_environment() {
  constexpr const char* kNames[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                    "ALL_PROXY"};
  return std::any_of(std::begin(kNames), std::end(kNames), [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  });
}

}  // namespace

Result<std::unique_ptr<Transport>> make_curl_transport(sys::Loop& loop,
                                                       const CurlOptions& options) {
  // Once per process and thread-safe, as a local static; libcurl keeps it until the process ends.
  static const CURLcode kInitialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (kInitialised != CURLE_OK)
    return fail(ErrorCode::unsupported,
                std::string("curl_global_init: ") + curl_easy_strerror(kInitialised),
                "Reinstall libcurl with TLS support.");
  if (!options.ca_bundle.empty()) {
    auto bundle = sys::File::open(options.ca_bundle, sys::File::Mode::read_only);
    if (!bundle)
      return fail(
          std::move(bundle)
              .error()
              .with_context("certificate authorities")
              .with_remedy("Check AWS_CA_BUNDLE: it names a file of certificates in PEM form."));
  }
  CURLM* multi = curl_multi_init();
  if (multi == nullptr) return fail(ErrorCode::limit, "curl_multi_init: out of memory");
  return std::make_unique<CurlTransport>(loop, multi, options,
                                         HandleDefaults{options.user_agent, options.ca_bundle,
                                                        has_proxy_environment(), options.patience});
}

}  // namespace shoal::http
