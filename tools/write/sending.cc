// SPDX-License-Identifier: Apache-2.0
#include "tools/write/sending.h"

#include <algorithm>
#include <utility>

namespace shoal::tools::write {
namespace {

using namespace std::chrono_literals;

// How long a bar may stand still, and a signal go unnoticed.
constexpr auto kTick = 100ms;
// Woken for each file, a thread that only counts takes as much of the processor as sending does.
constexpr std::size_t kEndsPerTick = 256;
// Parts already sent are taken off the bucket meanwhile: a request that should not take longer.
constexpr auto kDiscardWait = 10s;

bool is_ready(const Upload& upload) {
  return upload.wait_for(0s) == std::future_status::ready;
}

// Whether work that failed so is off the journal (shoal/uploader.h, Upload).
bool is_final(ErrorCode code) {
  switch (code) {
    case ErrorCode::precondition:
    case ErrorCode::not_found:
    case ErrorCode::bad_input:
    case ErrorCode::unsupported:
    case ErrorCode::canceled:
      return true;
    default:
      return false;
  }
}

}  // namespace

Sending::Sending(const Parts& parts, SendTotals& totals) : parts_(parts), totals_(totals) {
  totals_.recovered = parts_.uploader.stats().recovered;
}

void Sending::track(Item item) {
  open_.push_back(std::move(item));
}

void Sending::tick() {
  if (open_.empty())
    ignore(parts_.uploader.flush(kTick), "outcomes are counted elsewhere; this is a short wait");
  else
    open_[std::min(open_.size(), kEndsPerTick) - 1].upload.wait_for(kTick);
  discard_hopeless();
  // In the order in which they were accepted: looking at all of them each time took a processor.
  for (; !open_.empty() && is_ready(open_.front().upload); open_.pop_front()) end(open_.front());
  show_recovered_failures();
  if (const auto delay = parts_.events.take_first_delay())
    parts_.view.say("trying again, also what else fails so: " + delay->to_string());
  if (const auto changed = parts_.events.take_first_changed())
    parts_.view.say(changed->string() +
                    " changes while it is sent: it, and whatever else does, is sent again until it "
                    "stays as it is");
  totals_.wire_bytes = parts_.uploader.stats().wire_bytes;
  totals_.elapsed_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  parts_.view.show(totals_);
}

bool Sending::wait(std::size_t open_max) {
  const auto is_done = [&] {
    if (open_.size() > open_max) return false;
    if (open_max > 0) return true;
    const UploaderStats stats = parts_.uploader.stats();
    return open_.empty() && stats.pending <= stats.waiting;
  };
  while (!is_done()) {
    if (is_stopped()) return false;
    tick();
  }
  // Work that has just ended may have been hopeless, or have failed after the last look.
  if (open_max == 0) {
    tick();
    discard_failed();
  }
  return true;
}

void Sending::end(const Item& item) {
  const Result<Uploaded>& result = item.upload.get();
  last_.reset();
  if (result) {
    last_ = *result;
    ++totals_.sent;
    totals_.sent_bytes += item.bytes;
    if (result->was_there) ++totals_.found_there;
    return;
  }
  const Error& why = item.given_up ? *item.given_up : result.error();
  const bool stays = !item.given_up && !is_final(why.code());
  ++(stays ? totals_.left : totals_.failed);
  if (!stays) failed_keys_.insert(item.key);
  if (stays && !first_left_) first_left_ = why;
  parts_.view.fail({item.file, parts_.target.url_of(item.key), why});
}

// Refused keys and missing buckets are mistakes at the start of a run, and told at once. Once the
// bucket has taken something they pass: credentials have expired and will be renewed.
void Sending::discard_hopeless() {
  const auto refused = parts_.events.take_hopeless();
  const bool has_worked = parts_.uploader.stats().requests > 0;
  if (has_worked && !refused.empty() && !std::exchange(has_told_refusal_, true))
    parts_.view.say("trying again, also what else fails so: " + refused.front().why.to_string());
  if (has_worked) return;
  for (const EventLog::Hopeless& work : refused) {
    const auto item = std::ranges::find(open_, work.key, &Item::key);
    if (item != open_.end()) item->given_up = work.why;
    discard(work.id, work.key);
  }
}

// What was reported as failed must not be sent later, when nobody expects it.
void Sending::discard_failed() {
  if (failed_keys_.empty()) return;
  for (const Uploader::Pending& work : parts_.uploader.pending())
    if (work.is_waiting && !work.is_recovered && failed_keys_.contains(work.key))
      discard(work.id, work.key);
  failed_keys_.clear();
  if (!parts_.events.wait_for_ends(kDiscardWait))
    parts_.view.say(
        "some of what failed is still being taken off the journal; `shoal uploads` "
        "shows what is left of it");
}

void Sending::discard(std::uint64_t id, const std::string& key) {
  parts_.events.expect_end(id);
  const auto discarded = parts_.uploader.discard(id);
  if (!discarded) parts_.events.expect_nothing(id);
  // not_found: it has its outcome after all.
  if (discarded || discarded.error().code() == ErrorCode::not_found) return;
  parts_.view.say(Error(discarded.error())
                      .with_context("take " + parts_.target.url_of(key) + " off the journal")
                      .to_string());
}

void Sending::show_recovered_failures() {
  for (auto& [key, why] : parts_.events.take_recovered_failures())
    parts_.view.fail({"(of the interrupted run)", parts_.target.url_of(key), std::move(why)});
  const auto recovered = parts_.events.recovered();
  totals_.recovered_sent = recovered.sent;
  totals_.recovered_failed = recovered.refused + recovered.waiting;
}

}  // namespace shoal::tools::write
