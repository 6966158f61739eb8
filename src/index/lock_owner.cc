// SPDX-License-Identifier: Apache-2.0
#include "index/lock_owner.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

namespace shoal::index {

std::string lock_owner(const std::filesystem::path& lock_file) {
  const int fd = ::open(lock_file.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) return "another process";
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool known = ::fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0;
  ::close(fd);
  if (!known) return "another process";
  std::string owner = "process " + std::to_string(lock.l_pid);
  std::string name;
  if (std::getline(std::ifstream("/proc/" + std::to_string(lock.l_pid) + "/comm"), name))
    owner += " (" + name + ")";
  return owner;
}

}  // namespace shoal::index
