// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>

#include "shoal/volume.h"
#include "sys/file.h"
#include "sys/loop.h"

namespace shoal::survival {

// A Volume whose bytes are a file's, each read answered after a delay, as a bucket would.
class FileVolume final : public Volume {
 public:
  [[nodiscard]] static Result<std::unique_ptr<FileVolume>> open(const std::filesystem::path& image,
                                                                std::chrono::microseconds delay);
  ~FileVolume() override;

  [[nodiscard]] VolumeInfo info() const override;
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  void read(std::uint64_t offset, std::span<std::byte> target,
            std::chrono::steady_clock::time_point deadline, ReadDone done) override;
  void warm(const WarmRequest&, std::chrono::steady_clock::time_point, WarmDone done) override {
    done(fail(ErrorCode::unsupported, "no cache"));
  }
  void unpin(std::uint64_t, std::uint64_t) override {}
  [[nodiscard]] Result<void> set_order(const ReadOrder&) override {
    return fail(ErrorCode::unsupported, "no prefetch");
  }
  [[nodiscard]] PrefetchStatus prefetch_status() const override { return {}; }
  [[nodiscard]] VolumeStats stats() const override { return {}; }
  [[nodiscard]] std::vector<std::string> recent_errors() const override { return {}; }
  [[nodiscard]] Result<DirectoryEntry> find(std::string_view path) const override;
  [[nodiscard]] Result<void> list(
      std::string_view path,
      const std::function<bool(const DirectoryEntry&)>& visit) const override;

 private:
  FileVolume(sys::File file, std::uint64_t size, std::chrono::microseconds delay,
             std::unique_ptr<sys::LoopThread> timer);
  void answer(std::uint64_t offset, std::span<std::byte> target, ReadDone done);

  sys::File file_;
  const std::uint64_t size_;
  const std::chrono::microseconds delay_;
  std::unique_ptr<sys::LoopThread> timer_;
  sys::WorkerPool readers_;
};

}  // namespace shoal::survival
