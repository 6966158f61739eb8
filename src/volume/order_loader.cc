// SPDX-License-Identifier: Apache-2.0
#include "volume/order_loader.h"

#include <pthread.h>

#include <utility>
#include <vector>

#include "base/log.h"
#include "volume/shuffled_files.h"

namespace shoal::volume {
namespace {

// Small first batches: prefetching can begin with them.
constexpr std::size_t kFirstBatchFiles = 256;
constexpr std::size_t kBatchFilesMax = 16u << 10;
constexpr std::size_t kJobsMax = 64;  // epochs announced ahead

// Collects files and appends them to the order in growing batches.
class Batches {
 public:
  explicit Batches(prefetch::Order& order) : order_(order) {}
  [[nodiscard]] Result<void> add(DataAddress begin, std::uint64_t length) {
    files_.push_back({begin, length});
    if (files_.size() < batch_) return {};
    batch_ = std::min(batch_ * 2, kBatchFilesMax);
    return flush();
  }
  [[nodiscard]] Result<void> flush() {
    const bool appended = order_.append(files_);
    files_.clear();
    if (!appended)
      return fail(ErrorCode::limit, "the order has more than 4 billion files",
                  "Announce fewer epochs ahead.");
    return {};
  }

 private:
  prefetch::Order& order_;
  std::size_t batch_ = kFirstBatchFiles;
  std::vector<prefetch::Order::File> files_;
};

}  // namespace

OrderLoader::OrderLoader(Parts parts) : parts_(parts) {}

OrderLoader::~OrderLoader() {
  drop();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<void> OrderLoader::add(const ReadOrder& source, std::shared_ptr<prefetch::Order> order,
                              bool replaces) {
  Job job{ShuffledEpoch{}, std::move(order)};
  if (source.shuffle) {
    job.source = *source.shuffle;
  } else {
    SHOAL_TRY(job.source, PathList::open(source.list));
  }
  if (replaces) drop();
  const std::lock_guard lock(mutex_);
  if (jobs_.size() >= kJobsMax)
    return fail(ErrorCode::limit, "too many orders are waiting to be looked up",
                "Announce the next epochs later.");
  jobs_.push_back(std::move(job));
  if (!thread_.joinable()) {
    thread_ = std::thread([this] {
      pthread_setname_np(pthread_self(), "shoal-order");
      run();
    });
  }
  changed_.notify_all();
  return {};
}

void OrderLoader::drop() {
  std::unique_lock lock(mutex_);
  jobs_.clear();
  dropped_.store(true, std::memory_order_relaxed);
  changed_.wait(lock, [this] { return !is_loading_; });  // at most one look into the index
  dropped_.store(false, std::memory_order_relaxed);
  missing_.store(0, std::memory_order_relaxed);
}

void OrderLoader::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (stopping_) return;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    is_loading_ = true;
    lock.unlock();
    load(job);
    job.order.reset();
    lock.lock();
    is_loading_ = false;
    changed_.notify_all();
  }
}

void OrderLoader::load(Job& job) {
  auto loaded = std::holds_alternative<PathList>(job.source)
                    ? load_list(std::get<PathList>(job.source), *job.order)
                    : load_shuffle(std::get<ShuffledEpoch>(job.source), *job.order);
  if (!loaded)
    log_event(LogLevel::warning, "order.incomplete",
              {{"error", loaded.error().to_string()},
               {"then", "files behind this place are not known ahead"}});
  if (missing() > 0) log_event(LogLevel::warning, "order.names_missing", {{"files", missing()}});
}

Result<void> OrderLoader::load_list(PathList& list, prefetch::Order& order) {
  Batches batches(order);
  std::string path;
  while (!is_dropped()) {
    SHOAL_TRY(const bool more, list.next(path));
    if (!more) break;
    if (path.find('\0') != std::string::npos) {
      missing_.fetch_add(1, std::memory_order_relaxed);
      continue;
    }
    SHOAL_TRY(const auto record, parts_.index.find(path));
    if (!record || record->kind != format::ObjectRecord::Kind::file)
      missing_.fetch_add(1, std::memory_order_relaxed);
    else if (record->size > 0)
      SHOAL_CHECK_OK(batches.add(record->address, record->size));
  }
  return batches.flush();
}

Result<void> OrderLoader::load_shuffle(const ShuffledEpoch& epoch, prefetch::Order& order) {
  SHOAL_TRY(auto shuffled,
            ShuffledFiles::create(parts_.index, parts_.geometry, parts_.data_end, epoch));
  Batches batches(order);
  std::vector<ShuffledFiles::File> files;
  while (!is_dropped()) {
    SHOAL_TRY(const bool more, shuffled.next_group(files));
    if (!more) break;
    for (const ShuffledFiles::File& file : files)
      SHOAL_CHECK_OK(batches.add(file.begin, file.length));
  }
  return batches.flush();
}

}  // namespace shoal::volume
