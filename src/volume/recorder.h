// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/executor.h"
#include "format/layout.h"
#include "index/index.h"
#include "prefetch/policy.h"
#include "sys/file.h"

namespace shoal::volume {

// Writes the order in which files are first read: one path per line, as PathList reads them. Reads
// are collected on the data path and looked up on a worker; what comes faster than the worker can
// look up is left out and counted.
//
// Thread model: synchronized.
class Recorder {
 public:
  struct Parts {
    const index::ChunkMap& map;
    format::Geometry geometry;
    Executor& worker;
  };
  // Replaces `file`. All parts outlive the recorder, which outlives what it has posted: call
  // finish() before the worker ends. Blocks.
  [[nodiscard]] static Result<std::unique_ptr<Recorder>> create(const std::filesystem::path& file,
                                                                Parts parts);
  void on_read(const prefetch::Range& read);
  // Writes what is left. Nobody calls on_read() any longer. Blocks.
  void finish();
  // Files in the trace so far; those that could not be written are not counted.
  [[nodiscard]] std::uint64_t files() const { return files_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kBatch = 64;
  static constexpr std::size_t kPendingMax = 64u << 10;
  static constexpr std::size_t kMapsMax = 64;  // of thousands of tiny files: about 100 KiB each
  Recorder(sys::File file, Parts parts) : parts_(parts), file_(std::move(file)) {}
  void write_pending();
  void write(const std::vector<prefetch::Range>& reads);
  const std::vector<format::Extent>& extents_of(ChunkId id);
  bool is_new(DataAddress begin);
  void fail_once(const Error& error);

  Parts parts_;
  std::mutex pending_mutex_;              // guards the next three
  std::vector<prefetch::Range> pending_;  // looked up together
  bool writing_ = false;
  std::uint64_t dropped_ = 0;

  std::mutex write_mutex_;  // one writer at a time; guards the rest
  sys::File file_;
  std::uint64_t written_bytes_ = 0;
  std::uint64_t unwritable_ = 0;  // names with a line end
  bool failed_ = false;
  // Files seen, by the first block of each: a bit per block of the chunks that were read.
  std::unordered_map<ChunkId, std::vector<bool>> seen_;
  std::unordered_map<ChunkId, format::ChunkRecord> maps_;
  std::atomic<std::uint64_t> files_{0};
};

}  // namespace shoal::volume
