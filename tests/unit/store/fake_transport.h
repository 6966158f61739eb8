// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/executor.h"
#include "http/transport.h"

namespace shoal::store {

struct FakeAnswer {
  int status = 200;
  std::vector<http::Header> headers{};
  std::string body{};
};

// Answers each request with the next answer of a list and keeps what was sent.
class FakeTransport final : public http::Transport {
 public:
  explicit FakeTransport(LoopExecutor& loop) : loop_(loop) {}

  http::ExchangeId start(const http::Request& request, http::ResponseSink& sink,
                         Done done) override {
    sent.push_back(request);
    bodies.emplace_back(as_text(request.body));
    const std::uint64_t id = sent.size();
    calls_.emplace(id, std::pair(&sink, std::move(done)));
    loop_.after(answer_delay, [this, id] { finish(id); });
    return {id};
  }
  void cancel(http::ExchangeId exchange) override {
    const auto found = calls_.find(exchange.value);
    if (found == calls_.end()) return;
    loop_.post([done = std::move(found->second.second)]() mutable {
      done(fail(ErrorCode::canceled, "canceled"));
    });
    calls_.erase(found);
  }

  std::deque<FakeAnswer> answers;
  Duration answer_delay{};
  std::vector<http::Request> sent;
  std::vector<std::string> bodies;

 private:
  void finish(std::uint64_t id) {
    const auto found = calls_.find(id);
    if (found == calls_.end()) return;
    auto [sink, done] = std::move(found->second);
    calls_.erase(found);
    if (answers.empty()) return done(fail(ErrorCode::unavailable, "no answer left"));
    const FakeAnswer answer = std::move(answers.front());
    answers.pop_front();
    auto result = sink->on_head({.status = answer.status, .headers = answer.headers});
    if (result && !answer.body.empty()) result = sink->on_body(as_bytes(answer.body));
    done(std::move(result));
  }

  LoopExecutor& loop_;
  std::map<std::uint64_t, std::pair<http::ResponseSink*, Done>> calls_;
};

}  // namespace shoal::store
