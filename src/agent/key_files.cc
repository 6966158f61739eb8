// SPDX-License-Identifier: Apache-2.0
#include "agent/key_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

#include "sys/file.h"

namespace shoal::agent {
namespace {

constexpr std::uint64_t kFileBytesMax = 128u << 10;
constexpr std::string_view kAccess = "aws_access_key_id = ";
constexpr std::string_view kSecret = "aws_secret_access_key = ";
constexpr std::string_view kToken = "aws_session_token = ";
constexpr std::string_view kExpiration = "expiration = ";

Secret text_of(const Keys& keys) {
  std::string text = "[default]\n";
  text += std::string(kAccess) + keys.access_key + "\n";
  text += std::string(kSecret) + std::string(keys.secret_key.reveal()) + "\n";
  if (!keys.session_token.empty())
    text += std::string(kToken) + std::string(keys.session_token.reveal()) + "\n";
  if (!keys.expiration.empty()) text += std::string(kExpiration) + keys.expiration + "\n";
  return Secret(std::move(text));
}

std::string_view value_of(std::string_view text, std::string_view name) {
  const auto at = text.find("\n" + std::string(name));
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + 1 + name.size());
  return text.substr(0, text.find('\n'));
}

}  // namespace

Result<KeyFiles> KeyFiles::open(const std::filesystem::path& directory) {
  SHOAL_CHECK_OK(sys::make_directories(directory));
  if (chmod(directory.c_str(), 0700) != 0)
    return fail(sys::errno_error(errno, "restrict " + directory.string()));
  return KeyFiles(directory);
}

std::filesystem::path KeyFiles::path_of(const std::string& mount) const {
  return directory_ / mount;
}

bool KeyFiles::has(const std::string& mount) const {
  return access(path_of(mount).c_str(), R_OK) == 0;
}

Result<void> KeyFiles::write(const std::string& mount, const Keys& keys) const {
  const std::filesystem::path target = path_of(mount);
  // Several may write the same keys at the same time; what a dead agent left is in nobody's way.
  static std::atomic<std::uint64_t> number{0};
  const std::filesystem::path staged =
      directory_ / (".new." + std::to_string(getpid()) + "." + std::to_string(++number));
  unlink(staged.c_str());
  const sys::Fd file(
      ::open(staged.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.valid()) return fail(sys::errno_error(errno, "make " + staged.string()));
  const Secret text = text_of(keys);
  const ssize_t written = ::write(file.get(), text.reveal().data(), text.reveal().size());
  const int error = written < 0 ? errno : ENOSPC;
  if (written != static_cast<ssize_t>(text.reveal().size())) {
    unlink(staged.c_str());
    return fail(sys::errno_error(error, "write " + staged.string()));
  }
  if (rename(staged.c_str(), target.c_str()) != 0)
    return fail(sys::errno_error(errno, "rename " + staged.string()));
  return {};
}

std::optional<Keys> KeyFiles::read(const std::string& mount) const {
  auto raw = sys::read_text_file(path_of(mount), kFileBytesMax);
  if (!raw) return std::nullopt;
  const Secret text(std::move(*raw));
  Keys keys{.access_key = std::string(value_of(text.reveal(), kAccess)),
            .secret_key = Secret(std::string(value_of(text.reveal(), kSecret))),
            .session_token = Secret(std::string(value_of(text.reveal(), kToken))),
            .expiration = std::string(value_of(text.reveal(), kExpiration))};
  if (keys.access_key.empty() || keys.secret_key.empty()) return std::nullopt;
  return keys;
}

void KeyFiles::remove(const std::string& mount) const {
  unlink(path_of(mount).c_str());
}

}  // namespace shoal::agent
