// SPDX-License-Identifier: Apache-2.0
#include "upload/spool.h"

#include <fmt/format.h>

#include <charconv>
#include <system_error>

#include "sys/file_identity.h"

namespace shoal::upload {
namespace {

constexpr int kCopiesMax = 5;  // of a file that changes meanwhile

}  // namespace

Result<Spool> Spool::open(const std::filesystem::path& directory, bool sync) {
  SHOAL_CHECK_OK(sys::make_directories(directory));
  if (sync) SHOAL_CHECK_OK(sys::sync_directory(directory.parent_path()));
  return Spool(directory, sync);
}

std::filesystem::path Spool::path(std::uint64_t id) const {
  return directory_ / fmt::format("{}.body", id);
}

// Straight under its name: until the journal knows the job, nobody looks at the file.
Result<void> Spool::write(std::uint64_t id, ByteSpan bytes) const {
  SHOAL_TRY(const auto file, sys::File::open(path(id), sys::File::Mode::create));
  SHOAL_CHECK_OK(file.resize(0));
  SHOAL_CHECK_OK(file.write_at(0, bytes));
  return settle(file);
}

Result<std::uint64_t> Spool::copy(std::uint64_t id, const std::filesystem::path& file) const {
  for (int tries = 0; tries < kCopiesMax; ++tries) {
    SHOAL_TRY(const auto source, sys::open_regular(file));
    SHOAL_TRY(const auto before, sys::identity_of(source));
    SHOAL_TRY(const auto target, sys::File::open(path(id), sys::File::Mode::create));
    SHOAL_CHECK_OK(target.resize(0));
    SHOAL_CHECK_OK(sys::copy_content(source, target, before.size));
    SHOAL_TRY(const auto after, sys::identity_of(source));
    if (before != after) continue;
    SHOAL_CHECK_OK(settle(target));
    return before.size;
  }
  return fail(ErrorCode::precondition,
              fmt::format("copy {} into the upload journal: it changed {} times meanwhile",
                          file.string(), kCopiesMax),
              "Send it when nobody writes to it.");
}

Result<void> Spool::settle(const sys::File& file) const {
  if (!sync_) return {};
  SHOAL_CHECK_OK(file.sync());
  return sys::sync_directory(directory_);
}

void Spool::remove(std::uint64_t id) const {
  std::error_code ignored;  // what cannot be removed goes at the next start
  std::filesystem::remove(path(id), ignored);
}

void Spool::keep_only(const std::function<bool(std::uint64_t)>& is_wanted) const {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory_, ignored)) {
    const std::string name = entry.path().filename().string();
    std::uint64_t id = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
    if (error != std::errc() || std::string_view(end) != ".body" || !is_wanted(id))
      std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace shoal::upload
