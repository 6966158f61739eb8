// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "shoal/volume.h"
#include "tools/bench/pass.h"
#include "tools/bench/process_usage.h"
#include "tools/flags.h"

// What can be measured: a directory, a Shoal mount, a volume, a bucket. The bench treats them
// alike.

namespace shoal::tools::bench {

enum class SourceKind { directory, mount, volume, bucket };
[[nodiscard]] std::string_view name_of(SourceKind kind) noexcept;

// What is in which cache when a pass begins.
enum class CacheState {
  as_is,               // whatever the pass before left
  warm,                // everything was read once before the first pass
  page_cache_dropped,  // the kernel's cache is emptied before each pass, no other cache is
  cold,                // no cache of this machine holds a byte of the files
};
[[nodiscard]] std::string_view name_of(CacheState state) noexcept;

// What a bucket was asked for since some moment, as the one who asks counts it.
struct Traffic {
  std::uint64_t gets = 0;
  std::uint64_t hedged_gets = 0;  // sent a second time because the first was slow; also in `gets`
  std::uint64_t get_bytes = 0;
  std::uint64_t throttled = 0;  // answers that asked for fewer requests
  std::uint64_t prefetched_bytes = 0;
  std::uint64_t prefetch_wasted_bytes = 0;
};

[[nodiscard]] Traffic traffic_of(const VolumeStats& stats);

struct SourceUsage {
  std::optional<Traffic> traffic;      // nothing: nobody here counts it
  std::optional<ProcessUsage> server;  // of a mount
};

struct ListVisit {
  // False ends the listing.
  std::function<bool(BenchFile)> on_file;
  std::function<void(const std::string& path, const Error&)> on_error = nullptr;
  const std::atomic<bool>* stop = nullptr;
};
struct ListCounts {
  std::uint64_t directories = 0;
  std::uint64_t skipped = 0;   // links, devices, directory markers: not files
  std::uint64_t requests = 0;  // LISTs, where the source sends them itself
};

struct SourceOptions {
  unsigned readers = 1;
  std::uint64_t block_bytes = 128u << 10;
  StoreFlags store;
  ReadFlags read;
};

// Thread model: confined; read() runs threads of its own.
class Source {
 public:
  virtual ~Source() = default;
  // As the user named it.
  [[nodiscard]] virtual const std::string& name() const = 0;
  [[nodiscard]] virtual SourceKind kind() const = 0;
  // "ext4", "Shoal mount of s3://...".
  [[nodiscard]] virtual std::string description() const = 0;

  // No bucket and no other machine is behind it, as far as its kind tells.
  [[nodiscard]] virtual bool is_local() const { return false; }

  // Before anything else: whether the state can be brought about here, `passes` times.
  [[nodiscard]] virtual Result<void> check(CacheState state, unsigned passes) = 0;
  // Brings the state about, for the next listing or pass. `files` are those to be read, empty when
  // they are not known yet.
  [[nodiscard]] virtual Result<void> prepare(CacheState state,
                                             const std::vector<BenchFile>& files) = 0;
  // Files of one directory come in name order, and all below a directory together. What cannot be
  // listed is reported and passed over; fails when nothing can.
  [[nodiscard]] virtual Result<ListCounts> list(const ListVisit& visit) = 0;
  // Reads the files of the pass until it is over.
  virtual void read(Pass& pass) = 0;
  // Counters that only grow between two calls of prepare().
  [[nodiscard]] virtual SourceUsage usage() = 0;
  // What the reader of the result must know, a sentence each.
  [[nodiscard]] virtual std::vector<std::string> notes() const = 0;
};

// Finds out what `text` names. Errors: not_found, bad_input, and what opening it says.
[[nodiscard]] Result<std::unique_ptr<Source>> open_source(const std::string& text,
                                                          const SourceOptions& options);

// The kinds, each in its own file.
[[nodiscard]] Result<std::unique_ptr<Source>> open_directory_source(const std::string& text,
                                                                    const SourceOptions& options);
[[nodiscard]] Result<std::unique_ptr<Source>> open_volume_source(const std::string& text,
                                                                 const SourceOptions& options);
[[nodiscard]] Result<std::unique_ptr<Source>> open_bucket_source(const std::string& text,
                                                                 const SourceOptions& options);

}  // namespace shoal::tools::bench
