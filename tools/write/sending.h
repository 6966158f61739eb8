// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <set>
#include <string>

#include "shoal/uploader.h"
#include "tools/write/event_log.h"
#include "tools/write/object_address.h"
#include "tools/write/send_view.h"

namespace shoal::tools::write {

// Waits for the outcomes of what a command has handed to an uploader, shows them, and takes off the
// journal what cannot succeed. confined to the command's thread.
class Sending {
 public:
  struct Item {
    std::string file;  // as the user knows it
    std::string key;   // whole
    std::uint64_t bytes = 0;
    Upload upload{};
    std::optional<Error> given_up{};  // why it was discarded
  };

  // All outlive it. `events` is what the uploader was opened with.
  struct Parts {
    Uploader& uploader;
    EventLog& events;
    SendView& view;
    const ObjectAddress& target;
    const Io& io;
  };
  Sending(const Parts& parts, SendTotals& totals);

  void track(Item item);
  [[nodiscard]] std::size_t open() const { return open_.size(); }
  // Waits a moment for outcomes and shows them.
  void tick();
  // Waits until at most `open_max` are open, and with none: until recovered work has its outcome,
  // too. False: a signal came first.
  [[nodiscard]] bool wait(std::size_t open_max);
  [[nodiscard]] bool is_stopped() const { return parts_.io.stop->load(); }
  // What the last item to get its outcome was answered; nothing when it failed.
  [[nodiscard]] const std::optional<Uploaded>& last() const { return last_; }
  // Why the first item failed that stays in the journal.
  [[nodiscard]] const std::optional<Error>& first_left() const { return first_left_; }

 private:
  void end(const Item& item);
  void discard_hopeless();
  void discard_failed();
  void discard(std::uint64_t id, const std::string& key);
  void show_recovered_failures();

  Parts parts_;
  SendTotals& totals_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::deque<Item> open_;
  std::set<std::string> failed_keys_;  // of work that failed and may still be in the journal
  std::optional<Uploaded> last_;
  std::optional<Error> first_left_;
  bool has_told_refusal_ = false;
};

}  // namespace shoal::tools::write
