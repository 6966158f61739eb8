// SPDX-License-Identifier: Apache-2.0
#include "e2e/survival/dataset.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "sys/file.h"

namespace shoal::survival {
namespace {

namespace fs = std::filesystem;

constexpr int kDirectories = 60;
constexpr int kFilesPerDirectory = 50;
constexpr std::uint64_t kBigFileBytes = 64ull << 20;
constexpr std::size_t kErrorsMax = 5;

std::uint64_t hash_step(std::uint64_t hash, const char* bytes, std::size_t count) {
  for (std::size_t i = 0; i + 8 <= count; i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes + i, sizeof word);
    hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
    hash ^= hash >> 29;
  }
  for (std::size_t i = count / 8 * 8; i < count; ++i)
    hash = (hash ^ static_cast<unsigned char>(bytes[i])) * 1099511628211ull;
  return hash;
}

std::string content_of(std::uint64_t seed, std::uint64_t bytes) {
  std::string text(bytes, '\0');
  std::uint64_t state = seed * 0x9E3779B97F4A7C15ull + 1;
  for (char& c : text) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    c = static_cast<char>(state);
  }
  return text;
}

// Empty when the file reads as it must.
std::string check_file(const fs::path& path, const Dataset::File& expected, std::string& buffer) {
  const sys::Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return std::string("open: ") + std::strerror(errno);
  std::uint64_t hash = 0;
  std::uint64_t bytes = 0;
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
    if (count < 0) return std::string("read: ") + std::strerror(errno);
    if (count == 0) break;
    hash = hash_step(hash, buffer.data(), static_cast<std::size_t>(count));
    bytes += static_cast<std::uint64_t>(count);
  }
  if (bytes != expected.bytes) return "has " + std::to_string(bytes) + " bytes";
  return hash == expected.hash ? std::string() : "has other content";
}

}  // namespace

Dataset::Dataset() {
  char name[] = "/tmp/shoal-survival-XXXXXX";
  if (::mkdtemp(name) == nullptr) throw std::runtime_error("mkdtemp failed");
  directory_ = name;
  fs::permissions(directory_, fs::perms(0755));  // another user reads the mount in it
  image_ = directory_ / "image.erofs";
  const auto add = [&](const std::string& path, std::uint64_t bytes) {
    const std::string content = content_of(files_.size() + 1, bytes);
    std::ofstream(directory_ / "tree" / path, std::ios::binary) << content;
    files_.push_back({.path = path, .hash = hash_step(0, content.data(), bytes), .bytes = bytes});
  };
  for (int d = 0; d < kDirectories; ++d) {
    fs::create_directories(directory_ / "tree" / std::to_string(d));
    for (int f = 0; f < kFilesPerDirectory; ++f)
      add(std::to_string(d) + "/" + std::to_string(f) + ".csv",
          static_cast<std::uint64_t>(d * 7919 + f * 104729) % 50000);
  }
  add("big", kBigFileBytes);
  const std::string command = "mkfs.erofs --quiet -x-1 -T0 " + image_.string() + " " +
                              (directory_ / "tree").string() + " >/dev/null";
  if (std::system(command.c_str()) != 0) throw std::runtime_error("mkfs.erofs failed");
  fs::remove_all(directory_ / "tree");
}

Dataset::~Dataset() {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

ReadAllResult read_all(const Dataset& dataset, const fs::path& root, unsigned threads,
                       bool small_only, const std::function<void(std::uint64_t)>& on_file) {
  ReadAllResult result;
  std::mutex mutex;
  std::atomic<std::uint64_t> files{0};
  std::atomic<std::uint64_t> bytes{0};
  const auto started = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> readers;
    for (unsigned t = 0; t < threads; ++t)
      readers.emplace_back([&, t] {
        std::string buffer(1u << 20, '\0');
        for (std::size_t i = t; i < dataset.files().size(); i += threads) {
          const Dataset::File& file = dataset.files()[i];
          if (small_only && file.bytes >= kBigFileBytes) continue;
          const std::string wrong = check_file(root / file.path, file, buffer);
          bytes += file.bytes;
          if (!wrong.empty()) {
            const std::lock_guard lock(mutex);
            if (result.errors.size() < kErrorsMax)
              result.errors.push_back(file.path + ": " + wrong);
          }
          const std::uint64_t count = ++files;
          if (on_file) on_file(count);
        }
      });
  }
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  result.files = files;
  result.bytes = bytes;
  return result;
}

}  // namespace shoal::survival
