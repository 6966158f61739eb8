// SPDX-License-Identifier: Apache-2.0
#include "e2e/survival/file_volume.h"

#include <utility>

namespace shoal::survival {

Result<std::unique_ptr<FileVolume>> FileVolume::open(const std::filesystem::path& image,
                                                     std::chrono::microseconds delay) {
  SHOAL_TRY(auto file, sys::File::open(image, sys::File::Mode::read_only));
  SHOAL_TRY(const std::uint64_t size, file.size());
  SHOAL_TRY(auto timer, sys::LoopThread::start("delay", {}));
  return std::unique_ptr<FileVolume>(
      new FileVolume(std::move(file), size, delay, std::move(timer)));
}

FileVolume::FileVolume(sys::File file, std::uint64_t size, std::chrono::microseconds delay,
                       std::unique_ptr<sys::LoopThread> timer)
    : file_(std::move(file)),
      size_(size),
      delay_(delay),
      timer_(std::move(timer)),
      readers_("read", 2) {}

FileVolume::~FileVolume() = default;

VolumeInfo FileVolume::info() const {
  VolumeInfo info;
  info.url = "file://" + file_.path().string();
  info.image_bytes = size_;
  info.listed_at = 1'700'000'000;
  return info;
}

void FileVolume::answer(std::uint64_t offset, std::span<std::byte> target, ReadDone done) {
  readers_.post([this, offset, target, done = std::move(done)]() mutable {
    done(file_.read_at(offset, target));
  });
}

void FileVolume::read(std::uint64_t offset, std::span<std::byte> target,
                      std::chrono::steady_clock::time_point, ReadDone done) {
  if (delay_.count() == 0) {
    answer(offset, target, std::move(done));
    return;
  }
  timer_->loop().post([this, offset, target, done = std::move(done)]() mutable {
    timer_->loop().after(delay_, [this, offset, target, held = std::move(done)]() mutable {
      answer(offset, target, std::move(held));
    });
  });
}

Result<DirectoryEntry> FileVolume::find(std::string_view) const {
  return fail(ErrorCode::unsupported, "find: this volume has no names");
}

Result<void> FileVolume::list(std::string_view,
                              const std::function<bool(const DirectoryEntry&)>&) const {
  return fail(ErrorCode::unsupported, "list: this volume has no names");
}

}  // namespace shoal::survival
