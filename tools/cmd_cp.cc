// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.h"
#include "commands.h"
#include "display.h"
#include "flags.h"
#include "read_file.h"
#include "sys/file.h"
#include "target.h"

namespace shoal::tools {
namespace {

struct CpFlags {
  std::vector<std::string> targets;  // sources and, last, the destination
  StoreFlags store;
  ReadFlags read;
  bool recursive = false;
  unsigned jobs = 16;
};

struct CopyJob {
  DirectoryEntry entry;
  std::filesystem::path target;
};

struct Totals {
  std::atomic<std::uint64_t> files{0};
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> failed{0};
};

// A file under a temporary name beside its target, gone unless it was renamed into place. Not
// synced: a copy is worth no more than its source, which stays.
class PartialFile {
 public:
  static Result<PartialFile> create(const std::filesystem::path& target) {
    static std::atomic<std::uint64_t> serial{0};
    const auto path = target.parent_path() / fmt::format(".shoal-cp-{}-{}", getpid(), ++serial);
    SHOAL_TRY(auto file, sys::File::open(path, sys::File::Mode::create));
    return PartialFile(std::move(file), target);
  }
  PartialFile(PartialFile&& other) noexcept = default;
  ~PartialFile() {
    std::error_code status;
    if (file_.fd() >= 0 && !committed_) std::filesystem::remove(file_.path(), status);
  }
  [[nodiscard]] const sys::File& file() const { return file_; }
  [[nodiscard]] Result<void> commit(std::int64_t mtime) {
    std::error_code status;
    const auto time =
        std::chrono::file_clock::from_sys(std::chrono::sys_seconds(std::chrono::seconds(mtime)));
    std::filesystem::last_write_time(file_.path(), time, status);
    if (!status) std::filesystem::rename(file_.path(), target_, status);
    if (status) return fail(ErrorCode::io, "finish " + target_.string() + ": " + status.message());
    committed_ = true;
    return {};
  }

 private:
  PartialFile(sys::File file, std::filesystem::path target)
      : file_(std::move(file)), target_(std::move(target)) {}
  sys::File file_;
  std::filesystem::path target_;
  bool committed_ = false;
};

// The file appears under its name when it is whole, and with the object's time.
Result<void> copy_file(Volume& volume, const CopyJob& job, std::chrono::seconds timeout) {
  SHOAL_TRY(auto partial, PartialFile::create(job.target));
  std::uint64_t offset = 0;
  SHOAL_CHECK_OK(read_file(volume, job.entry, timeout, [&](ByteSpan bytes) -> Result<void> {
    SHOAL_CHECK_OK(partial.file().write_at(offset, bytes));
    offset += bytes.size();
    return {};
  }));
  return partial.commit(job.entry.mtime);
}

// Files below `path` go below `target`, which is made with all directories, empty ones too.
Result<void> plan_tree(Volume& volume, const std::string& path, const std::filesystem::path& target,
                       const std::function<Result<void>(CopyJob)>& submit) {
  SHOAL_CHECK_OK(sys::make_directories(target));
  std::vector<std::string> directories;
  Result<void> submitted;
  SHOAL_CHECK_OK(volume.list(path, [&](const DirectoryEntry& entry) {
    if (entry.is_directory)
      directories.push_back(entry.name);
    else
      submitted = submit({entry, target / entry.name});
    return submitted.has_value();
  }));
  SHOAL_CHECK_OK(submitted);
  for (const std::string& name : directories)
    SHOAL_CHECK_OK(
        plan_tree(volume, path.empty() ? name : path + "/" + name, target / name, submit));
  return {};
}

// Runs the planned copies on `jobs` threads, in order, and reports each failure on standard error.
class Copier {
 public:
  Copier(Volume& volume, const CpFlags& flags, const Io& io, Totals& totals)
      : volume_(volume), io_(io), totals_(totals), timeout_(flags.read.io_timeout()) {
    for (unsigned i = 0; i < flags.jobs; ++i) threads_.emplace_back([this] { work(); });
  }
  ~Copier() { finish(); }

  // Blocks while the queue is full.
  void submit(CopyJob job) {
    std::unique_lock lock(mutex_);
    has_room_.wait(lock, [&] { return queue_.size() < kQueueMax; });
    queue_.push_back(std::move(job));
    has_work_.notify_one();
  }
  void finish() {
    {
      const std::lock_guard lock(mutex_);
      finished_ = true;
    }
    has_work_.notify_all();
    threads_.clear();  // joins
  }

 private:
  static constexpr std::size_t kQueueMax = 1024;

