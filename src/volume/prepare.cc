// SPDX-License-Identifier: Apache-2.0
#include "volume/prepare.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <latch>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/bytes.h"
#include "http/curl_transport.h"
#include "image/identity.h"
#include "store/credentials.h"
#include "store/governor.h"
#include "sys/file.h"
#include "sys/loop.h"

namespace shoal::volume {
namespace {

namespace fs = std::filesystem;

// ---- the directory

bool is_name_of_ours(const std::string& name) {
  constexpr std::array<std::string_view, 5> ours{"LOCK", "index", "image", "cache", "log"};
  return name == "lost+found" || std::ranges::find(ours, name) != ours.end();
}

// Whether we may write here: nothing there yet, empty, a volume, or one that was begun.
Result<void> check_directory(const fs::path& directory) {
  std::error_code error;
  const fs::file_status status = fs::status(directory, error);
  if (status.type() == fs::file_type::not_found) return {};
  if (error) return fail(sys::errno_error(error.value(), "stat " + directory.string()));
  if (!fs::is_directory(status))
    return fail(ErrorCode::precondition,
                "make a volume in " + directory.string() + ": it is not a directory",
                "Choose another directory with --volume.");
  if (is_volume(directory)) return {};
  fs::directory_iterator entry(directory, error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!is_name_of_ours(name))
      return fail(
          ErrorCode::precondition,
          fmt::format("make a volume in {}: it is no volume and not empty (it holds \"{}\")",
                      directory.string(), name),
          "Choose an empty or new directory with --volume.");
  }
  if (error) return fail(sys::errno_error(error.value(), "read directory " + directory.string()));
  return {};
}

// ---- the dataset

std::string_view text_of(store::Addressing addressing) {
  switch (addressing) {
    case store::Addressing::automatic:
      return "auto";
    case store::Addressing::virtual_hosted:
      return "virtual";
    case store::Addressing::path:
      return "path";
    case store::Addressing::cname:
      return "cname";
  }
  return "auto";
}

std::string endpoint_text(const std::string& endpoint) {
  return endpoint.empty() ? "the provider's default endpoint" : "endpoint " + endpoint;
}

Result<format::DatasetRecord> choose_dataset(const fs::path& directory, const index::Index& index,
                                             const PrepareOptions& options,
                                             const store::StoreConfig& config) {
  format::DatasetRecord dataset;
  dataset.url = options.location.to_url();
  dataset.endpoint = config.endpoint;
  dataset.region = config.region;
  dataset.addressing = text_of(config.addressing);
  dataset.signature = config.signature == store::SignatureVersion::v1 ? "v1" : "v4";
  dataset.sign_requests = config.sign_requests;
  dataset.geometry = options.geometry.value_or(format::Geometry{});
  if (!dataset.geometry.is_valid())
    return fail(
        ErrorCode::bad_input,
        fmt::format("make a volume in {}: blocks of {} and chunks of {} bytes do not go "
                    "together",
                    directory.string(), dataset.geometry.block_bytes, dataset.geometry.chunk_bytes),
        "Use blocks of 512 or 4096 bytes and chunks that are a multiple, 64 MiB at most.");
  SHOAL_TRY(const auto known, index.dataset());
  if (!known) return dataset;
  if (known->version > format::kVolumeVersion)
    return fail(ErrorCode::unsupported,
                fmt::format("volume {}: its format is version {}, this Shoal knows {}",
                            directory.string(), known->version, format::kVolumeVersion),
                "Use the Shoal that made it, or a newer one.");
  if (known->url != dataset.url || known->endpoint != dataset.endpoint)
    return fail(
        ErrorCode::precondition,
        fmt::format("volume {}: it holds {} ({}), not {} ({})", directory.string(), known->url,
                    endpoint_text(known->endpoint), dataset.url, endpoint_text(dataset.endpoint)),
        "Choose another directory with --volume, or remove this one.");
  SHOAL_TRY(const auto generation, index.generation());
  if (generation && !options.rebuild) {
    if (options.geometry && *options.geometry != known->geometry)
      return fail(
          ErrorCode::precondition,
          fmt::format("volume {}: it has blocks of {} and chunks of {} bytes, not {} and {}",
                      directory.string(), known->geometry.block_bytes, known->geometry.chunk_bytes,
                      options.geometry->block_bytes, options.geometry->chunk_bytes),
          "Rebuild it, or choose another directory with --volume.");
    return *known;
  }
  if (!options.geometry) dataset.geometry = known->geometry;
  return dataset;
}

// ---- the store, on a thread of its own while the listing runs

class StoreThread {
 public:
  static Result<std::unique_ptr<StoreThread>> start(const store::Location& location,
                                                    const store::StoreConfig& config,
                                                    std::uint32_t requests_in_flight) {
    SHOAL_TRY(auto thread, sys::LoopThread::start("shoal-list", {}));
    std::unique_ptr<StoreThread> made(new StoreThread(std::move(thread)));
    Result<void> opened;
    // Store and transport are confined to the loop, so they begin and end there.
    made->run_on_loop([&] { opened = made->open(location, config, requests_in_flight); });
    SHOAL_CHECK_OK(opened);
    return made;
  }
  StoreThread(const StoreThread&) = delete;
  ~StoreThread() {
    run_on_loop([this] {
      if (store_) store_->cancel_all();
      store_.reset();
      transport_.reset();
    });
  }
  [[nodiscard]] store::ObjectStore& store() { return *store_; }
  [[nodiscard]] Executor& executor() { return thread_->loop(); }

