// SPDX-License-Identifier: Apache-2.0
#include "agent/index_build.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <span>

#include "agent/limits.h"
#include "control/json_fields.h"
#include "sys/file.h"
#include "sys/other_process.h"

namespace shoal::agent {
namespace {

using control::Json;

constexpr auto kStopPatience = std::chrono::seconds(5);

// The end of the file, from the beginning of a line on.
std::string tail_of(const std::filesystem::path& path) {
  const auto file = sys::File::open(path, sys::File::Mode::read_only);
  const auto size = file ? file->size() : fail(file.error());
  if (!size) return {};
  const std::uint64_t bytes = std::min(*size, limits::kBuildTailBytes);
  std::string text(bytes, '\0');
  if (!file->read_at(*size - bytes, std::as_writable_bytes(std::span(text)))) return {};
  if (bytes < *size) text.erase(0, text.find('\n') + 1);
  return text;
}

template <typename T>
T number_of(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number() ? found->get<T>() : T{};
}

void read_line(const Json& json, IndexBuild::State& state) {
  if (json.contains("error")) {
    try {
      if (auto error = control::error_of(json["error"])) state.error = std::move(*error);
    } catch (const Json::exception&) {
      // A line of somebody else.
    }
  } else if (json.contains("generation")) {
    state.facts = IndexFacts{.files = number_of<std::uint64_t>(json, "files"),
                             .directories = number_of<std::uint64_t>(json, "directories"),
                             .object_bytes = number_of<std::uint64_t>(json, "bytes"),
                             .listed_at = number_of<std::int64_t>(json, "listed_at")};
  } else if (json.contains("phase")) {
    state.progress = {.objects = number_of<std::uint64_t>(json, "keys"),
                      .bytes = number_of<std::uint64_t>(json, "bytes"),
                      .seconds = number_of<double>(json, "elapsed_seconds")};
  }
}

std::string encode_process(const fuse::ProcessId& process) {
  return Json{{"pid", process.pid}, {"started", process.started}}.dump() + "\n";
}

}  // namespace

IndexBuild::State read_build_output(std::string_view text) {
  IndexBuild::State state;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) break;  // still being written
    const Json json = Json::parse(text.substr(0, end), nullptr, /*allow_exceptions=*/false);
    if (json.is_object()) read_line(json, state);
    text.remove_prefix(end + 1);
  }
  return state;
}

IndexBuild::Files IndexBuild::files_of(const Places& places, const std::string& mount) {
  const auto directory = places.agent_runtime() / "builds";
  return {.output = directory / (mount + ".log"), .process = directory / (mount + ".json")};
}

void IndexBuild::forget(const Files& files) {
  unlink(files.output.c_str());
  unlink(files.process.c_str());
}

Result<IndexBuild> IndexBuild::start(const std::vector<std::string>& command, const Files& files) {
  SHOAL_CHECK_OK(sys::make_directories(files.output.parent_path()));
  unlink(files.output.c_str());
  sys::SpawnOptions options;
  options.arguments = command;
  options.output_file = files.output;
  options.new_session = true;
  SHOAL_TRY(auto child, sys::Process::spawn(options));
  const fuse::ProcessId process = fuse::process_id_of(child.pid());
  // Without this file the next agent would meet the volume's lock, and wait.
  ignore(sys::write_text_file(files.process, encode_process(process)), "costs time, not data");
  return IndexBuild(files, std::move(child), process);
}

std::optional<IndexBuild> IndexBuild::find(const Files& files) {
  const auto text = sys::read_text_file(files.process, 4096);
  if (!text) return std::nullopt;
  const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  const fuse::ProcessId process{.pid = number_of<int>(json, "pid"),
                                .started = number_of<std::uint64_t>(json, "started")};
  if (!fuse::is_alive(process)) return std::nullopt;
  return IndexBuild(files, std::nullopt, process);
}

bool IndexBuild::has_ended(std::string& how) {
  if (!child_) {
    how = "its end was not seen by this agent";
    return !fuse::is_alive(process_);
  }
  const auto status = child_->wait(Duration::zero());
  if (!status || !*status) return !status.has_value();
  how = (*status)->to_string();
  return true;
}

IndexBuild::State IndexBuild::look() {
  std::string how;
  const bool over = has_ended(how);  // before its last words are read
  State state = read_build_output(tail_of(files_.output));
  state.over = over;
  if (!over) {
    // A line that says how it went is only true of a process that has ended with it.
    state.facts.reset();
    state.error.reset();
  } else if (!state.facts && !state.error) {
    state.error =
        Error(ErrorCode::unavailable, "index build: it ended without a result (" + how + ")",
              "Its output is in " + files_.output.string() + "; what it has listed is kept.");
  }
  return state;
}

void IndexBuild::stop() {
  std::string how;
  if (has_ended(how)) return;
  auto process = sys::OtherProcess::open(process_.pid);
  if (!process || !fuse::is_alive(process_)) return;
  ignore(process->signal(SIGTERM), "it ended meanwhile");
  if (!process->wait(kStopPatience)) ignore(process->signal(SIGKILL), "it ended meanwhile");
  if (child_) ignore(child_->wait(kStopPatience), "init reaps what does not end");
}

}  // namespace shoal::agent