  void work() {
    while (true) {
      std::unique_lock lock(mutex_);
      has_work_.wait(lock, [&] { return !queue_.empty() || finished_; });
      if (queue_.empty()) return;
      const CopyJob job = std::move(queue_.front());
      queue_.pop_front();
      has_room_.notify_one();
      lock.unlock();
      const auto done = copy_file(volume_, job, timeout_);
      if (done) {
        ++totals_.files;
        totals_.bytes += job.entry.size;
      } else {
        ++totals_.failed;
        complain(io_, Error(done.error()).with_context("cp to " + job.target.string()));
      }
    }
  }

  Volume& volume_;
  const Io& io_;
  Totals& totals_;
  std::chrono::seconds timeout_;
  std::mutex mutex_;
  std::condition_variable has_work_;
  std::condition_variable has_room_;
  std::deque<CopyJob> queue_;
  bool finished_ = false;
  std::vector<std::jthread> threads_;
};

// Hands the sources to one copier as long as they are of one volume, as they nearly always are:
// many small sources are then copied at the same time, too.
class Sources {
 public:
  Sources(const CpFlags& flags, const Io& io, Totals& totals)
      : flags_(flags), io_(io), totals_(totals) {}

  Result<void> copy(const std::string& source, const std::filesystem::path& target,
                    bool target_is_directory) {
    SHOAL_TRY(const auto named, inner_target(source, flags_.store, flags_.recursive));
    SHOAL_CHECK_OK(open(named));
    SHOAL_TRY(const auto entry, volume_->find(named.path));
    if (entry.is_directory && !flags_.recursive)
      return fail(ErrorCode::bad_input, "it is a directory", "Use -r to copy it.");
    const auto place = target_is_directory && !entry.name.empty() ? target / entry.name : target;
    if (!entry.is_directory) {
      copier_->submit({entry, place});
      return {};
    }
    return plan_tree(*volume_, named.path, place, [&](CopyJob job) -> Result<void> {
      copier_->submit(std::move(job));
      return {};
    });
  }

 private:
  Result<void> open(const Target& named) {
    if (volume_ && opened_ == named.volume) return {};
    copier_.reset();
    volume_.reset();
    SHOAL_TRY(volume_, open_target(named, flags_.read, io_));
    opened_ = named.volume;
    copier_ = std::make_unique<Copier>(*volume_, flags_, io_, totals_);
    return {};
  }

  const CpFlags& flags_;
  const Io& io_;
  Totals& totals_;
  std::filesystem::path opened_;  // directory of `volume_`
  std::unique_ptr<Volume> volume_;
  std::unique_ptr<Copier> copier_;  // after `volume_`, which it uses: destroyed first
};

int run_cp(const CpFlags& flags, const Io& io) {
  if (flags.targets.size() < 2) {
    complain(io, "cp needs at least one source and a destination. See `shoal cp --help`.");
    return kExitUsage;
  }
  const std::filesystem::path target = flags.targets.back();
  const bool is_directory = std::filesystem::is_directory(target);
  if (flags.targets.size() > 2 && !is_directory) {
    complain(io, target.string() +
                     ": not a directory, but there are several sources. Create it first, "
                     "or copy one source.");
    return kExitUsage;
  }
  Totals totals;
  {
    Sources sources(flags, io, totals);  // its end waits for the copies
    for (std::size_t i = 0; i + 1 < flags.targets.size(); ++i) {
      const std::string& source = flags.targets[i];
      const auto planned = sources.copy(source, target, is_directory);
      if (planned) continue;
      complain(io, Error(planned.error()).with_context("cp " + source));
      ++totals.failed;
    }
  }
  if (io.err_is_terminal)
    fmt::print(io.err, "copied {} files, {}{}\n", grouped(totals.files), human_bytes(totals.bytes),
               totals.failed > 0 ? "; could not copy " + grouped(totals.failed) : "");
  return totals.failed > 0 ? kExitFailed : kExitOk;
}

}  // namespace

void add_cp(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<CpFlags>();
  CLI::App* command = app.add_subcommand("cp", "Copy files to the local disk, without a mount");
  command->footer(R"(Examples:
  shoal cp s3://market-data/minute-bars/AAPL/2026-01-02.csv .
  shoal cp -r s3://market-data/minute-bars/AAPL ./AAPL
  shoal cp -r --volume /data/bars AAPL MSFT /tmp/bars

A file appears under its name when it is complete. Exit code 1: some could not be copied; each is
named on standard error.)");
  command
      ->add_option("paths", flags->targets,
                   "Sources (URLs; with --volume, paths in that dataset), then a local "
                   "destination")
      ->required();
  command->add_flag("-r,-R,--recursive", flags->recursive, "Copy directories");
  command->add_option("-j,--jobs", flags->jobs, "Files copied at the same time, 1 to 256")
      ->type_name("N")
      ->check(CLI::Range(1u, 256u))
      ->capture_default_str();
  add_store_flags(*command, flags->store);
  add_read_flags(*command, flags->read);
  command->callback([flags, &io, &exit_code] { exit_code = run_cp(*flags, io); });
}

}  // namespace shoal::tools
