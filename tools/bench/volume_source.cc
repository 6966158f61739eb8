// SPDX-License-Identifier: Apache-2.0
// A volume, opened and read in this process: what a mount does, without the kernel.
#include <condition_variable>
#include <mutex>
#include <utility>

#include "sys/file.h"
#include "tools/bench/fresh_copy.h"
#include "tools/bench/page_cache.h"
#include "tools/bench/source.h"
#include "tools/bench/tree_walk.h"
#include "tools/target.h"

namespace shoal::tools::bench {
namespace {

// One read at a time of one reader. The memory it reads into is free again when read() returns.
class BlockReader {
 public:
  BlockReader(Volume& volume, std::uint64_t block_bytes, std::chrono::seconds io_timeout)
      : volume_(volume), block_(block_bytes), io_timeout_(io_timeout) {}

  std::uint64_t block_bytes() const { return block_.size(); }
  Result<void> read(std::uint64_t offset, std::uint64_t bytes) {
    answer_.reset();
    volume_.read(offset, std::span(block_).first(bytes), system_clock().now() + io_timeout_,
                 [this](Result<void> result) {
                   const std::lock_guard lock(mutex_);
                   answer_ = std::move(result);
                   answered_.notify_one();
                 });
    std::unique_lock lock(mutex_);
    answered_.wait(lock, [this] { return answer_.has_value(); });  // ends with the read's deadline
    return std::move(*answer_);
  }

 private:
  Volume& volume_;
  std::vector<std::byte> block_;
  std::chrono::seconds io_timeout_;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::optional<Result<void>> answer_;
};

Result<std::optional<std::uint64_t>> read_file(BlockReader& reader, const BenchFile& file,
                                               const Pass& pass) {
  for (std::uint64_t at = 0; at < file.size;) {
    const std::uint64_t bytes = std::min(reader.block_bytes(), file.size - at);
    SHOAL_CHECK_OK(reader.read(file.place + at, bytes));
    at += bytes;
    if (at < file.size && pass.should_stop()) return std::nullopt;
  }
  return file.size;
}

class VolumeSource final : public Source {
 public:
  static Result<std::unique_ptr<Source>> open(const std::string& text,
                                              const SourceOptions& options);

  const std::string& name() const override { return name_; }
  SourceKind kind() const override { return SourceKind::volume; }
  std::string description() const override {
    return "volume of " + target_.location.to_url() + ", read in process";
  }
  Result<void> check(CacheState state, unsigned passes) override;
  Result<void> prepare(CacheState state, const std::vector<BenchFile>& files) override;
  Result<ListCounts> list(const ListVisit& visit) override;
  void read(Pass& pass) override;
  SourceUsage usage() override;
  std::vector<std::string> notes() const override;

 private:
  VolumeSource(std::string name, const SourceOptions& options)
      : name_(std::move(name)), options_(options) {}
  Result<void> open_volume_in(const std::filesystem::path& directory, bool use_cache);
  Result<void> open_with_empty_cache();

  std::string name_;
  SourceOptions options_;
  Target target_;
  bool in_use_ = false;    // by a mount: its cache belongs to that
  bool untouched_ = true;  // nothing was read since it was opened
  bool page_cache_kept_ = false;
  // The volume reads the copy's files: it is closed first.
  std::optional<FreshCopy> copy_;
  std::unique_ptr<Volume> volume_;
};

Result<std::unique_ptr<Source>> VolumeSource::open(const std::string& text,
                                                   const SourceOptions& options) {
  std::unique_ptr<VolumeSource> source(new VolumeSource(text, options));
  SHOAL_TRY(source->target_, dataset_target(text, options.store));
  const auto lock = sys::LockFile::acquire(source->target_.volume / "LOCK");
  source->in_use_ = !lock && lock.error().code() == ErrorCode::precondition;
  return source;
}

// ---- states

Result<void> VolumeSource::check(CacheState state, unsigned) {
  if (in_use_ && (state == CacheState::warm || state == CacheState::page_cache_dropped))
    return fail(ErrorCode::precondition,
                "bench " + name_ + " " + std::string(name_of(state)) +
                    ": another process uses this volume and its cache",
                "Bench its mount point (`shoal status` shows it), or unmount it first.");
  return {};
}

Result<void> VolumeSource::open_volume_in(const std::filesystem::path& directory, bool use_cache) {
  SHOAL_TRY(auto options, options_.read.to_options());
  options.use_cache = use_cache;
  const VolumeCredentials credentials{target_.config.profile, target_.config.credentials_file};
  SHOAL_TRY(volume_, open_volume(directory, credentials, options));
  untouched_ = true;
  return {};
}

Result<void> VolumeSource::open_with_empty_cache() {
  copy_.reset();
  // Without the cache nothing is found either, and nothing is stored: as cold as can be had.
  if (in_use_) return open_volume_in(target_.volume, /*use_cache=*/false);
  SHOAL_TRY(auto copy, FreshCopy::of(target_.volume));
  copy_.emplace(std::move(copy));
  return open_volume_in(copy_->directory(), /*use_cache=*/true);
}

Result<void> VolumeSource::prepare(CacheState state, const std::vector<BenchFile>&) {
  const bool drops = state == CacheState::cold || state == CacheState::page_cache_dropped;
  if (volume_ && (!drops || untouched_)) return {};
  volume_.reset();
  if (drops) page_cache_kept_ = !drop_page_cache(target_.volume).has_value();
  if (state == CacheState::cold) return open_with_empty_cache();
  if (page_cache_kept_ && drops)
    return fail(
        ErrorCode::permission,
        "bench " + name_ + ": only root may drop the page cache, which holds its cache file",
        "Run as root, or use --state warm.");
  return open_volume_in(target_.volume, /*use_cache=*/!in_use_);
}

// ---- listing and reading

Result<ListCounts> VolumeSource::list(const ListVisit& visit) {
  return walk_tree(
      [this](const std::string& path) -> Result<std::vector<TreeEntry>> {
        std::vector<TreeEntry> entries;
        SHOAL_CHECK_OK(volume_->list(path, [&](const DirectoryEntry& entry) {
          entries.push_back(
              {.name = entry.name,
               .kind = entry.is_directory ? TreeEntry::Kind::directory : TreeEntry::Kind::file,
               .size = entry.size,
               .place = entry.image_offset});
          return true;
        }));
        return entries;
      },
      visit);
}

void VolumeSource::read(Pass& pass) {
  untouched_ = false;
  read_with_threads(pass, options_.readers, [&]() -> FileReader {
    auto reader =
        std::make_shared<BlockReader>(*volume_, options_.block_bytes, options_.read.io_timeout());
    return [reader, &pass](const BenchFile& file) { return read_file(*reader, file, pass); };
  });
}

SourceUsage VolumeSource::usage() {
  return {.traffic = traffic_of(volume_->stats()), .server = std::nullopt};
}

std::vector<std::string> VolumeSource::notes() const {
  std::vector<std::string> notes;
  if (in_use_)
    notes.emplace_back(
        "the volume is in use by another process: it was read without its cache file");
  if (page_cache_kept_)
    notes.emplace_back("not root: pages of the volume's index may have been in memory");
  return notes;
}

}  // namespace

Result<std::unique_ptr<Source>> open_volume_source(const std::string& text,
                                                   const SourceOptions& options) {
  return VolumeSource::open(text, options);
}

}  // namespace shoal::tools::bench
