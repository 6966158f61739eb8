// SPDX-License-Identifier: Apache-2.0
//
// start() puts the request together, takes a connection and prepares its send at once: the loop
// hands everything that was prepared in one turn to the kernel in one call. Exchanges end from the
// loop's completions, so neither sink nor `done` ever run inside start().
//
// An exchange that ends gives its connection back before its `done` runs, to the oldest one that
// waits or to the idle ones; so `done` may start the next exchange on it. An exchange whose body
// the kernel still reads ends when it has let go.
#include "http/ring_transport.h"

#include <algorithm>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "http/address_book.h"
#include "http/request_text.h"
#include "http/ring_connection.h"
#include "http/url.h"
#include "sys/slot_table.h"

namespace shoal::http {
namespace {

using namespace std::chrono_literals;

using ConnectionPtr = std::shared_ptr<RingConnection>;

// Connections move to a name's new addresses at least this often.
constexpr auto kConnectionAgeMax = 300s;

// One host and port with its idle connections, the one used last at the end.
struct Origin {
  Origin(const UrlParts& url, Resolver& resolver, const Clock& clock)
      : addresses(std::string(url.host), url.port, resolver, clock) {}
  AddressBook addresses;
  std::vector<ConnectionPtr> idle;
};

struct Exchange final : ResponseSink {
  std::uint64_t id = 0;
  Method method = Method::get;
  std::string url;  // for messages
  std::string head;
  ByteSpan body;
  ResponseSink* sink = nullptr;
  Transport::Done done;
  TimePoint deadline = TimePoint::max();
  Origin* origin = nullptr;
  ConnectionPtr connection;         // null while it waits for one
  sys::Loop::TimerId wait_timer{};  // ends it at its deadline while it waits
  std::size_t connects = 0;         // failed
  bool repeated = false;
  bool wants_new = false;  // not a kept connection
  bool was_sent = false;
  bool in_sink = false;
  bool cancelled = false;  // by a sink, from inside it

  Result<void> on_head(const ResponseHead& response) override {
    return call([&] { return sink->on_head(response); });
  }
  Result<void> on_body(ByteSpan bytes) override {
    return call([&] { return sink->on_body(bytes); });
  }
  [[nodiscard]] bool may_repeat() const {
    return method == Method::get || method == Method::head || method == Method::del;
  }
  [[nodiscard]] Error canceled() const {
    return Error(ErrorCode::canceled, describe(method, url) + ": canceled by the caller");
  }

 private:
  template <typename Call>
  Result<void> call(Call forward) {
    if (cancelled) return fail(canceled());
    in_sink = true;
    auto taken = forward();
    in_sink = false;
    if (cancelled) return fail(canceled());
    return taken;
  }
};

class RingTransport final : public Transport, public RingConnection::Owner {
 public:
  RingTransport(sys::Loop& loop, const RingOptions& options)
      : loop_(loop),
        options_(options),
        own_resolver_(options.resolver == nullptr ? make_system_resolver(loop) : nullptr),
        resolver_(own_resolver_ ? *own_resolver_ : *options.resolver),
        counters_(options.counters == nullptr ? own_counters_ : *options.counters) {}
  ~RingTransport() override;

  ExchangeId start(const Request& request, ResponseSink& sink, Done done) override;
  void cancel(ExchangeId exchange) override;

 private:
  using ExchangePtr = std::unique_ptr<Exchange>;

  void on_connected(RingConnection& connection, Result<void> result) override;
  void on_response(RingConnection& connection, Result<void> result) override;
  void on_idle_end(RingConnection& connection) override;

