// SPDX-License-Identifier: Apache-2.0
#include "volume/path_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

namespace shoal::volume {
namespace {

constexpr std::size_t kPieceBytes = 64u << 10;

std::string_view cleaned(std::string_view entry, char separator) {
  if (separator == '\n' && entry.ends_with('\r')) entry.remove_suffix(1);
  while (entry.starts_with("./")) entry.remove_prefix(2);
  while (entry.starts_with('/')) entry.remove_prefix(1);
  return entry;
}

}  // namespace

Result<PathList> PathList::open(const std::filesystem::path& file) {
  std::error_code status;
  if (std::filesystem::exists(file, status) && !std::filesystem::is_regular_file(file, status))
    return fail(ErrorCode::bad_input, file.string() + ": not a regular file",
                "Give a file with one path per line.");
  auto opened = sys::File::open(file, sys::File::Mode::read_only);
  if (!opened) return fail(std::move(opened).error().with_context("list of paths"));
  SHOAL_TRY(const std::uint64_t size, opened->size());
  PathList list(std::move(*opened), size);
  SHOAL_CHECK_OK(list.read_more());
  if (list.text_.find('\0') != std::string::npos) list.separator_ = '\0';
  return list;
}

Result<void> PathList::read_more() {
  text_.erase(0, begin_);
  begin_ = 0;
  const auto bytes = static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, size_ - read_));
  const std::size_t kept = text_.size();
  text_.resize(kept + bytes);
  auto read = file_.read_at(read_, {reinterpret_cast<std::byte*>(text_.data()) + kept, bytes});
  if (!read) return fail(std::move(read).error().with_context("list of paths"));
  read_ += bytes;
  return {};
}

Result<bool> PathList::next(std::string& path) {
  for (;;) {
    const std::size_t end = text_.find(separator_, begin_);
    if (end == std::string::npos && read_ < size_ && text_.size() - begin_ <= kPathBytesMax) {
      SHOAL_CHECK_OK(read_more());
      continue;
    }
    const std::string_view entry = std::string_view(text_).substr(
        begin_, end == std::string::npos ? std::string::npos : end - begin_);
    if (entry.size() > kPathBytesMax)
      return fail(ErrorCode::bad_input,
                  fmt::format("{}: entry {} is longer than {} bytes", file_.path().string(),
                              entries_ + 1, kPathBytesMax),
                  "Write one path per line, or end each with a zero byte (find -print0).");
    if (end == std::string::npos && entry.empty()) return false;
    begin_ += entry.size() + (end == std::string::npos ? 0 : 1);
    entries_ += 1;
    const std::string_view wanted = cleaned(entry, separator_);
    if (wanted.empty()) continue;
    path.assign(wanted);
    return true;
  }
}

}  // namespace shoal::volume
