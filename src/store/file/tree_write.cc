// SPDX-License-Identifier: Apache-2.0
// Writes of a Tree: everything is built in the staging folder and renamed to its place.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

#include "base/limits.h"
#include "store/file/tree.h"
#include "store/file/tree_error.h"
#include "store/write_checks.h"

namespace shoal::store {
namespace {

namespace fs = std::filesystem;

// Unique among the processes of this machine and the calls of this one.
std::string unique_name(std::string_view kind) {
  static std::atomic<std::uint64_t> last{0};
  struct timespec now {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return fmt::format("{}-{}-{:x}{:08x}-{}", kind, ::getpid(), now.tv_sec, now.tv_nsec, ++last);
}

// Removes a staging file that did not get its place.
class StagingFile {
 public:
  explicit StagingFile(fs::path path) : path_(std::move(path)) {}
  StagingFile(const StagingFile&) = delete;
  StagingFile& operator=(const StagingFile&) = delete;
  ~StagingFile() { ::unlink(path_.c_str()); }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

Result<void> copy_bytes(int source, int target, std::uint64_t& offset, const std::string& what) {
  std::vector<std::byte> buffer(256 << 10);
  for (std::uint64_t at = 0;;) {
    const auto got = ::pread(source, buffer.data(), buffer.size(), static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(tree_error(errno, what));
    if (got == 0) return {};
    const auto bytes = ByteSpan(buffer).first(static_cast<std::size_t>(got));
    SHOAL_CHECK_OK(write_all(target, offset, bytes, what));
    at += bytes.size();
    offset += bytes.size();
  }
}

// In an upload's folder: the key it is for.
constexpr const char* kKeyFile = "key";

std::string part_name(std::uint32_t number) {
  return fmt::format("{:05}", number);
}

}  // namespace

Result<fs::path> Tree::make_staging() const {
  SHOAL_CHECK_OK(open_root());
  fs::path folder = root_ / kStaging;
  if (::mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST)
    return fail(tree_error(errno, "make folder " + folder.string()));
  return folder;
}

Result<ETag> Tree::replace(const std::string& key, const WriteCondition& condition,
                           const std::function<Result<void>(int file)>& write) const {
  // First, so that a key no file can have leaves nothing behind.
  SHOAL_CHECK_OK(place_of("put", key, Missing::is_made));
  SHOAL_TRY(const fs::path folder, make_staging());
  const StagingFile staged(folder / unique_name("put"));
  const Descriptor file(::open(staged.path().c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file.is_open()) return fail(tree_error(errno, "make file " + staged.path().string()));
  SHOAL_CHECK_OK(write(file.get()));
  return publish(key, condition, staged.path(), file.get());
}

Result<void> Tree::check_version(const std::string& key, const WriteCondition& condition) const {
  const auto object = open_object(key);
  if (!object && object.error().code() != ErrorCode::not_found) return fail(Error(object.error()));
  return check_condition(what("put", key), condition, object ? &object->info.etag : nullptr);
}

// Data before name: the bytes are on disk before the name points to them, and the name before the
// caller hears of it.
Result<ETag> Tree::publish(const std::string& key, const WriteCondition& condition,
                           const fs::path& staged, int file) const {
  if (::fsync(file) != 0) return fail(tree_error(errno, what("put", key)));
  struct stat status {};
  if (::fstat(file, &status) != 0) return fail(tree_error(errno, what("put", key)));
  // A remove() beside us may take away a directory it finds empty just after we made it.
  constexpr int kTries = 8;
  for (int i = 0;; ++i) {
    auto place = place_of("put", key, Missing::is_made);
    int error = ENOENT;
    if (place) {
      if (!condition.if_match.empty()) SHOAL_CHECK_OK(check_version(key, condition));
      const int directory = place->directory.get();
      const char* leaf = place->leaf.c_str();
      const int made = condition.if_absent ? ::linkat(AT_FDCWD, staged.c_str(), directory, leaf, 0)
                                           : ::renameat(AT_FDCWD, staged.c_str(), directory, leaf);
      if (made == 0 && ::fsync(directory) == 0) return info_of(key, status).etag;
      error = errno;
    } else if (place.error().code() != ErrorCode::not_found) {
      return fail(std::move(place).error());
    }
    if (error != ENOENT || i == kTries) return fail(tree_error(error, what("put", key)));
  }
}

Result<UploadId> Tree::create_upload(const std::string& key) const {
  SHOAL_CHECK_OK(place_of("create upload of", key, Missing::is_made));
  SHOAL_TRY(const fs::path staging, make_staging());
  UploadId upload{key, unique_name("upload")};
  const std::string doing = what("create upload of", key);
  const fs::path folder = staging / upload.id;
  if (::mkdir(folder.c_str(), 0777) != 0) return fail(tree_error(errno, doing));
  const Descriptor name(
      ::open((folder / kKeyFile).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!name.is_open()) return fail(tree_error(errno, doing));
  SHOAL_CHECK_OK(write_all(name.get(), 0, as_bytes(key), doing));
  return upload;
}

Result<fs::path> Tree::upload_folder(const UploadId& upload) const {
  const bool is_ours = upload.id.starts_with("upload-") &&
                       upload.id.find_first_of("/.") == std::string::npos &&
                       upload.id.find('\0') == std::string::npos;
  fs::path folder = root_ / kStaging / upload.id;
  std::error_code error;
  if (!is_ours || !fs::is_directory(folder, error))
    return fail(ErrorCode::not_found,
                what("upload part of", upload.key) + ": there is no upload " + upload.id);
  return folder;
}

Result<UploadedPart> Tree::write_part(const UploadId& upload, std::uint32_t number,
                                      ByteSpan body) const {
  const std::string doing = what("upload part of", upload.key);
  if (number < 1 || number > 10'000)
    return fail(ErrorCode::bad_input,
                doing + ": part number " + std::to_string(number) + " is not 1 to 10,000");
  SHOAL_TRY(const fs::path folder, upload_folder(upload));
  const StagingFile staged(folder / unique_name("part"));
  const Descriptor file(::open(staged.path().c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!file.is_open()) return fail(tree_error(errno, doing));
  SHOAL_CHECK_OK(write_all(file.get(), 0, body, doing));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 ||
      ::rename(staged.path().c_str(), (folder / part_name(number)).c_str()) != 0)
    return fail(tree_error(errno, doing));
  return UploadedPart{number, info_of("", status).etag};
}

Result<ETag> Tree::complete(const CompleteRequest& request) const {
  const UploadId& upload = request.upload;
  const std::string doing = what("complete upload of", upload.key);
  SHOAL_TRY(const fs::path folder, upload_folder(upload));
  if (request.parts.empty()) return fail(ErrorCode::bad_input, doing + ": it has no parts");
  auto etag = replace(upload.key, request.condition, [&](int target) -> Result<void> {
    std::uint64_t offset = 0;
    std::uint32_t last = 0;
    for (const auto& part : request.parts) {
      const Descriptor source(
          ::open((folder / part_name(part.number)).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
      struct stat status {};
      if (part.number <= last || !source.is_open() || ::fstat(source.get(), &status) != 0 ||
          info_of("", status).etag != part.etag)
        return fail(ErrorCode::bad_input, doing + ": part " + std::to_string(part.number) +
                                              " is missing, out of order or of another version");
      last = part.number;
      SHOAL_CHECK_OK(copy_bytes(source.get(), target, offset, doing));
    }
    return {};
  });
  if (etag) ignore(abort_upload(upload), "the object is complete; leftover parts are only space");
  return etag;
}

Result<std::vector<UploadInfo>> Tree::uploads() const {
  SHOAL_CHECK_OK(open_root());
  std::vector<UploadInfo> uploads;
  std::error_code error;
  for (fs::directory_iterator at(root_ / kStaging, error), end; !error && at != end;
       at.increment(error)) {
    const std::string id = at->path().filename().string();
    const Descriptor file(
        ::open((at->path() / kKeyFile).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    struct stat status {};
    if (!id.starts_with("upload-") || !file.is_open() || ::fstat(file.get(), &status) != 0)
      continue;
    std::string key(limits::kKeyBytesMax, '\0');
    const auto got = ::pread(file.get(), key.data(), key.size(), 0);
    if (got <= 0) continue;
    key.resize(static_cast<std::size_t>(got));
    uploads.push_back({.upload = {std::move(key), id}, .initiated = status.st_mtim.tv_sec});
  }
  // No upload was ever started: there is no staging folder.
  if (error && error != std::errc::no_such_file_or_directory)
    return fail(tree_error(error.value(), what("list uploads of", "")));
  return uploads;
}

Result<void> Tree::abort_upload(const UploadId& upload) const {
  const auto folder = upload_folder(upload);
  if (!folder) return {};
  std::error_code error;
  fs::remove_all(*folder, error);
  if (error) return fail(tree_error(error.value(), what("abort upload of", upload.key)));
  return {};
}

}  // namespace shoal::store
