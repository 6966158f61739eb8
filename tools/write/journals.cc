// SPDX-License-Identifier: Apache-2.0
#include "tools/write/journals.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sys/file.h"
#include "upload/state_directory.h"

namespace shoal::tools::write {
namespace {

constexpr std::uint64_t kNoteBytesMax = 64 << 10;  // a few paths and names
constexpr const char* kNoteEnding = ".json";

std::filesystem::path journals_directory() {
  return upload::state_directory() / "uploads";
}

std::filesystem::path note_of(const std::filesystem::path& journal) {
  return journal.native() + kNoteEnding;
}

// Paths are bytes and JSON is UTF-8: a note that cannot say a path would name another one.
Result<std::string> utf8_text(const JournalNote& note) {
  const UploaderOptions& options = note.options;
  const nlohmann::ordered_json json{{"url", note.url},
                                    {"command", note.command},
                                    {"endpoint", options.endpoint},
                                    {"region", options.region},
                                    {"profile", options.profile},
                                    {"credentials_file", options.credentials_file.native()},
                                    {"addressing", options.addressing},
                                    {"signature", options.signature},
                                    {"sign_requests", options.sign_requests}};
  try {
    return json.dump(2) + "\n";
  } catch (const nlohmann::json::exception&) {
    return fail(ErrorCode::bad_input, "the URL or the path of the credentials is not UTF-8",
                "Use another name.");
  }
}

}  // namespace

Result<void> write_note(const std::filesystem::path& journal, const JournalNote& note) {
  SHOAL_TRY(const std::string text, utf8_text(note));
  SHOAL_CHECK_OK(sys::make_directories(journal.parent_path()));
  return sys::write_text_file(note_of(journal), text);
}

Result<std::optional<JournalNote>> read_note(const std::filesystem::path& journal) {
  auto text = sys::read_text_file(note_of(journal), kNoteBytesMax);
  if (!text && text.error().code() == ErrorCode::not_found) return std::nullopt;
  if (!text) return fail(std::move(text).error());
  try {
    const auto json = nlohmann::json::parse(*text);
    JournalNote note;
    note.url = json.at("url");
    note.command = json.at("command");
    note.options.endpoint = json.at("endpoint");
    note.options.region = json.at("region");
    note.options.profile = json.at("profile");
    note.options.credentials_file = json.at("credentials_file").get<std::string>();
    note.options.addressing = json.at("addressing");
    note.options.signature = json.at("signature");
    note.options.sign_requests = json.at("sign_requests");
    note.options.journal = journal;
    return note;
  } catch (const nlohmann::json::exception& error) {
    return fail(ErrorCode::corrupt,
                note_of(journal).string() + " cannot be read: " + std::string(error.what()),
                "Run the command that made the journal again: it writes the note anew.");
  }
}

Result<std::vector<std::filesystem::path>> list_journals() {
  const auto directory = journals_directory();
  std::vector<std::filesystem::path> journals;
  std::error_code status;
  std::filesystem::directory_iterator entries(directory, status);
  if (status == std::errc::no_such_file_or_directory) return journals;
  for (; !status && entries != std::filesystem::directory_iterator(); entries.increment(status))
    if (entries->is_directory(status)) journals.push_back(entries->path());
  if (status) return fail(sys::errno_error(status.value(), "list " + directory.string()));
  std::ranges::sort(journals);
  return journals;
}

Result<std::unique_ptr<Uploader>> open_noted(const JournalNote& note) {
  SHOAL_TRY(auto uploader, open_uploader(note.url, note.options));
  const auto& journal = uploader->journal();
  if (journal.parent_path() == journals_directory()) SHOAL_CHECK_OK(write_note(journal, note));
  return uploader;
}

Result<std::unique_ptr<Uploader>> open_slot(const std::filesystem::path& base, JournalNote note) {
  if (!note.options.journal.empty()) return open_noted(note);
  for (int slot = 1; slot <= kSlotsMax; ++slot) {
    note.options.journal = base.native() + "-" + std::to_string(slot);
    auto uploader = open_noted(note);
    const bool is_in_use = !uploader && uploader.error().code() == ErrorCode::precondition;
    if (!is_in_use || slot == kSlotsMax) return uploader;
  }
  return fail(ErrorCode::bug, "no journal was tried");
}

}  // namespace shoal::tools::write
