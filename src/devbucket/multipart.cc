// SPDX-License-Identifier: Apache-2.0
#include "devbucket/multipart.h"

#include <fcntl.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "devbucket/object_names.h"
#include "store/encoding.h"

namespace shoal::devbucket {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kIdBytes = 32;
constexpr std::size_t kNumberDigits = 5;
constexpr std::size_t kMd5Digits = 32;

bool is_id(std::string_view text) {
  return text.size() == kIdBytes && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::unexpected<ApiError> refuse_missing() {
  return refuse(404, "NoSuchUpload",
                "The specified upload does not exist. The upload ID may be invalid, or the upload "
                "may have been aborted or completed.");
}

std::string part_prefix(std::uint32_t number) {
  std::string digits = std::to_string(number);
  return std::string(kNumberDigits - std::min(digits.size(), kNumberDigits), '0') + digits + "-";
}

}  // namespace

std::string Uploads::directory_of(std::string_view id) const {
  return bucket_.path() + "/" + std::string(kStateDirectory) + "/uploads/" + std::string(id);
}

ApiResult<std::string> Uploads::create(const UploadInfo& info) {
  std::string raw(kIdBytes / 2, '\0');
  if (::getrandom(raw.data(), raw.size(), 0) != static_cast<ssize_t>(raw.size()))
    return refuse(500, "InternalError", "No random bytes for an upload id.");
  std::string id = store::hex(raw);
  std::error_code error;
  fs::create_directories(directory_of(id), error);
  std::ofstream file(directory_of(id) + "/info", std::ios::binary);
  file << store::hex(info.key) << '\n';
  for (const auto& [name, value] : info.headers) file << name << ':' << value << '\n';
  file.close();
  if (error || !file)
    return refuse(500, "InternalError", "The upload could not be stored on disk.");
  return id;
}

bool Uploads::read_info(std::string_view id, UploadInfo& info) const {
  const std::string path = directory_of(id) + "/info";
  std::ifstream file(path, std::ios::binary);
  std::string line;
  if (!std::getline(file, line)) return false;
  info.id = id;
  info.key.clear();
  for (std::size_t i = 0; i + 1 < line.size(); i += 2) {
    unsigned byte = 0;
    std::from_chars(line.data() + i, line.data() + i + 2, byte, 16);
    info.key += static_cast<char>(byte);
  }
  while (std::getline(file, line)) {
    const std::size_t colon = line.find(':');
    if (colon != std::string::npos)
      info.headers.emplace_back(line.substr(0, colon), line.substr(colon + 1));
  }
  struct stat stat {};
  if (::stat(path.c_str(), &stat) == 0) info.created_seconds = stat.st_mtim.tv_sec;
  return true;
}

ApiResult<UploadInfo> Uploads::find(std::string_view id, std::string_view key) const {
  UploadInfo info;
  if (!is_id(id) || !read_info(id, info) || info.key != key) return refuse_missing();
  return info;
}

std::vector<UploadInfo> Uploads::list() const {
  std::vector<UploadInfo> uploads;
  std::error_code error;
  for (fs::directory_iterator it(directory_of(""), error), end; !error && it != end;
       it.increment(error)) {
    UploadInfo info;
    const std::string id = it->path().filename().string();
    if (is_id(id) && read_info(id, info)) uploads.push_back(std::move(info));
  }
  std::ranges::sort(uploads, [](const UploadInfo& a, const UploadInfo& b) {
    return std::tie(a.key, a.id) < std::tie(b.key, b.id);
  });
  return uploads;
}

ApiResult<void> Uploads::add_part(std::string_view id, const UploadPart& part,
                                  const DiskBucket::Staged& staged) {
  std::string name = part_prefix(part.number) + part.md5_hex;
  if (part.crc64) name += "-" + std::to_string(*part.crc64);
  const std::vector<UploadPart> before = parts(id);
  const std::string target = directory_of(id) + "/" + name;
  if (::renameat(bucket_.root(), staged.path.c_str(), AT_FDCWD, target.c_str()) != 0) {
    if (errno == ENOENT) return refuse_missing();
    return refuse(500, "InternalError", std::string("store the part: ") + std::strerror(errno));
  }
  for (const UploadPart& old : before)
    if (old.number == part.number && !old.path.ends_with("/" + name))
      ::unlinkat(bucket_.root(), old.path.c_str(), 0);
  return {};
}

std::vector<UploadPart> Uploads::parts(std::string_view id) const {
  std::vector<UploadPart> found;
  std::error_code error;
  for (fs::directory_iterator it(directory_of(id), error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    UploadPart part;
    struct stat stat {};
    if (name.size() <= kNumberDigits || name[kNumberDigits] != '-' ||
        ::stat(it->path().c_str(), &stat) != 0)
      continue;
    std::from_chars(name.data(), name.data() + kNumberDigits, part.number);
    part.md5_hex = name.substr(kNumberDigits + 1, kMd5Digits);
    std::uint64_t crc64 = 0;
    if (const std::size_t at = kNumberDigits + 1 + kMd5Digits + 1;
        name.size() > at &&
        std::from_chars(name.data() + at, name.data() + name.size(), crc64).ec == std::errc())
      part.crc64 = crc64;
    part.size_bytes = static_cast<std::uint64_t>(stat.st_size);
    part.mtime_seconds = stat.st_mtim.tv_sec;
    part.path = std::string(kStateDirectory) + "/uploads/" + std::string(id) + "/" + name;
    found.push_back(std::move(part));
  }
  std::ranges::sort(found, {}, &UploadPart::number);
  return found;
}

void Uploads::remove(std::string_view id) {
  std::error_code ignored;  // what cannot be removed is not found as an upload either
  fs::remove(directory_of(id) + "/info", ignored);
  fs::remove_all(directory_of(id), ignored);
}

}  // namespace shoal::devbucket