  [[nodiscard]] Result<void> prepare(Exchange& exchange, const Request& request);
  void begin(Exchange& exchange);
  [[nodiscard]] ConnectionPtr take_idle(Exchange& exchange);
  [[nodiscard]] bool make_room();
  void open_connection(Exchange& exchange);
  void connect(Exchange& exchange);
  void send(Exchange& exchange);
  void enqueue(Exchange& exchange);
  void limit_wait(Exchange& exchange);
  void give_back(ConnectionPtr connection);
  void drop(const ConnectionPtr& connection);
  void serve_queue();
  [[nodiscard]] Exchange& exchange_of(const RingConnection& connection);
  [[nodiscard]] Error explained(const Exchange& exchange, Error error) const;
  void end(Exchange& exchange, Result<void> outcome);
  void end_later(Exchange& exchange, Error error);

  sys::Loop& loop_;
  const RingOptions options_;
  const std::unique_ptr<Resolver> own_resolver_;
  Resolver& resolver_;
  TransportCounters own_counters_;
  TransportCounters& counters_;
  std::map<std::string, std::unique_ptr<Origin>, std::less<>> origins_;  // a few
  sys::SlotTable<ExchangePtr> exchanges_;
  std::deque<std::uint64_t> queue_;  // oldest first; ids ended meanwhile stay in it
  std::uint32_t open_ = 0;           // connections, idle ones included
};

// ---- the interface

ExchangeId RingTransport::start(const Request& request, ResponseSink& sink, Done done) {
  auto made = std::make_unique<Exchange>();
  Exchange& exchange = *made;
  exchange.method = request.method;
  exchange.url = request.url;
  exchange.body = request.body;
  exchange.sink = &sink;
  exchange.done = std::move(done);
  if (request.deadline != Duration::zero())
    exchange.deadline = loop_.clock().now() + request.deadline;
  exchange.id = exchanges_.insert(std::move(made));
  const ExchangeId id{exchange.id};
  if (auto prepared = prepare(exchange, request); !prepared)
    end_later(exchange, explained(exchange, std::move(prepared).error()));
  else
    begin(exchange);
  return id;
}

Result<void> RingTransport::prepare(Exchange& exchange, const Request& request) {
  SHOAL_TRY(const UrlParts url, parse_url(request.url));
  if (url.tls) return fail(ErrorCode::unsupported, "this transport speaks no TLS");
  SHOAL_TRY(exchange.head, request_text(request, url, options_.user_agent));
  const auto found = origins_.find(url.authority);
  if (found != origins_.end()) {
    exchange.origin = found->second.get();
  } else {
    auto origin = std::make_unique<Origin>(url, resolver_, loop_.clock());
    exchange.origin = origin.get();
    origins_.emplace(url.authority, std::move(origin));
  }
  return {};
}

void RingTransport::cancel(ExchangeId id) {
  ExchangePtr* found = exchanges_.find(id.value);
  if (found == nullptr || (*found)->cancelled) return;
  Exchange& exchange = **found;
  if (exchange.in_sink) {
    exchange.cancelled = true;
    return;
  }
  end_later(exchange, exchange.canceled());
}

RingTransport::~RingTransport() {
  std::vector<Exchange*> left;
  exchanges_.for_each([&](std::uint64_t, const ExchangePtr& exchange) {
    SHOAL_ASSERT(!exchange->in_sink);
    left.push_back(exchange.get());
  });
  queue_.clear();
  for (Exchange* exchange : left)
    end_later(*exchange, Error(ErrorCode::canceled, "the connection pool was shut down"));
  for (const auto& [authority, origin] : origins_)
    for (const ConnectionPtr& connection : origin->idle) connection->close();
}

// ---- connections

void RingTransport::begin(Exchange& exchange) {
  if (ConnectionPtr kept = take_idle(exchange)) {
    exchange.connection = std::move(kept);
    return send(exchange);
  }
  if (open_ < options_.connections_max || make_room()) return open_connection(exchange);
  enqueue(exchange);
}

ConnectionPtr RingTransport::take_idle(Exchange& exchange) {
  auto& idle = exchange.origin->idle;
  while (!exchange.wants_new && !idle.empty()) {
    ConnectionPtr connection = std::move(idle.back());
    idle.pop_back();
    // What may not be repeated looks first; for the rest that would be a system call too many.
    if (exchange.may_repeat() || connection->looks_alive()) return connection;
    drop(connection);
  }
  return nullptr;
}

// Closes an idle connection, of any host.
bool RingTransport::make_room() {
  for (const auto& [authority, origin] : origins_) {
    if (origin->idle.empty()) continue;
    const ConnectionPtr oldest = origin->idle.front();
    origin->idle.erase(origin->idle.begin());
    drop(oldest);
    return true;
  }
  return false;
}

// Takes a place among the open ones at once: the address may have to be looked up first.
void RingTransport::open_connection(Exchange& exchange) {
  ++open_;
  exchange.origin->addresses.when_ready([this, id = exchange.id](Result<void> ready) {
    ExchangePtr* found = exchanges_.find(id);
    if (found == nullptr) {
      --open_;
      return serve_queue();
    }
    if (ready) return connect(**found);
    --open_;
    end(**found, fail(explained(**found, std::move(ready).error())));
    serve_queue();
  });
  if (!exchange.connection) limit_wait(exchange);
}

void RingTransport::connect(Exchange& exchange) {
  loop_.cancel(std::exchange(exchange.wait_timer, {}));
  exchange.connection = std::make_shared<RingConnection>(
      loop_, *this, exchange.origin->addresses.next(), options_.patience);
  exchange.connection->exchange_id = exchange.id;
  exchange.connection->origin = exchange.origin;
  counters_.connections_opened.fetch_add(1, std::memory_order_relaxed);
  exchange.connection->connect(exchange.deadline);
}

void RingTransport::on_connected(RingConnection& connection, Result<void> result) {
  Exchange& exchange = exchange_of(connection);
  AddressBook& addresses = exchange.origin->addresses;
  if (result) {
    addresses.on_success(connection.address());
    return send(exchange);
  }
  if (result.error().code() != ErrorCode::limit) addresses.on_failure(connection.address());
  drop(std::exchange(exchange.connection, nullptr));
  // Nothing was sent: another machine of that name may do.
  const bool has_time = loop_.clock().now() < exchange.deadline;
  if (has_time && ++exchange.connects < addresses.size()) return open_connection(exchange);
  end(exchange, fail(explained(exchange, std::move(result).error())));
  serve_queue();
}

void RingTransport::send(Exchange& exchange) {
  counters_.requests.fetch_add(1, std::memory_order_relaxed);
  exchange.was_sent = true;
  RingConnection& connection = *exchange.connection;
  connection.exchange_id = exchange.id;
  // What may be sent again keeps its text.
  std::string head = exchange.may_repeat() ? exchange.head : std::move(exchange.head);
  connection.start(std::move(head), exchange.body, exchange.method == Method::head, exchange,
                   exchange.deadline);
}

void RingTransport::on_response(RingConnection& connection, Result<void> result) {
  Exchange& exchange = exchange_of(connection);
  if (exchange.cancelled) return end_later(exchange, exchange.canceled());
  if (!result && !connection.failed_in_sink()) {
    const bool was_kept = connection.exchanges() > 1 && !connection.answer_started() &&
                          result.error().code() == ErrorCode::unavailable;
    if (was_kept && exchange.may_repeat() && !exchange.repeated) {
      exchange.repeated = exchange.wants_new = true;
      counters_.repeated.fetch_add(1, std::memory_order_relaxed);
      drop(std::exchange(exchange.connection, nullptr));
      return begin(exchange);
    }
    result = fail(explained(exchange, std::move(result).error()));
  }
  end(exchange, std::move(result));
}

void RingTransport::on_idle_end(RingConnection& connection) {
  auto& idle = static_cast<Origin*>(connection.origin)->idle;
  const auto found = std::ranges::find(idle, &connection, &ConnectionPtr::get);
  if (found == idle.end()) return;
  idle.erase(found);
  --open_;
  serve_queue();
}

void RingTransport::give_back(ConnectionPtr connection) {
  auto& origin = *static_cast<Origin*>(connection->origin);
  const bool is_old = loop_.clock().now() - connection->born() > kConnectionAgeMax;
  if (!connection->is_reusable() || is_old || !origin.addresses.contains(connection->address()))
    drop(connection);
  else
    origin.idle.push_back(std::move(connection));
}

void RingTransport::drop(const ConnectionPtr& connection) {
  connection->close();
  --open_;
}

Exchange& RingTransport::exchange_of(const RingConnection& connection) {
  ExchangePtr* found = exchanges_.find(connection.exchange_id);
  SHOAL_ASSERT(found != nullptr && (*found)->connection.get() == &connection);
  return **found;
}

// ---- the queue

void RingTransport::enqueue(Exchange& exchange) {
  queue_.push_back(exchange.id);
  limit_wait(exchange);
}

// An exchange that waits for a connection or an address does not wait past its deadline.
void RingTransport::limit_wait(Exchange& exchange) {
  if (exchange.deadline == TimePoint::max() || exchange.wait_timer.value != 0) return;
  exchange.wait_timer =
      loop_.after(exchange.deadline - loop_.clock().now(), [this, id = exchange.id] {
        Exchange& late = **exchanges_.find(id);
        late.wait_timer = {};
        end(late, fail(Error(ErrorCode::timeout,
                             describe(late.method, late.url) +
                                 ": no connection was to be had before the deadline",
                             "Allow more connections or more time.")
                           .with_retry(Retry::yes)));
      });
}

// Begins the exchanges that wait, as far as there are connections.
void RingTransport::serve_queue() {
  while (!queue_.empty()) {
    ExchangePtr* found = exchanges_.find(queue_.front());
    if (found == nullptr) {
      queue_.pop_front();
      continue;
    }
    Exchange& exchange = **found;
    if (exchange.origin->idle.empty() && open_ >= options_.connections_max && !make_room()) return;
    queue_.pop_front();
    loop_.cancel(std::exchange(exchange.wait_timer, {}));
    begin(exchange);
  }
}

// ---- ends

Error RingTransport::explained(const Exchange& exchange, Error error) const {
  const Retry was = error.retry();
  const bool changes = exchange.method == Method::put || exchange.method == Method::post;
  const Retry retry =
      was == Retry::yes && changes && exchange.was_sent ? Retry::unknown_effect : was;
  return std::move(error).with_context(describe(exchange.method, exchange.url)).with_retry(retry);
}

// Precondition: called from the loop, not from inside start() or cancel().
void RingTransport::end(Exchange& ending, Result<void> outcome) {
  const ExchangePtr exchange = exchanges_.take(ending.id);
  loop_.cancel(exchange->wait_timer);
  if (ConnectionPtr connection = std::move(exchange->connection)) {
    if (connection->is_sending() && !exchange->body.empty()) {
      drop(connection);
      connection->when_sent([done = std::move(exchange->done),
                             outcome = std::move(outcome)]() mutable { done(std::move(outcome)); });
      return serve_queue();
    }
    if (outcome)
      give_back(std::move(connection));
    else
      drop(connection);
    serve_queue();
  }
  exchange->done(std::move(outcome));
}

void RingTransport::end_later(Exchange& ending, Error error) {
  const ExchangePtr exchange = exchanges_.take(ending.id);
  loop_.cancel(exchange->wait_timer);
  Task finish = [done = std::move(exchange->done), error = std::move(error)]() mutable {
    done(fail(std::move(error)));
  };
  if (const ConnectionPtr connection = std::move(exchange->connection)) {
    const bool holds_body = connection->is_sending() && !exchange->body.empty();
    drop(connection);
    if (holds_body) connection->when_sent(std::exchange(finish, Task()));
    serve_queue();
  }
  if (finish) loop_.post(std::move(finish));
}

}  // namespace

std::unique_ptr<Transport> make_ring_transport(sys::Loop& loop, const RingOptions& options) {
  RingOptions sane = options;
  sane.connections_max = std::max(sane.connections_max, 1u);
  return std::make_unique<RingTransport>(loop, sane);
}

}  // namespace shoal::http
