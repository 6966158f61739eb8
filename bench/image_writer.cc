// SPDX-License-Identifier: Apache-2.0
// Question: how long does writing an image of a million files take, and how much memory?
// Entries are made up as they are asked for, so that what is measured is the writer (and the disk).
// Usage: shoal-bench-image [files] [files-per-directory] [folder]
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string>

#include "image/writer.h"
#include "sys/file.h"
#include "unit/image/fake_index.h"

namespace {

using std::chrono::duration;
using std::chrono::steady_clock;

class FileBytes final : public shoal::image::Sink, public shoal::image::Scratch {
 public:
  explicit FileBytes(const shoal::sys::File& file) : file_(file) {}
  shoal::Result<void> write(std::uint64_t offset, shoal::ByteSpan bytes) override {
    ++writes;
    return file_.write_at(offset, bytes);
  }
  shoal::Result<void> read(std::uint64_t offset, shoal::MutableByteSpan target) override {
    return file_.read_at(offset, target);
  }
  std::uint64_t writes = 0;

 private:
  const shoal::sys::File& file_;
};

shoal::image::FakeIndex make_index(std::uint64_t files, std::uint64_t files_per_directory) {
  return {{}, files, {files * 4096}, [=](std::uint64_t i, shoal::index::Entry& entry) {
            entry.path.clear();
            fmt::format_to(std::back_inserter(entry.path), "d{:09}/f{:09}.csv",
                           i / files_per_directory, i % files_per_directory);
            entry.record.size = 1000;
            entry.record.mtime = 1'700'000'000;
            entry.record.address = {i * 4096};
          }};
}

int run(std::uint64_t files, std::uint64_t files_per_directory, std::string folder) {
  folder += "/shoal-bench-image-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const auto removed = [](const std::string* path) { std::filesystem::remove_all(*path); };
  const std::unique_ptr<const std::string, decltype(removed)> guard(&folder, removed);
  const auto image = shoal::sys::File::open(folder + "/image", shoal::sys::File::Mode::create);
  const auto scratch = shoal::sys::File::open(folder + "/scratch", shoal::sys::File::Mode::create);
  if (!image || !scratch) {
    fmt::print(stderr, "{}\n", (image ? scratch : image).error().to_string());
    return 1;
  }
  FileBytes image_bytes(*image);
  FileBytes scratch_bytes(*scratch);
  const auto index = make_index(files, files_per_directory);
  const auto begin = steady_clock::now();
  const auto result = shoal::image::write_image(index, image_bytes, scratch_bytes, {});
  const double seconds = duration<double>(steady_clock::now() - begin).count();
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().to_string());
    return 1;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  utsname machine{};
  uname(&machine);
  fmt::print("kernel {}, {} processors\n", machine.release, sysconf(_SC_NPROCESSORS_ONLN));
  fmt::print(
      "{} files, {} per directory: {:.2f} s, {:.0f} files/s, metadata {}, {} + {} writes, "
      "peak RSS {}\n",
      files, files_per_directory, seconds, static_cast<double>(files) / seconds,
      shoal::human_bytes(result->metadata_bytes), image_bytes.writes, scratch_bytes.writes,
      shoal::human_bytes(static_cast<std::uint64_t>(usage.ru_maxrss) << 10));
  return 0;
}

std::uint64_t number_or(int argc, char** argv, int at, std::uint64_t otherwise) {
  const std::uint64_t number = argc > at ? std::strtoull(argv[at], nullptr, 10) : otherwise;
  return number == 0 ? otherwise : number;
}

}  // namespace

int main(int argc, char** argv) {
  return run(number_or(argc, argv, 1, 1'000'000), number_or(argc, argv, 2, 1000),
             argc > 3 ? argv[3] : std::filesystem::temp_directory_path().string());
}
