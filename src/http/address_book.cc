// SPDX-License-Identifier: Apache-2.0
#include "http/address_book.h"

#include <algorithm>
#include <utility>

namespace shoal::http {
namespace {

using namespace std::chrono_literals;

// Object services change their addresses within minutes and answer with a time to live of 5 to 60
// s.
constexpr auto kFresh = 45s;
// Long enough for a machine that is gone to cost few connections, short enough for one that came
// back.
constexpr auto kAvoid = 10s;

}  // namespace

AddressBook::AddressBook(std::string host, std::uint16_t port, Resolver& resolver,
                         const Clock& clock)
    : host_(std::move(host)), port_(port), resolver_(resolver), clock_(clock) {
  if (const auto literal = parse_address(host_, port_)) {
    entries_.push_back({*literal});
    is_literal_ = true;
  }
}

void AddressBook::when_ready(Ready ready) {
  if (!is_literal_ && clock_.now() >= fresh_until_ && !is_looking_up_) look_up();
  if (!entries_.empty()) return ready({});
  waiting_.push_back(std::move(ready));
}

void AddressBook::look_up() {
  is_looking_up_ = true;
  resolver_.resolve(host_, port_,
                    [this, alive = std::weak_ptr(alive_)](Result<std::vector<Address>> answer) {
                      if (!alive.expired()) on_answer(std::move(answer));
                    });
}

void AddressBook::on_answer(Result<std::vector<Address>> answer) {
  is_looking_up_ = false;
  if (answer && answer->empty())
    answer = fail(Error(ErrorCode::unavailable, "resolve " + host_ + ": it has no address",
                        "Check the endpoint's name and DNS")
                      .with_retry(Retry::yes));
  Result<void> outcome;
  if (answer) {
    fresh_until_ = clock_.now() + kFresh;
    std::vector<Entry> entries;
    for (const Address& address : *answer) {
      const auto known = std::ranges::find(entries_, address, &Entry::address);
      const TimePoint failed_until = known == entries_.end() ? TimePoint{} : known->failed_until;
      if (std::ranges::find(entries, address, &Entry::address) == entries.end())
        entries.push_back({address, failed_until});
    }
    entries_ = std::move(entries);
  } else if (entries_.empty()) {
    outcome = fail(std::move(answer).error());
  } else {
    fresh_until_ = clock_.now() + kAvoid;  // asked again soon
  }
  for (Ready& ready : std::exchange(waiting_, {})) ready(outcome);
}

Address AddressBook::next() {
  const TimePoint now = clock_.now();
  for (std::size_t tries = 0; tries < entries_.size(); ++tries) {
    const Entry& entry = entries_[turn_++ % entries_.size()];
    if (entry.failed_until <= now) return entry.address;
  }
  return entries_[turn_++ % entries_.size()].address;
}

void AddressBook::on_failure(const Address& address) {
  const auto found = std::ranges::find(entries_, address, &Entry::address);
  if (found != entries_.end()) found->failed_until = clock_.now() + kAvoid;
  // The name may stand for other machines by now.
  fresh_until_ = std::min(fresh_until_, clock_.now());
}

void AddressBook::on_success(const Address& address) {
  const auto found = std::ranges::find(entries_, address, &Entry::address);
  if (found != entries_.end()) found->failed_until = {};
}

bool AddressBook::contains(const Address& address) const {
  return std::ranges::find(entries_, address, &Entry::address) != entries_.end();
}

}  // namespace shoal::http