 private:
  static unsigned parser_threads() {
    return std::clamp(std::thread::hardware_concurrency(), 1u, 4u);
  }

  explicit StoreThread(std::unique_ptr<sys::LoopThread> thread)
      : thread_(std::move(thread)), parser_("shoal-parse", parser_threads()) {}

  // Waits without a deadline: the task does no I/O, and the loop is ours alone.
  template <typename Work>
  void run_on_loop(Work&& work) {
    std::latch done(1);
    thread_->loop().post([&] {
      work();
      done.count_down();
    });
    done.wait();
  }

  Result<void> open(const store::Location& location, const store::StoreConfig& config,
                    std::uint32_t requests_in_flight) {
    if (location.scheme != store::Scheme::file) {
      http::CurlOptions curl;
      curl.connections_max = std::max(requests_in_flight, 1u);
      SHOAL_TRY(transport_, http::make_curl_transport(thread_->loop(), curl));
    }
    const store::StoreParts parts{.executor = thread_->loop(),
                                  .transport = transport_.get(),
                                  .parser = &parser_,
                                  .governor = &governor_};
    SHOAL_TRY(store_, store::open_store(location, config, parts));
    return {};
  }

  store::Governor governor_{store::Governor::Limits{}};
  std::unique_ptr<sys::LoopThread> thread_;
  sys::WorkerPool parser_;  // posts to the loop: ends before it
  // Of the loop's thread:
  std::unique_ptr<http::Transport> transport_;
  std::unique_ptr<store::ObjectStore> store_;
};

// ---- the image

class FileSink final : public image::Sink {
 public:
  explicit FileSink(const sys::File& file) : file_(file) {}
  Result<void> write(std::uint64_t offset, ByteSpan bytes) override {
    return file_.write_at(offset, bytes);
  }

 private:
  const sys::File& file_;
};

class FileScratch final : public image::Scratch {
 public:
  explicit FileScratch(const sys::File& file) : file_(file) {}
  Result<void> write(std::uint64_t offset, ByteSpan bytes) override {
    return file_.write_at(offset, bytes);
  }
  Result<void> read(std::uint64_t offset, MutableByteSpan target) override {
    return file_.read_at(offset, target);
  }

