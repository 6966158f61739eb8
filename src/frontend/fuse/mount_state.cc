// SPDX-License-Identifier: Apache-2.0
#include "frontend/fuse/mount_state.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "sys/file.h"

namespace shoal::fuse {
namespace {

using Json = nlohmann::json;

constexpr int kVersion = 1;
constexpr std::uint64_t kStateFileBytesMax = 64u << 10;
constexpr std::size_t kReadableIdBytes = 40;

std::uint32_t fnv1a(std::string_view text) {
  std::uint32_t hash = 2166136261u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

// One way to write each directory, without asking the file system (a dead mount would not answer).
std::string normal_text(const std::filesystem::path& path) {
  std::string text = path.lexically_normal().string();
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

// Reads fields and remembers whether any was missing or of another type.
class Fields {
 public:
  explicit Fields(const Json& json) : json_(json), valid_(json.is_object()) {}
  [[nodiscard]] bool valid() const { return valid_; }

  [[nodiscard]] bool has(const char* name) const { return find(name) != nullptr; }

  std::string text(const char* name) {
    const Json* value = find(name);
    if (value == nullptr || !value->is_string()) return invalid<std::string>();
    return value->get<std::string>();
  }
  std::uint64_t number(const char* name) {
    const Json* value = find(name);
    if (value == nullptr || !value->is_number_unsigned()) return invalid<std::uint64_t>();
    return value->get<std::uint64_t>();
  }
  bool truth(const char* name) {
    const Json* value = find(name);
    if (value == nullptr || !value->is_boolean()) return invalid<bool>();
    return value->get<bool>();
  }
  ProcessId process(const char* name) {
    const Json* value = find(name);
    if (value == nullptr || !value->is_object()) return invalid<ProcessId>();
    Fields inner(*value);
    const std::uint64_t pid = inner.number("pid");
    const ProcessId process{.pid = static_cast<int>(pid), .started = inner.number("started")};
    if (!inner.valid() || pid > INT32_MAX) return invalid<ProcessId>();
    return process;
  }

 private:
  const Json* find(const char* name) const {
    if (!json_.is_object()) return nullptr;
    const auto found = json_.find(name);
    return found == json_.end() ? nullptr : &*found;
  }
  template <typename T>
  T invalid() {
    valid_ = false;
    return {};
  }
  const Json& json_;
  bool valid_;
};

Json encode_process(const ProcessId& process) {
  return {{"pid", static_cast<std::uint64_t>(process.pid)}, {"started", process.started}};
}

}  // namespace

MountPaths mount_paths(const std::filesystem::path& runtime_directory,
                       const std::filesystem::path& mount_point) {
  const std::string text = normal_text(mount_point);
  std::string readable;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || ((c == '.' || c == '_') && !readable.empty()))
      readable += c;
    else if (!readable.empty() && readable.back() != '-')
      readable += '-';
  }
  if (readable.size() > kReadableIdBytes) readable.erase(0, readable.size() - kReadableIdBytes);
  char hash[16];
  std::snprintf(hash, sizeof hash, "-%08x", fnv1a(text));
  MountPaths paths;
  paths.id = readable + hash;
  paths.directory = runtime_directory / paths.id;
  paths.fuse = paths.directory / "fuse";
  paths.image = paths.fuse / "image";
  paths.session = paths.directory / "session";
  paths.options = paths.directory / "options";
  paths.control_socket = paths.directory / "control.sock";
  paths.state = runtime_directory / "mounts" / (paths.id + ".json");
  paths.lock = runtime_directory / "mounts" / (paths.id + ".lock");
  return paths;
}

std::string encode_mount_state(const MountState& state) {
  const Json json{{"version", kVersion},
                  {"id", state.id},
                  {"mount_point", state.mount_point.string()},
                  {"volume", state.volume.string()},
                  {"source", state.source},
                  {"control_socket", state.control_socket.string()},
                  {"log_file", state.log_file.string()},
                  {"keeper", encode_process(state.keeper)},
                  {"server", encode_process(state.server)},
                  {"frontend", state.frontend},
                  {"carrier", state.carrier},
                  {"server_restarts", state.server_restarts},
                  {"resend", state.resend},
                  {"mounted_at", static_cast<std::uint64_t>(state.mounted_at)},
                  {"mount_id", state.mount_id},
                  {"erofs_device", state.erofs_device},
                  {"fuse_device", state.fuse_device},
                  {"adoptions", state.adoptions},
                  {"unmount_tries", state.unmount_tries},
                  {"unmount_error", state.unmount_error}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<MountState> decode_mount_state(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  Fields fields(json);
  MountState state;
  const std::uint64_t version = fields.number("version");
  state.id = fields.text("id");
  state.mount_point = fields.text("mount_point");
  state.volume = fields.text("volume");
  state.source = fields.text("source");
  state.control_socket = fields.text("control_socket");
  state.log_file = fields.text("log_file");
  state.keeper = fields.process("keeper");
  state.server = fields.process("server");
  state.frontend = fields.text("frontend");
  state.carrier = fields.text("carrier");
  state.server_restarts = fields.number("server_restarts");
  state.resend = fields.truth("resend");
  state.mounted_at = static_cast<std::int64_t>(fields.number("mounted_at"));
  state.mount_id = fields.number("mount_id");
  // Fields that came later; states of mounts that live across an upgrade lack them.
  if (fields.has("erofs_device")) state.erofs_device = fields.text("erofs_device");
  if (fields.has("fuse_device")) state.fuse_device = fields.text("fuse_device");
  if (fields.has("adoptions")) state.adoptions = fields.number("adoptions");
  state.unmount_tries = fields.number("unmount_tries");
  state.unmount_error = fields.text("unmount_error");
  if (!fields.valid() || version != kVersion || state.mount_point.empty())
    return fail(ErrorCode::corrupt, "decode mount state: not a state file of this version");
  return state;
}

Result<MountState> load_mount_state(const std::filesystem::path& file) {
  SHOAL_TRY(const std::string text, sys::read_text_file(file, kStateFileBytesMax));
  auto state = decode_mount_state(text);
  if (!state) return fail(std::move(state).error().with_context(file.string()));
  return state;
}

Result<void> save_mount_state(const std::filesystem::path& file, const MountState& state) {
  return sys::write_text_file(file, encode_mount_state(state));
}

ProcessId process_id_of(int pid) {
  if (pid <= 0) return {};
  const auto text = sys::read_text_file("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!text) return {};
  // "pid (name) state ppid ...": the name may hold anything, so count from its closing parenthesis.
  const std::size_t name_end = text->rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= text->size()) return {};
  const char state = (*text)[name_end + 2];
  if (state == 'Z' || state == 'X') return {};
  std::size_t at = name_end + 2;
  for (int field = 3; field < 22; ++field) {
    at = text->find(' ', at);
    if (at == std::string::npos) return {};
    ++at;
  }
  return {.pid = pid, .started = std::strtoull(text->c_str() + at, nullptr, 10)};
}

bool is_alive(const ProcessId& process) {
  return process.pid > 0 && process_id_of(process.pid) == process;
}

Result<std::optional<sys::OtherProcess>> open_process(const ProcessId& id) {
  if (id.pid <= 0) return std::nullopt;
  auto process = sys::OtherProcess::open(id.pid);
  if (!process && process.error().code() == ErrorCode::not_found) return std::nullopt;
  if (!process) return fail(std::move(process).error());
  // Looked at after it was opened: were it a later process, it would not be `id`.
  if (!is_alive(id)) return std::nullopt;
  return std::move(*process);
}

}  // namespace shoal::fuse
