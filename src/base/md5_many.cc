// SPDX-License-Identifier: Apache-2.0
#include "base/md5_many.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "base/assert.h"

namespace shoal {
namespace {

constexpr std::size_t kBlockBytes = 64;
constexpr std::size_t kBlockWords = 16;
constexpr std::size_t kLengthBytes = 8;  // of the message in bits, in its last block

constexpr std::uint32_t kStart[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
// floor(2^32 * abs(sin(i + 1)))
constexpr std::uint32_t kSines[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391};
constexpr int kTurns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};

// The blocks of one message: whole ones where they lie, then one or two with the padding.
class Source {
 public:
  Source() = default;
  explicit Source(ByteSpan message) : next_(message.data()), whole_(message.size() / kBlockBytes) {
    const std::size_t rest = message.size() % kBlockBytes;
    if (rest > 0) std::memcpy(tail_.data(), message.data() + whole_ * kBlockBytes, rest);
    tail_[rest] = std::byte{0x80};
    tail_blocks_ = rest + 1 + kLengthBytes <= kBlockBytes ? 1 : 2;
    store_le<std::uint64_t>(tail_.data() + tail_blocks_ * kBlockBytes - kLengthBytes,
                            std::uint64_t{message.size()} * 8);
  }
  // Precondition: not done. Good until the next call.
  const std::byte* take() {
    if (whole_ > 0) {
      whole_ -= 1;
      return std::exchange(next_, next_ + kBlockBytes);
    }
    return tail_.data() + kBlockBytes * tail_taken_++;
  }
  [[nodiscard]] bool is_done() const { return whole_ == 0 && tail_taken_ == tail_blocks_; }

 private:
  const std::byte* next_ = nullptr;
  std::size_t whole_ = 0;
  std::size_t tail_blocks_ = 0;
  std::size_t tail_taken_ = 0;
  std::array<std::byte, 2 * kBlockBytes> tail_{};
};

// One word of each message.
struct Lanes4 {
  using Vector [[gnu::vector_size(16)]] = std::uint32_t;
};
struct Lanes8 {
  using Vector [[gnu::vector_size(32)]] = std::uint32_t;
};
struct Lanes16 {
  using Vector [[gnu::vector_size(64)]] = std::uint32_t;
};

// Messages side by side; a lane that is done takes the next message. Inlined into functions
// that are compiled for what the processor can.
template <typename Lanes>
[[gnu::always_inline]] inline void hash(std::span<const ByteSpan> messages,
                                        std::span<Md5> digests) {
  using Vector = typename Lanes::Vector;
  constexpr std::size_t kLanes = sizeof(Vector) / sizeof(std::uint32_t);
  constexpr std::size_t kNone = ~std::size_t{0};
  Source sources[kLanes];
  std::size_t owners[kLanes];  // which message is in the lane
  alignas(64) std::uint32_t words[kBlockWords][kLanes] = {};
  Vector state[4] = {};
  std::size_t begun = 0;
  std::size_t busy = 0;
  const auto begin = [&](std::size_t lane) [[gnu::always_inline]] {
    owners[lane] = kNone;
    if (begun == messages.size()) return;
    sources[lane] = Source(messages[begun]);
    owners[lane] = begun++;
    for (int i = 0; i < 4; ++i) state[i][lane] = kStart[i];
    ++busy;
  };
  for (std::size_t lane = 0; lane < kLanes; ++lane) begin(lane);
  while (busy > 0) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      if (owners[lane] == kNone) continue;
      std::uint32_t block[kBlockWords];
      std::memcpy(block, sources[lane].take(), kBlockBytes);
      for (std::size_t word = 0; word < kBlockWords; ++word) words[word][lane] = block[word];
    }
    Vector a = state[0], b = state[1], c = state[2], d = state[3];
#pragma GCC unroll 64
    for (int i = 0; i < 64; ++i) {
      Vector mixed;
      int word = i;
      if (i < 16) {
        mixed = d ^ (b & (c ^ d));
      } else if (i < 32) {
        mixed = c ^ (d & (b ^ c));
        word = 5 * i + 1;
      } else if (i < 48) {
        mixed = b ^ c ^ d;
        word = 3 * i + 5;
      } else {
        mixed = c ^ (b | ~d);
        word = 7 * i;
      }
      Vector input;
      std::memcpy(&input, words[word % 16], sizeof input);
      const int turn = kTurns[i / 16][i % 4];
      Vector sum = a + mixed + input + kSines[i];
      a = d;
      d = c;
      c = b;
      b += sum << turn | sum >> (32 - turn);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      if (owners[lane] == kNone || !sources[lane].is_done()) continue;
      for (std::size_t i = 0; i < 4; ++i)
        store_le<std::uint32_t>(digests[owners[lane]].data() + 4 * i, state[i][lane]);
      --busy;
      begin(lane);
    }
  }
}

static_assert(std::endian::native == std::endian::little, "blocks are read as they lie");

#if defined(__x86_64__)
[[gnu::target("avx512f")]] void hash_16(std::span<const ByteSpan> messages,
                                        std::span<Md5> digests) {
  hash<Lanes16>(messages, digests);
}
[[gnu::target("avx2")]] void hash_8(std::span<const ByteSpan> messages, std::span<Md5> digests) {
  hash<Lanes8>(messages, digests);
}
#endif

}  // namespace

std::size_t md5_lanes() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return 16;
  if (__builtin_cpu_supports("avx2")) return 8;
#endif
  return 4;
}

void md5_many(std::span<const ByteSpan> messages, std::span<Md5> digests, std::size_t lanes) {
  SHOAL_ASSERT(digests.size() >= messages.size() && lanes <= md5_lanes());
#if defined(__x86_64__)
  if (lanes == 16) return hash_16(messages, digests);
  if (lanes == 8) return hash_8(messages, digests);
#endif
  hash<Lanes4>(messages, digests);
}

}  // namespace shoal
