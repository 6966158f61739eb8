// SPDX-License-Identifier: Apache-2.0
// A directory, read with plain system calls. When it lies on a Shoal mount, the mount's server is
// asked for its counters before and after.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "control/client.h"
#include "frontend/fuse/mount.h"
#include "sys/file.h"
#include "sys/mount.h"
#include "tools/bench/page_cache.h"
#include "tools/bench/source.h"
#include "tools/bench/tree_walk.h"
#include "tools/places.h"

namespace shoal::tools::bench {
namespace {

constexpr auto kStatusPatience = std::chrono::seconds(5);

bool is_inside(const std::filesystem::path& path, const std::filesystem::path& directory) {
  const auto [rest, _] = std::ranges::mismatch(directory, path);
  return rest == directory.end() || (rest->empty() && std::next(rest) == directory.end());
}

// The mount that `path` (absolute, without links) lies on.
Result<sys::MountEntry> mount_of(const std::filesystem::path& path) {
  SHOAL_TRY(const auto mounts, sys::read_mounts());
  sys::MountEntry found;
  for (const sys::MountEntry& mount : mounts)
    if (is_inside(path, mount.mount_point) &&
        mount.mount_point.native().size() >= found.mount_point.native().size())
      found = mount;
  return found;
}

bool is_in_memory(const std::string& fs_type) {
  return fs_type == "tmpfs" || fs_type == "ramfs";
}

// Whether the page cache is the only cache between the files and their disk.
bool has_no_other_cache(const sys::MountEntry& mount) {
  constexpr std::string_view kOthers[] = {"fuse", "nfs",  "cifs",     "smb",
                                          "9p",   "ceph", "virtiofs", "afs"};
  if (std::ranges::any_of(kOthers,
                          [&](std::string_view type) { return mount.fs_type.starts_with(type); }))
    return false;
  // An image that is a file may lie on any of those.
  if (mount.fs_type != "erofs" || mount.source.starts_with("/dev/")) return true;
  const auto image = mount_of(mount.source);
  return image && image->fs_type != "erofs" && has_no_other_cache(*image);
}

// The Shoal mount that `mount` shows, perhaps at another place (mount --bind): same device.
Result<std::optional<fuse::MountState>> shoal_mount_of(const sys::MountEntry& mount) {
  SHOAL_TRY(const auto ours, fuse::list_mounts(runtime_directory()));
  SHOAL_TRY(const auto all, sys::read_mounts());
  for (const fuse::MountState& candidate : ours)
    for (const sys::MountEntry& entry : all)
      if (static_cast<std::uint64_t>(entry.id) == candidate.mount_id &&
          entry.device == mount.device)
        return candidate;
  return std::nullopt;
}

class DirectorySource final : public Source {
 public:
  static Result<std::unique_ptr<Source>> open(const std::string& text,
                                              const SourceOptions& options);

  const std::string& name() const override { return name_; }
  SourceKind kind() const override { return shoal_ ? SourceKind::mount : SourceKind::directory; }
  std::string description() const override {
    return shoal_ ? "Shoal mount of " + shoal_->source + ", " + shoal_->carrier
                  : "directory on " + mount_.fs_type;
  }
  bool is_local() const override { return !shoal_ && has_no_other_cache(mount_); }
  Result<void> check(CacheState state, unsigned passes) override;
  Result<void> prepare(CacheState state, const std::vector<BenchFile>& files) override;
  Result<ListCounts> list(const ListVisit& visit) override;
  void read(Pass& pass) override;
  SourceUsage usage() override;
  std::vector<std::string> notes() const override;

 private:
  DirectorySource(std::string name, const SourceOptions& options)
      : name_(std::move(name)), options_(options) {}
  Result<void> check_cold_mount(unsigned passes) const;
  Result<std::vector<TreeEntry>> read_directory(const std::string& path) const;
  Result<std::optional<std::uint64_t>> read_file(const BenchFile& file, const Pass& pass,
                                                 std::vector<char>& block) const;
  void forget_pages(const std::vector<BenchFile>& files) const;

