// SPDX-License-Identifier: Apache-2.0
// Goal: fuzz targets find their old bugs again, and shallow new ones, without libFuzzer.
// Method: run each file of the corpus, then seeded mutations of them (flip, insert, erase, repeat,
// splice) until the count or four seconds are reached. Usage: PROGRAM CORPUS_DIRECTORY [MUTATIONS
// [SEED]]
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/rng.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

constexpr std::uint64_t kMutationsDefault = 20'000;
constexpr std::size_t kInputBytesMax = 64 << 10;
constexpr auto kTimeMax = std::chrono::seconds(4);
// Bytes that parsers treat specially, more often than chance would bring them.
constexpr std::uint8_t kSpecial[] = {0,   1,   0x7f, 0x80, 0xff, '<', '>',
                                     '&', ';', '%',  '"',  '/',  '\n'};

std::vector<Input> read_corpus(const char* directory) {
  std::vector<std::filesystem::path> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error))
    if (entry.is_regular_file()) paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<Input> corpus;
  for (const auto& path : paths) {
    std::ifstream stream(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  return corpus;
}

std::size_t pick(shoal::Rng& rng, std::size_t bound) {
  return bound == 0 ? 0 : static_cast<std::size_t>(rng.below(bound));
}

void mutate_once(Input& input, const std::vector<Input>& corpus, shoal::Rng& rng) {
  const std::size_t at = pick(rng, input.size());
  const auto position = input.begin() + static_cast<std::ptrdiff_t>(at);
  switch (rng.below(6)) {
    case 0:
      if (!input.empty()) input[at] ^= static_cast<std::uint8_t>(1u << rng.below(8));
      break;
    case 1:
      if (!input.empty()) input[at] = kSpecial[pick(rng, std::size(kSpecial))];
      break;
    case 2:
      input.insert(position, kSpecial[pick(rng, std::size(kSpecial))]);
      break;
    case 3: {
      const std::size_t length = std::min(input.size() - at, pick(rng, 32) + 1);
      if (!input.empty()) input.erase(position, position + static_cast<std::ptrdiff_t>(length));
      break;
    }
    case 4: {
      const std::size_t length = std::min(input.size() - at, pick(rng, 64) + 1);
      if (input.empty()) break;
      const Input piece(position, position + static_cast<std::ptrdiff_t>(length));
      const auto target = input.begin() + static_cast<std::ptrdiff_t>(pick(rng, input.size()));
      input.insert(target, piece.begin(), piece.end());
      break;
    }
    default: {
      const Input& other = corpus[pick(rng, corpus.size())];
      const auto from = other.begin() + static_cast<std::ptrdiff_t>(pick(rng, other.size()));
      input.resize(at);
      input.insert(input.end(), from, other.end());
      break;
    }
  }
  if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s CORPUS_DIRECTORY [MUTATIONS [SEED]]\n", argv[0]);
    return 2;
  }
  std::vector<Input> corpus = read_corpus(argv[1]);
  std::printf("%zu inputs in %s\n", corpus.size(), argv[1]);
  corpus.emplace_back();  // the empty input, so that there is always something to start from
  for (const auto& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());

  const std::uint64_t mutations =
      argc > 2 ? std::strtoull(argv[2], nullptr, 10) : kMutationsDefault;
  shoal::Rng rng(argc > 3 ? std::strtoull(argv[3], nullptr, 10) : 1);
  const auto start = std::chrono::steady_clock::now();
  std::uint64_t done = 0;
  for (; done < mutations && std::chrono::steady_clock::now() - start < kTimeMax; ++done) {
    Input input = corpus[pick(rng, corpus.size())];
    for (std::uint64_t i = rng.below(8) + 1; i > 0; --i) mutate_once(input, corpus, rng);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%llu mutations\n", static_cast<unsigned long long>(done));
  return 0;
}
