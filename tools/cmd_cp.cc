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
  unsigned io_timeout_s = 60;
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

// A file under a temporary name beside its target, gone unless it was renamed into place. Not synced:
// a copy is worth no more than its source, which stays.
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
    const auto time = std::chrono::file_clock::from_sys(
        std::chrono::sys_seconds(std::chrono::seconds(mtime)));
    std::filesystem::last_write_time(file_.path(), time, status);
    if (!status) std::filesystem::rename(file_.path(), target_, status);
    if (status)
      return fail(ErrorCode::io, "finish " + target_.string() + ": " + status.message());
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
      : volume_(volume), io_(io), totals_(totals), timeout_(flags.io_timeout_s) {
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

Result<void> copy_source(const std::string& source, const std::filesystem::path& target,
                         bool target_is_directory, const CpFlags& flags, const Io& io,
                         Totals& totals) {
  SHOAL_TRY(const auto named, inner_target(source, flags.store, flags.recursive));
  SHOAL_TRY(const auto volume, open_target(named, flags.read, io));
  SHOAL_TRY(const auto entry, volume->find(named.path));
  if (entry.is_directory && !flags.recursive)
    return fail(ErrorCode::bad_input, source + ": is a directory", "Use -r to copy it.");
  const auto place = target_is_directory && !entry.name.empty() ? target / entry.name : target;
  Copier copier(*volume, flags, io, totals);
  Result<void> planned;
  if (entry.is_directory) {
    planned = plan_tree(*volume, named.path, place, [&](CopyJob job) -> Result<void> {
      copier.submit(std::move(job));
      return {};
    });
  } else {
    copier.submit({entry, place});
  }
  copier.finish();
  return planned;
}

int run_cp(const CpFlags& flags, const Io& io) {
  if (flags.targets.size() < 2) {
    complain(io, "cp needs at least one source and a destination. See `shoal cp --help`.");
    return kExitUsage;
  }
  const std::filesystem::path target = flags.targets.back();
  const bool is_directory = std::filesystem::is_directory(target);
  if (flags.targets.size() > 2 && !is_directory) {
    complain(io, target.string() + ": not a directory, and there are several sources");
    return kExitUsage;
  }
  Totals totals;
  bool failed = false;
  for (std::size_t i = 0; i + 1 < flags.targets.size(); ++i) {
    const std::string& source = flags.targets[i];
    const auto done = copy_source(source, target, is_directory, flags, io, totals);
    if (done) continue;
    complain(io, Error(done.error()).with_context("cp " + source));
    failed = true;
  }
  if (io.err_is_terminal)
    fmt::print(io.err, "{} files, {}\n", totals.files.load(), human_bytes(totals.bytes));
  return failed || totals.failed > 0 ? kExitFailed : kExitOk;
}

}  // namespace

void add_cp(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<CpFlags>();
  CLI::App* command =
      app.add_subcommand("cp", "Copy objects to the local disk, without a mount");
  command->footer(R"(Examples:
  shoal cp s3://market-data/minute-bars/AAPL/2026-01-02.csv .
  shoal cp -r s3://market-data/minute-bars/AAPL ./AAPL
  shoal cp -r --volume /data/bars AAPL MSFT /tmp/bars

A file appears under its name when it is complete. Exit code 1: some could not be copied; each is
named on standard error.)");
  command
      ->add_option("paths", flags->targets,
                   "Sources (URLs, or paths in the dataset with --volume), then a local destination")
      ->required();
  command->add_flag("-r,-R,--recursive", flags->recursive, "Copy directories");
  command->add_option("-j,--jobs", flags->jobs, "Files copied at the same time")
      ->check(CLI::Range(1u, 256u))
      ->capture_default_str();
  command->add_option("--io-timeout", flags->io_timeout_s, "Seconds a read may take")
      ->capture_default_str();
  add_store_flags(*command, flags->store);
  add_read_flags(*command, flags->read);
  command->callback([flags, &io, &exit_code] { exit_code = run_cp(*flags, io); });
}

}  // namespace shoal::tools
