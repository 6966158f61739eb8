// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "commands.h"
#include "display.h"
#include "flags.h"
#include "state_directory.h"
#include "tools/write/journals.h"
#include "tools/write/sending.h"

namespace shoal::tools {
namespace {

using write::JournalNote;
using write::ObjectAddress;

struct UploadsFlags {
  std::string url;
  std::filesystem::path journal;
  StoreFlags store;
  bool resume = false;
  bool abort_all = false;
  std::vector<std::string> abort;
  bool json = false;
};

// A journal and what it holds. Without a note or when another process has it, `why` says so.
struct Look {
  std::filesystem::path journal;
  JournalNote note;
  std::vector<Uploader::Pending> pending;
  std::optional<Error> why;
};

Result<std::unique_ptr<Uploader>> open_paused(const JournalNote& note) {
  UploaderOptions options = note.options;
  options.start_paused = true;
  return open_uploader(note.url, options);
}

Look look_at(const std::filesystem::path& journal) {
  Look look{.journal = journal, .note = {}, .pending = {}, .why = {}};
  auto note = write::read_note(journal);
  if (!note || !*note) {
    look.why = note ? Error(ErrorCode::not_found, "there is no note of what it is for beside it",
                            "If a program made it: `shoal uploads URL`, with the URL that the "
                            "program opens and the same --endpoint.")
                    : note.error();
    return look;
  }
  look.note = std::move(**note);
  const auto uploader = open_paused(look.note);
  if (uploader)
    look.pending = (*uploader)->pending();
  else
    look.why = uploader.error();
  return look;
}

Result<bool> is_meant(const UploadsFlags& flags, const Look& look) {
  if (flags.url.empty()) return true;
  if (look.note.url.empty()) return false;
  SHOAL_TRY(const auto wanted, write::parse_object_address(flags.url));
  SHOAL_TRY(const auto has, write::parse_object_address(look.note.url));
  return wanted.bucket.scheme == has.bucket.scheme && wanted.bucket.bucket == has.bucket.bucket;
}

JournalNote note_of_flags(const UploadsFlags& flags, const std::filesystem::path& journal) {
  JournalNote note{.url = flags.url, .command = "a program", .options = {}};
  note.options.endpoint = flags.store.endpoint;
  note.options.region = flags.store.region;
  note.options.profile = flags.store.profile;
  note.options.credentials_file = flags.store.credentials_file;
  note.options.addressing = flags.store.addressing;
  note.options.signature = flags.store.signature;
  note.options.sign_requests = !flags.store.no_sign_request;
  note.options.journal = journal;
  return note;
}

// A journal that the user's words are the note of.
Look look_with(const JournalNote& note) {
  Look look{.journal = note.options.journal, .note = note, .pending = {}, .why = {}};
  const auto uploader = open_paused(note);
  if (uploader)
    look.pending = (*uploader)->pending();
  else
    look.why = uploader.error();
  return look;
}

// Where programs keep their journal that open this URL and name none.
Result<std::filesystem::path> journal_of_programs(const UploadsFlags& flags) {
  SHOAL_TRY(const auto location, store::parse_location(flags.url));
  SHOAL_TRY(const auto config, flags.store.to_config());
  return journal_directory("sdk", location, config);
}

Result<std::vector<Look>> looks_of(const UploadsFlags& flags) {
  std::vector<Look> looks;
  if (!flags.journal.empty()) {
    looks.push_back(look_with(note_of_flags(flags, flags.journal)));
    return looks;
  }
  std::filesystem::path of_programs;
  if (!flags.url.empty()) {
    SHOAL_TRY(of_programs, journal_of_programs(flags));
  }
  SHOAL_TRY(const auto journals, write::list_journals());
  for (const auto& journal : journals) {
    Look look =
        journal == of_programs ? look_with(note_of_flags(flags, journal)) : look_at(journal);
    SHOAL_TRY(const bool meant, is_meant(flags, look));
    if (meant) looks.push_back(std::move(look));
  }
  return looks;
}

std::string state_of(const Uploader::Pending& work) {
  if (work.is_waiting) return "waiting";
  return work.bytes_sent > 0 ? human_bytes(work.bytes_sent) + " sent" : "not begun";
}

void print_look(const Io& io, const Look& look) {
  if (look.pending.empty() && !look.why) return;
  fmt::print(io.out, "{}\n", look.journal.string());
  if (!look.note.url.empty())
    fmt::print(io.out, "  {} to {}\n", look.note.command.empty() ? "uploads" : look.note.command,
               printable(look.note.url));
  if (look.why) fmt::print(io.out, "  {}\n", look.why->to_string());
  for (const Uploader::Pending& work : look.pending)
    fmt::print(io.out, "  {:>8}  {:>10}  {:<14}  {}{}\n", work.id, human_bytes(work.bytes),
               state_of(work), printable(work.key),
               work.file.empty() ? "" : "  from " + printable(work.file.native()));
}

nlohmann::ordered_json json_of(const Look& look) {
  using Json = nlohmann::ordered_json;
  Json json{{"journal", look.journal.native()},
            {"url", look.note.url},
            {"command", look.note.command},
            {"uploads", Json::array()}};
  if (look.why) json["error"] = look.why->to_string();
  for (const Uploader::Pending& work : look.pending)
    json["uploads"].push_back({{"id", work.id},
                               {"key", work.key},
                               {"file", work.file.native()},
                               {"bytes", work.bytes},
                               {"bytes_sent", work.bytes_sent}});
  return json;
}

int show(const UploadsFlags& flags, const std::vector<Look>& looks, const Io& io) {
  std::size_t shown = 0;
  auto json = nlohmann::ordered_json::array();
  for (const Look& look : looks) {
    if (!look.pending.empty() || look.why) ++shown;
    if (flags.json)
      json.push_back(json_of(look));
    else
      print_look(io, look);
  }
  if (flags.json)
    fmt::print(io.out, "{}\n",
               json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  else if (shown == 0)
    fmt::print(io.out, "nothing is left to send\n");
  return kExitOk;
}

// "17", or "JOURNAL:17" where several journals have a 17.
bool names(const std::string& text, const Look& look, std::uint64_t id) {
  const std::string plain = std::to_string(id);
  return text == plain || text == look.journal.filename().string() + ":" + plain;
}

// Parts are taken off the bucket, too: a request for each upload that has some.
constexpr auto kDiscardWait = std::chrono::minutes(1);

Result<std::uint64_t> discard_from(const Look& look, const std::vector<std::uint64_t>& ids) {
  write::EventLog events;
  JournalNote note = look.note;
  note.options.on_event = [&events](const UploadEvent& event) { events.add(event); };
  SHOAL_TRY(const auto uploader, open_paused(note));
  for (const std::uint64_t id : ids) {
    events.expect_end(id);
    SHOAL_CHECK_OK(uploader->discard(id));
  }
  if (!events.wait_for_ends(kDiscardWait))
    return fail(ErrorCode::timeout, "giving up took longer than a minute, and some are left",
                "Run the command again.");
  return ids.size();
}

Result<void> check_names(const UploadsFlags& flags, const std::vector<Look>& looks) {
  for (const std::string& name : flags.abort) {
    std::size_t matches = 0;
    for (const Look& look : looks)
      for (const Uploader::Pending& work : look.pending) matches += names(name, look, work.id);
    if (matches == 0)
      return fail(ErrorCode::not_found, "no journal has an upload " + name,
                  "`shoal uploads` lists them.");
    if (matches > 1)
      return fail(ErrorCode::bad_input, "several journals have an upload " + name,
                  "Write JOURNAL:" + name + " with the last part of the journal's path.");
  }
  return {};
}

Result<int> abort(const UploadsFlags& flags, const std::vector<Look>& looks, const Io& io) {
  SHOAL_CHECK_OK(check_names(flags, looks));
  std::uint64_t aborted = 0;
  int exit_code = kExitOk;
  for (const Look& look : looks) {
    std::vector<std::uint64_t> ids;
    for (const Uploader::Pending& work : look.pending) {
      const bool is_named = std::ranges::any_of(
          flags.abort, [&](const std::string& name) { return names(name, look, work.id); });
      if (flags.abort_all || is_named) ids.push_back(work.id);
    }
    const auto done = ids.empty() ? Result<std::uint64_t>(0) : discard_from(look, ids);
    if (done) aborted += *done;
    const Error* const why = !done ? &done.error() : look.why ? &*look.why : nullptr;
    if (why == nullptr || (done && !flags.abort_all)) continue;
    complain(io, Error(*why).with_context(look.journal.string()));
    exit_code = kExitFailed;
  }
  fmt::print(io.out, "gave up {} uploads\n", grouped(aborted));
  return exit_code;
}

Result<bool> resume_one(const Look& look, const Io& io) {
  SHOAL_TRY(const auto target, write::parse_object_address(look.note.url));
  write::SendView view("uploads", io);
  write::SendTotals totals;
  write::EventLog events;
  UploaderOptions options = look.note.options;
  options.on_event = [&events](const UploadEvent& event) { events.add(event); };
  SHOAL_TRY(const auto uploader, open_uploader(look.note.url, options));
  totals.files = look.pending.size();
  for (const Uploader::Pending& work : look.pending) totals.bytes += work.bytes;
  write::Sending sending({*uploader, events, view, target, io}, totals);
  const bool complete = sending.wait(0);
  view.finish();
  const std::uint64_t left = uploader->stats().pending;
  fmt::print(io.out, "{}: sent {} of {} uploads{}\n", printable(look.note.url),
             grouped(totals.recovered_sent), grouped(totals.recovered),
             left > 0 ? ", " + grouped(left) + " are left" : "");
  return complete && left == 0 && totals.recovered_failed == 0;
}

int resume(const std::vector<Look>& looks, const Io& io) {
  int exit_code = kExitOk;
  for (const Look& look : looks) {
    if (look.pending.empty() && !look.why) continue;
    const auto done = look.why ? Result<bool>(fail(*look.why)) : resume_one(look, io);
    if (!done) complain(io, Error(done.error()).with_context(look.journal.string()));
    if (!done || !*done) exit_code = kExitFailed;
    if (io.stop->load()) break;
  }
  return exit_code;
}

Result<int> uploads(const UploadsFlags& flags, const Io& io) {
  if (!flags.journal.empty() && flags.url.empty())
    return fail(ErrorCode::bad_input, "--journal needs the URL the journal is for",
                "Write `shoal uploads URL --journal DIR`.");
  catch_signals();
  SHOAL_TRY(const auto looks, looks_of(flags));
  if (flags.resume) return resume(looks, io);
  if (flags.abort_all || !flags.abort.empty()) return abort(flags, looks, io);
  return show(flags, looks, io);
}

}  // namespace

void add_uploads(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<UploadsFlags>();
  CLI::App* command =
      app.add_subcommand("uploads", "Show, resume or give up what is still to be sent");
  command->footer(R"(Examples:
  shoal uploads
  shoal uploads s3://models --resume
  shoal uploads --abort 17
  shoal uploads s3://models --abort-all
  shoal uploads s3://models/run-7 --journal /data/journal     # of a program of yours

Shows the journals of put, append, sync and watch below $SHOAL_STATE (/var/lib/shoal,
~/.local/state/shoal when not root) that hold something. Looking at a journal sends nothing. One that
another process uses is shown with its owner; nothing can be given up there.
--abort takes parts that were sent off the bucket, too.)");
  command->add_option("url", flags->url, "Only those for this URL's bucket");
  auto* resume = command->add_flag("--resume", flags->resume, "Send what is left, and wait for it");
  auto* one = command->add_option("--abort", flags->abort, "Give an upload up: its number above")
                  ->type_name("ID")
                  ->excludes(resume);
  command->add_flag("--abort-all", flags->abort_all, "Give all of them up")
      ->excludes(resume)
      ->excludes(one);
  command->add_option("--journal", flags->journal, "This journal only; needs the URL")
      ->type_name("DIR");
  command->add_flag("--json", flags->json, "For programs");
  add_bucket_flags(*command, flags->store);
  command->callback([flags, &io, &exit_code] {
    const auto done = uploads(*flags, io);
    if (!done) complain(io, Error(done.error()).with_context("uploads"));
    exit_code = done ? *done : kExitFailed;
  });
}

}  // namespace shoal::tools
