// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/executor.h"
#include "base/md5_many.h"
#include "base/result.h"
#include "sys/file_identity.h"

namespace shoal::upload {

// Bytes that are ready to be sent, with their checksums.
struct Body {
  std::unique_ptr<std::byte[]> bytes;
  std::size_t size = 0;
  Md5 md5{};
  std::uint64_t crc64 = 0;

  [[nodiscard]] ByteSpan span() const { return {bytes.get(), size}; }
};

// Whether the file was written so lately that its clock may not show the next write: its identity
// would not tell.
[[nodiscard]] bool is_young(const sys::FileIdentity& identity, WallTime now);

// Reads and hashes bodies on worker threads. Requests that wait together are hashed together, in
// the lanes of the vector registers: eight times as fast as one after the other, and MD5 is most of
// what sending a file costs the processor.
//
// A file is read only while it is as it was: its identity is taken before and after.
//
// Thread model: confined to `executor`, where `done` runs; the work is on `workers`. The reader
// outlives what it was asked.
class BodyReader {
 public:
  BodyReader(LoopExecutor& executor, Executor& workers, unsigned worker_threads, bool with_crc64)
      : executor_(executor), workers_(workers), threads_(worker_threads), with_crc64_(with_crc64) {}

  struct File {
    std::shared_ptr<const sys::File> file;  // shared by the parts of one upload being read
    sys::FileIdentity identity{};
    bool is_young = false;  // to be looked at again; nothing was read
  };
  struct Loaded {
    File from{};                // empty for bytes
    bool has_changed = false;   // while it was read; then there is no body
    bool is_too_large = false;  // for `bytes_max`; likewise
    Body body{};
  };
  using Done = std::move_only_function<void(Result<Loaded>)>;

  // The whole file, when it has `bytes_max` bytes at most.
  void read_file(const std::filesystem::path& path, std::uint64_t bytes_max, Done done);
  // A piece of a file that is still the same.
  void read_part(const File& file, std::uint64_t offset, std::uint64_t length, Done done);
  void take_bytes(std::string bytes, Done done);

 private:
  struct Request {
    std::filesystem::path path{};  // empty: `from` or `bytes`
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::string bytes{};
    Done done{};
    Result<Loaded> result{};
  };
  void submit(Request request);
  void work();
  [[nodiscard]] std::vector<Request> take_group();
  void load(Request& request) const;
  [[nodiscard]] Result<void> load_whole(Request& request) const;
  [[nodiscard]] Result<void> load_piece(Request& request) const;
  void hash(std::vector<Request>& group) const;

  LoopExecutor& executor_;
  Executor& workers_;
  const unsigned threads_;
  const bool with_crc64_;
  std::mutex mutex_;
  std::deque<Request> waiting_;  // guarded by mutex_
};

}  // namespace shoal::upload