  std::string name_;
  SourceOptions options_;
  std::filesystem::path place_;  // absolute, without links
  sys::Fd root_;
  sys::MountEntry mount_;
  std::optional<fuse::MountState> shoal_;
  bool forgot_pages_only_ = false;
};

Result<std::unique_ptr<Source>> DirectorySource::open(const std::string& text,
                                                      const SourceOptions& options) {
  std::unique_ptr<DirectorySource> source(new DirectorySource(text, options));
  std::error_code status;
  source->place_ = std::filesystem::canonical(text, status);
  source->root_ = sys::Fd(::open(text.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!source->root_.valid()) return fail(sys::errno_error(errno, "open " + text));
  SHOAL_TRY(source->mount_, mount_of(source->place_));
  SHOAL_TRY(source->shoal_, shoal_mount_of(source->mount_));
  return source;
}

// ---- states

Result<void> DirectorySource::check_cold_mount(unsigned passes) const {
  const std::string remedy =
      "Bench the volume itself (`shoal bench " + shoal_->volume.string() +
      " --state cold`, after `shoal umount`): each pass gets an empty cache. Or mount with a new "
      "--volume and bench once, with --passes 1.";
  if (passes > 1)
    return fail(ErrorCode::unsupported,
                "bench " + name_ + " cold: the second pass would find what the first one cached",
                remedy);
  SHOAL_TRY(const auto status, control::get_status(shoal_->control_socket, kStatusPatience));
  if (status.stats.gets == 0 && status.stats.cache_bytes == 0) return {};
  return fail(ErrorCode::precondition,
              "bench " + name_ + " cold: its server holds data from before", remedy);
}

Result<void> DirectorySource::check(CacheState state, unsigned passes) {
  const bool drops = state == CacheState::cold || state == CacheState::page_cache_dropped;
  if (drops && is_in_memory(mount_.fs_type))
    return fail(
        ErrorCode::unsupported,
        "bench " + name_ + ": " + mount_.fs_type + " has its files in memory and nowhere else",
        "Use --state warm.");
  if (state != CacheState::cold) return {};
  if (shoal_) return check_cold_mount(passes);
  if (!has_no_other_cache(mount_))
    return fail(ErrorCode::unsupported,
                "bench " + name_ + " cold: " + mount_.fs_type +
                    " may keep a cache of its own, which only its program can empty",
                "Unmount it, empty its cache, mount it again, and use --state as-is --passes 1.");
  if (access("/proc/sys/vm/drop_caches", W_OK) != 0)
    return fail(ErrorCode::permission,
                "bench " + name_ + " cold: only root may drop the page cache",
                "Run as root, or use --state page-cache-dropped.");
  return {};
}

Result<void> DirectorySource::prepare(CacheState state, const std::vector<BenchFile>& files) {
  if (state != CacheState::cold && state != CacheState::page_cache_dropped) return {};
  const auto dropped = drop_page_cache(place_);
  if (dropped) return {};
  if (state == CacheState::cold) return fail(dropped.error());
  forget_pages(files);
  forgot_pages_only_ = true;
  return {};
}

// What somebody without root can do: the pages of the files go, names and inodes stay.
void DirectorySource::forget_pages(const std::vector<BenchFile>& files) const {
  for (const BenchFile& file : files) {
    const sys::Fd fd(openat(root_.get(), file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (fd.valid()) posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  }
}

// ---- listing

TreeEntry::Kind kind_of(int directory, const dirent& entry) {
  unsigned char type = entry.d_type;
  if (type == DT_UNKNOWN) {
    struct stat status {};
    if (fstatat(directory, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
      return TreeEntry::Kind::other;
    type = S_ISREG(status.st_mode) ? DT_REG : S_ISDIR(status.st_mode) ? DT_DIR : DT_LNK;
  }
  return type == DT_REG   ? TreeEntry::Kind::file
         : type == DT_DIR ? TreeEntry::Kind::directory
                          : TreeEntry::Kind::other;
}

Result<std::vector<TreeEntry>> DirectorySource::read_directory(const std::string& path) const {
  sys::Fd fd(openat(root_.get(), path.empty() ? "." : path.c_str(),
                    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return fail(sys::errno_error(errno, "open directory"));
  DIR* directory = fdopendir(fd.get());
  if (directory == nullptr) return fail(sys::errno_error(errno, "open directory"));
  static_cast<void>(fd.release());  // closed with `directory`
  std::vector<TreeEntry> entries;
  errno = 0;
  while (const dirent* entry = readdir(directory)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..")
      entries.push_back({.name = std::string(name), .kind = kind_of(dirfd(directory), *entry)});
    errno = 0;
  }
  const int error = errno;
  closedir(directory);
  if (error != 0) return fail(sys::errno_error(error, "read directory"));
  return entries;
}

Result<ListCounts> DirectorySource::list(const ListVisit& visit) {
  return walk_tree([this](const std::string& path) { return read_directory(path); }, visit);
}

// ---- reading

Result<std::optional<std::uint64_t>> DirectorySource::read_file(const BenchFile& file,
                                                                const Pass& pass,
                                                                std::vector<char>& block) const {
  const sys::Fd fd(openat(root_.get(), file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid()) return fail(sys::errno_error(errno, "open"));
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return fail(sys::errno_error(errno, "stat"));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  std::uint64_t bytes = 0;
  for (;;) {
    const ssize_t count = ::read(fd.get(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      Error failure = sys::errno_error(error, "read");
      if (!shoal_) return fail(std::move(failure));
      return fail(std::move(failure).with_remedy("`shoal status " + name_ + "` says why."));
    }
    if (count == 0) break;
    bytes += static_cast<std::uint64_t>(count);
    if (pass.should_stop()) return std::nullopt;
  }
  if (bytes < size)
    return fail(ErrorCode::precondition,
                "it shrank while it was read: " + std::to_string(bytes) + " bytes of " +
                    std::to_string(size),
                "Bench files that nobody writes to.");
  return bytes;
}

void DirectorySource::read(Pass& pass) {
  read_with_threads(pass, options_.readers, [&]() -> FileReader {
    return [this, &pass, block = std::vector<char>(options_.block_bytes)](
               const BenchFile& file) mutable { return read_file(file, pass, block); };
  });
}

SourceUsage DirectorySource::usage() {
  SourceUsage usage;
  if (!shoal_) return usage;
  const auto status = control::get_status(shoal_->control_socket, kStatusPatience);
  if (!status) return usage;
  usage.traffic = traffic_of(status->stats);
  usage.server = usage_of(static_cast<int>(status->server_pid));
  return usage;
}

std::vector<std::string> DirectorySource::notes() const {
  std::vector<std::string> notes;
  if (forgot_pages_only_)
    notes.push_back(
        "not root: the page cache was dropped file by file (posix_fadvise); names and inodes "
        "stayed in memory");
  if (!shoal_ && !is_local())
    notes.push_back("requests are not known for " + mount_.fs_type +
                    ": count them at the service (access log, request metrics)");
  return notes;
}

}  // namespace

Result<std::unique_ptr<Source>> open_directory_source(const std::string& text,
                                                      const SourceOptions& options) {
  return DirectorySource::open(text, options);
}

}  // namespace shoal::tools::bench
