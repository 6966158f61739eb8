// SPDX-License-Identifier: Apache-2.0
#include "store/file/tree_error.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "store/write_checks.h"

namespace shoal::store {

Error tree_error(int error, const std::string& what) {
  const std::string text = what + ": " + std::generic_category().message(error);
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP:
      // A step through a file or a symbolic link leads to no object of this bucket.
      return Error(ErrorCode::not_found, what + ": no such object");
    case EACCES:
    case EPERM:
    case EROFS:
      return Error(ErrorCode::permission, text,
                   "Check the owner and mode of the file and its directory.");
    case ENOSPC:
    case EDQUOT:
      return Error(ErrorCode::no_space, text, "Free some space on the file system.");
    case EEXIST:
      return Error(ErrorCode::precondition, what + ": the object exists already",
                   std::string(kExistsRemedy));
    case EISDIR:
    case ENOTEMPTY:
      return Error(ErrorCode::bad_input, what + ": a directory has this name",
                   "In a directory a name is a file or a directory, not both as in a bucket.");
    case EMFILE:
    case ENFILE:
      return Error(ErrorCode::limit, text, "Raise the limit of open files (ulimit -n).");
    default:
      return Error(ErrorCode::io, text);
  }
}

Result<void> write_all(int file, std::uint64_t offset, ByteSpan bytes, const std::string& what) {
  while (!bytes.empty()) {
    const auto put = ::pwrite(file, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(tree_error(errno, what));
    bytes = bytes.subspan(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

}  // namespace shoal::store
