// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/resolver.h"

namespace shoal::http {

// The addresses of one host: looked up when first asked for and again once a minute, handed out in
// turn, so that the connections of a transport spread over all machines behind a name. An address
// that failed is left out for a while, unless all have. Old addresses serve while new ones are
// looked up, and go on serving when that fails. confined.
class AddressBook {
 public:
  // The last two arguments outlive it.
  AddressBook(std::string host, std::uint16_t port, Resolver& resolver, const Clock& clock);
  AddressBook(const AddressBook&) = delete;
  AddressBook& operator=(const AddressBook&) = delete;

  // `ready` runs when next() has something to give or the look-up has failed: at once when it has,
  // otherwise later.
  using Ready = std::move_only_function<void(Result<void>)>;
  void when_ready(Ready ready);
  // Precondition: when_ready() has said so.
  [[nodiscard]] Address next();
  void on_failure(const Address& address);
  void on_success(const Address& address);
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  // Whether the name still stands for it.
  [[nodiscard]] bool contains(const Address& address) const;

 private:
  struct Entry {
    Address address;
    TimePoint failed_until{};
  };
  void look_up();
  void on_answer(Result<std::vector<Address>> answer);

  std::string host_;
  std::uint16_t port_;
  Resolver& resolver_;
  const Clock& clock_;
  std::vector<Entry> entries_;
  std::size_t turn_ = 0;
  TimePoint fresh_until_{};
  bool is_literal_ = false;
  bool is_looking_up_ = false;
  std::vector<Ready> waiting_;  // bounded by the transport's connections
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace shoal::http
