// SPDX-License-Identifier: Apache-2.0
#include "read_file.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace shoal::tools {
namespace {

constexpr std::uint64_t kPieceBytes = 1u << 20;
constexpr std::size_t kPiecesAhead = 16;  // 16 MiB: keeps a fast link busy at 20 ms per request

// One read under way; the completion runs on a thread of the volume.
struct Piece {
  std::vector<std::byte> bytes;
  std::mutex mutex;
  std::condition_variable answered;
  std::optional<Result<void>> result;

  Result<void> wait() {
    std::unique_lock lock(mutex);
    answered.wait(lock, [&] { return result.has_value(); });
    return std::move(*result);
  }
};

// The completion shares the piece: an early return must not free memory a read still writes to.
std::shared_ptr<Piece> start_piece(Volume& volume, std::uint64_t offset, std::uint64_t bytes,
                                   std::chrono::seconds io_timeout) {
  auto piece = std::make_shared<Piece>();
  piece->bytes.resize(bytes);
  volume.read(offset, piece->bytes, std::chrono::steady_clock::now() + io_timeout,
              [piece](Result<void> result) {
                const std::lock_guard lock(piece->mutex);
                piece->result = std::move(result);
                piece->answered.notify_one();
              });
  return piece;
}

}  // namespace

Result<void> read_file(Volume& volume, const DirectoryEntry& file, std::chrono::seconds io_timeout,
                       const std::function<Result<void>(ByteSpan)>& consume) {
  std::deque<std::shared_ptr<Piece>> ahead;
  std::uint64_t started = 0;
  while (started < file.size || !ahead.empty()) {
    while (started < file.size && ahead.size() < kPiecesAhead) {
      const std::uint64_t bytes = std::min(kPieceBytes, file.size - started);
      ahead.push_back(start_piece(volume, file.image_offset + started, bytes, io_timeout));
      started += bytes;
    }
    const auto piece = std::move(ahead.front());
    ahead.pop_front();
    SHOAL_CHECK_OK(piece->wait());
    SHOAL_CHECK_OK(consume(piece->bytes));
  }
  return {};
}

}  // namespace shoal::tools
