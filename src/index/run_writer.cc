// SPDX-License-Identifier: Apache-2.0
#include "index/run_writer.h"

#include <utility>

namespace shoal::index {

RunWriter::RunWriter(Database& database, std::filesystem::path directory)
    : database_(database),
      journal_(database),
      directory_(std::move(directory)),
      thread_([this] { work(); }) {}

RunWriter::~RunWriter() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Result<bool> RunWriter::submit(Run& run, Duration wait) {
  {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, wait, [&] { return !run_; })) return false;
    if (!outcome_) return fail(outcome_.error());
    run_ = std::exchange(run, Run());
  }
  changed_.notify_all();
  return true;
}

Result<void> RunWriter::drain() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !run_; });
  return outcome_;
}

void RunWriter::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return run_ || closing_; });
    if (!run_) return;
    Run& run = *run_;  // nobody touches it until it is reset
    const bool go_on = outcome_.has_value();
    lock.unlock();
    Result<void> written;
    if (go_on) written = write(run);
    lock.lock();
    if (go_on) outcome_ = std::move(written);
    run_.reset();
    changed_.notify_all();
  }
}

Result<void> RunWriter::write(Run& run) {
  TableFiles files(database_, Family::staging, directory_, "run-" + std::to_string(runs_++));
  SHOAL_CHECK_OK(run.keys.write(files));
  SHOAL_CHECK_OK(files.finish());
  SHOAL_CHECK_OK(ingest(database_, {&files}));
  return journal_.advance(run.building, run.ranges);
}

}  // namespace shoal::index
