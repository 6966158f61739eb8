// SPDX-License-Identifier: Apache-2.0
#include "index/table_thread.h"

#include <utility>

namespace shoal::index {
namespace {

// Large enough that waking the other thread costs nothing beside it.
constexpr std::size_t kBatchBytes = 1u << 20;

}  // namespace

TableThread::TableThread() : thread_([this] { work(); }) {}

TableThread::~TableThread() {
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Result<void> TableThread::put(TableFiles& table, std::string_view key, std::string_view value) {
  filling_.items.push_back({.table = &table,
                            .key_bytes = static_cast<std::uint32_t>(key.size()),
                            .value_bytes = static_cast<std::uint32_t>(value.size())});
  filling_.text += key;
  filling_.text += value;
  return filling_.text.size() >= kBatchBytes ? submit() : Result<void>();
}

Result<void> TableThread::submit() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !waiting_; });
  if (!outcome_) return outcome_;
  waiting_ = std::exchange(filling_, Batch());
  lock.unlock();
  changed_.notify_all();
  return {};
}

Result<void> TableThread::drain() {
  if (!filling_.items.empty()) SHOAL_CHECK_OK(submit());
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !waiting_ && !is_busy_; });
  return outcome_;
}

void TableThread::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return waiting_ || is_closing_; });
    if (!waiting_ || is_closing_) return;
    const Batch batch = *std::exchange(waiting_, std::nullopt);
    const bool go_on = outcome_.has_value();
    is_busy_ = true;
    lock.unlock();
    changed_.notify_all();
    Result<void> written;
    if (go_on) written = write(batch);
    lock.lock();
    if (go_on) outcome_ = std::move(written);
    is_busy_ = false;
    changed_.notify_all();
  }
}

Result<void> TableThread::write(const Batch& batch) {
  std::string_view text = batch.text;
  for (const Batch::Item& item : batch.items) {
    const std::string_view key = text.substr(0, item.key_bytes);
    const std::string_view value = text.substr(item.key_bytes, item.value_bytes);
    SHOAL_CHECK_OK(item.table->put(key, value));
    text.remove_prefix(std::size_t{item.key_bytes} + item.value_bytes);
  }
  return {};
}

}  // namespace shoal::index