 private:
  const sys::File& file_;
};

struct ImageTask {
  fs::path path;
  const format::DatasetRecord& dataset;
  const format::GenerationRecord& generation;
  image::WriteOptions options;
};

// What is at `task.path` when it is the image wanted. Whatever is wrong with it, the remedy is the
// same: write it anew.
Result<image::WriteResult> finished_image(const ImageTask& task) {
  SHOAL_TRY(const auto file, sys::File::open(task.path, sys::File::Mode::read_only));
  SHOAL_TRY(const std::uint64_t bytes, file.size());
  std::array<std::byte, image::kImageHeadBytes> head{};
  SHOAL_CHECK_OK(file.read_at(0, head));
  SHOAL_TRY(const auto superblock, image::check_image(head, bytes, task.dataset, task.generation));
  if (superblock.uuid != image::image_uuid(task.dataset, task.generation, task.options))
    return fail(ErrorCode::precondition, "image " + task.path.string() + ": it has other options");
  return image::WriteResult{.metadata_bytes = bytes,
                            .image_bytes = image::image_bytes_of(task.dataset, task.generation),
                            .inodes = superblock.inodes};
}

Result<image::WriteResult> write_image_file(const index::Index& index, const ImageTask& task) {
  SHOAL_CHECK_OK(sys::make_directories(task.path.parent_path()));
  SHOAL_TRY(auto staged, sys::StagedFile::create(task.path));
  const fs::path scratch_path = task.path.parent_path() / "scratch";
  SHOAL_TRY(const auto scratch_file, sys::File::open(scratch_path, sys::File::Mode::create));
  // Without a name it goes away by itself, also when this process dies.
  std::error_code error;
  if (!fs::remove(scratch_path, error))
    return fail(sys::errno_error(error.value(), "unlink " + scratch_path.string()));
  FileSink sink(staged.file());
  FileScratch scratch(scratch_file);
  auto written = image::write_image(index, sink, scratch, task.options);
  if (!written) return fail(std::move(written).error().with_context(task.path.string()));
  SHOAL_CHECK_OK(staged.file().resize(written->metadata_bytes));
  SHOAL_CHECK_OK(staged.commit());
  return *written;
}

// Images of generations that are gone, and what killed writers left. Only costs space when it
// fails.
void remove_old_images(const fs::path& keep) {
  std::error_code error;
  std::vector<fs::path> old;
  fs::directory_iterator entry(keep.parent_path(), error);
  for (; !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (entry->path() != keep && (name == "scratch" || name.find(".erofs") != std::string::npos))
      old.push_back(entry->path());
  }
  for (const fs::path& path : old) fs::remove(path, error);
}

// ---- the steps

struct Listing {
  format::GenerationRecord generation;
  bool reused = false;
};

Result<Listing> list_dataset(index::Index& index, const format::DatasetRecord& dataset,
                             const PrepareOptions& options, const store::StoreConfig& config) {
  SHOAL_TRY(const auto known, index.generation());
  if (known && !options.rebuild) return Listing{*known, true};
  SHOAL_TRY(const auto thread,
            StoreThread::start(options.location, config, options.build.list_requests_in_flight));
  SHOAL_TRY(auto built, index::build(index, dataset, options.location.prefix, thread->store(),
                                     thread->executor(), options.build));
  return Listing{std::move(built), false};
}

fs::path volumes_folder(const store::CredentialSources& sources) {
  const auto variable = [&](const char* name) { return sources.environment(name).value_or(""); };
  if (const std::string folder = variable("SHOAL_VOLUMES"); !folder.empty()) return folder;
  if (geteuid() == 0) return "/var/lib/shoal/volumes";
  if (const fs::path caches = variable("XDG_CACHE_HOME"); !caches.empty()) return caches / "shoal";
  if (!sources.home.empty()) return sources.home / ".cache" / "shoal";
  return fmt::format("/var/tmp/shoal-{}", geteuid());  // a service without a home
}

// "s3://bucket/prefix/" -> "s3-bucket-prefix"
std::string readable_name(std::string_view url) {
  constexpr std::size_t kBytesMax = 80;  // with a hash well below NAME_MAX
  std::string name;
  for (const char letter : url) {
    const bool plain = (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                       (letter >= '0' && letter <= '9') || letter == '.' || letter == '_';
    if (plain)
      name.push_back(letter);
    else if (!name.ends_with('-'))
      name.push_back('-');
  }
  name.resize(std::min(name.size(), kBytesMax));
  while (name.ends_with('-')) name.pop_back();
  return name;
}

double seconds_between(TimePoint begin, TimePoint end) {
  return std::chrono::duration<double>(end - begin).count();
}

}  // namespace

Result<PrepareResult> prepare(const fs::path& directory, const PrepareOptions& options) {
  SHOAL_CHECK_OK(check_directory(directory));
  SHOAL_CHECK_OK(sys::make_directories(directory));
  SHOAL_TRY(const auto lock, sys::LockFile::acquire(directory / "LOCK"));
  SHOAL_TRY(const auto index, index::Index::open(directory / "index", index::Index::Mode::create));
  const store::StoreConfig config = store::complete_config(options.location.scheme, options.store,
                                                           store::CredentialSources::of_process());
  SHOAL_TRY(const auto dataset, choose_dataset(directory, *index, options, config));

  const Clock& clock = *options.build.clock;
  PrepareResult result;
  const TimePoint listing_begin = clock.now();
  SHOAL_TRY(const Listing listing, list_dataset(*index, dataset, options, config));
  SHOAL_TRY(const auto stored, index->dataset());
  if (!stored)
    return fail(ErrorCode::bug,
                "make a volume in " + directory.string() + ": no dataset was stored");
  result.generation = listing.generation;
  if (!listing.reused) result.listing_seconds = seconds_between(listing_begin, clock.now());

  ImageTask task{
      .path = directory / "image" / fmt::format("{}.erofs", listing.generation.generation.value),
      .dataset = *stored,
      .generation = listing.generation,
      .options = options.image};
  if (task.options.stop == nullptr) task.options.stop = options.build.stop;
  if (auto finished = finished_image(task)) {
    result.image = *finished;
    result.reused = listing.reused;
  } else {
    const TimePoint image_begin = clock.now();
    SHOAL_TRY(result.image, write_image_file(*index, task));
    result.image_seconds = seconds_between(image_begin, clock.now());
  }
  remove_old_images(task.path);
  return result;
}

fs::path default_directory(const store::Location& location, const store::StoreConfig& config) {
  const auto sources = store::CredentialSources::of_process();
  const std::string url = location.to_url();
  const std::string endpoint = store::complete_config(location.scheme, config, sources).endpoint;
  std::uint64_t hash = 0xCBF29CE484222325ull;  // FNV-1a; prepare() compares, so a clash is found
  for (const char byte : url + '\0' + endpoint)
    hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001B3ull;
  return volumes_folder(sources) /
         fmt::format("{}-{:010x}", readable_name(url), hash & 0xFF'FFFF'FFFFull);
}

fs::path default_volumes_directory() {
  return volumes_folder(store::CredentialSources::of_process());
}

bool is_volume(const fs::path& directory) {
  std::error_code ignored;
  return fs::is_directory(directory / "index", ignored);
}

}  // namespace shoal::volume
