// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "commands.h"
#include "flags.h"
#include "log_flags.h"
#include "shoal/uploader.h"
#include "sync_view.h"
#include "tools/write/journals.h"
#include "upload/state_directory.h"
#include "upload/sync_run.h"
#include "upload_flags.h"
#include "upload_source.h"

namespace shoal::tools {
namespace {

struct SyncFlags {
  SourceFlags source;
  StoreFlags store;
  UploadFlags upload;
  bool remove = false;
  bool dry_run = false;
  bool checksum = false;
  bool json = false;
};

// Failures of what an earlier run accepted: this run has no future of it.
class RecoveredFailures {
 public:
  void on_event(const UploadEvent& event) {
    const bool is_failure =
        event.kind == UploadEvent::Kind::refused || event.kind == UploadEvent::Kind::waiting;
    if (!event.is_recovered || !is_failure || event.error == nullptr) return;
    const std::lock_guard lock(mutex_);
    failures_.emplace_back(event.file.empty() ? event.key : event.file.string(), *event.error);
  }
  [[nodiscard]] std::vector<std::pair<std::string, Error>> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(failures_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::pair<std::string, Error>> failures_;
};

class SyncCommand {
 public:
  SyncCommand(const SyncFlags& flags, UploadSource source, UploaderOptions options, const Io& io)
      : flags_(flags),
        source_(std::move(source)),
        uploader_options_(std::move(options)),
        io_(io),
        view_(io, flags.json, flags.dry_run) {
    options_.local = source_.local;
    options_.prefix = source_.location.prefix;
    options_.checksum = flags.checksum;
    options_.delete_extra = flags.remove;
    options_.part_bytes = uploader_options_.part_bytes;
    options_.stop = io.stop;
  }

  Result<int> run() {
    catch_signals();
    SHOAL_TRY(const auto listing, BucketListing::open(source_));
    return flags_.dry_run ? preview(listing) : send(listing);
  }

 private:
  // What earlier runs sent is looked up, if there were any; nothing that they left goes on.
  Result<int> preview(const BucketListing& listing) {
    std::unique_ptr<Uploader> journal;
    if (std::filesystem::exists(journal_directory())) {
      uploader_options_.journal = journal_directory();
      uploader_options_.remember_sent = true;
      uploader_options_.start_paused = true;
      SHOAL_TRY(journal, open_uploader(source_.location.to_url(), uploader_options_));
    }
    const upload::LastSent last_sent = [&](const std::string& key) {
      return journal ? journal->last_sent(key) : std::nullopt;
    };
    upload::SyncProgress progress;
    SHOAL_TRY(progress.counts, upload::plan_sync(options_, listing.pages(), last_sent,
                                                 [this](const upload::SyncStep& step) {
                                                   view_.show_step(step);
                                                   return Result<void>{};
                                                 }));
    progress.is_planned = true;
    view_.show_summary(progress, /*is_whole=*/true);
    return progress.counts.skipped_errors > 0 ? kExitFailed : kExitOk;
  }

  Result<int> send(const BucketListing& listing) {
    RecoveredFailures recovered;
    uploader_options_.journal = journal_directory();
    uploader_options_.remember_sent = true;
    uploader_options_.on_event = [&](const UploadEvent& event) { recovered.on_event(event); };
    SHOAL_TRY(const auto uploader,
              write::open_noted({source_.location.to_url(), "shoal sync", uploader_options_}));
    upload::SyncObserver observer;
    observer.on_step = [this](const upload::SyncStep& step) { view_.show_step(step); };
    observer.on_failure = [this](const std::string& key, const Error& error) {
      view_.show_failure(key, error);
    };
    observer.on_progress = [this](const upload::SyncProgress& progress) {
      view_.show_progress(progress);
    };
    upload::SyncRun run(options_, listing.pages(), *uploader, observer);
    const auto done = run.run();
    auto progress = run.progress();
    for (const auto& [name, error] : recovered.take()) {
      ++progress.failed;
      view_.show_failure(name, error);
    }
    return finish(done, progress, uploader->journal());
  }

  [[nodiscard]] std::filesystem::path journal_directory() const {
    if (!uploader_options_.journal.empty()) return uploader_options_.journal;
    return upload::journal_directory("sync", source_.location, source_.config, source_.local.root);
  }

  Result<int> finish(const Result<void>& done, const upload::SyncProgress& progress,
                     const std::filesystem::path& journal) {
    view_.show_summary(progress, done.has_value());
    if (!done && done.error().code() == ErrorCode::canceled) {
      complain(io_,
               "interrupted; run it again to go on: what was accepted is in " + journal.string());
      return kExitFailed;
    }
    if (!done) return fail(done.error());
    return progress.failed > 0 || progress.counts.skipped_errors > 0 ? kExitFailed : kExitOk;
  }

  const SyncFlags& flags_;
  UploadSource source_;
  UploaderOptions uploader_options_;
  const Io& io_;
  SyncView view_;
  upload::SyncOptions options_;
};

int run_sync(const SyncFlags& flags, const Io& io) {
  const auto refuse = [&](const Error& error, int code) {
    complain(io, Error(error).with_context("sync " + flags.source.directory));
    return code;
  };
  auto options = flags.upload.to_options(flags.store);
  if (!options) return refuse(options.error(), kExitUsage);
  auto source = to_source(flags.source, flags.store);
  if (!source)
    return refuse(source.error(),
                  source.error().code() == ErrorCode::bad_input ? kExitUsage : kExitFailed);
  const auto done = SyncCommand(flags, std::move(*source), std::move(*options), io).run();
  return done ? *done : refuse(done.error(), kExitFailed);
}

}  // namespace

void add_sync(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<SyncFlags>();
  CLI::App* command = app.add_subcommand("sync", "Send the files of a directory that have changed");
  command->footer(R"(Examples:
  shoal sync ./results s3://lab/run-7
  shoal sync ./results s3://lab/run-7 --dry-run
  shoal sync ./results s3://lab/run-7 --exclude '*' --include '*.csv'
  shoal sync ./results s3://lab/run-7 --delete --exclude logs/

A file is sent when the bucket has no object of its name and size, or when it is newer and the
checksums differ. What this command sent before is known by inode and times, and never read again.
Regular files are sent, empty ones too; directories are not: keys imply them. Patterns without a
'/' are matched against names, others against the path below the directory; a component ** stands
for any number of directories. --delete deletes nothing when part of the directory could not be
read, and nothing that a pattern excludes. Killed at any moment, run it again: what was accepted
goes on, parts of large files that were sent are not sent again. Exit code 1: a file failed or could not be read; each is named.)");
  add_source_flags(*command, flags->source);
  command->add_flag("--delete", flags->remove, "Delete objects that have no file");
  command->add_flag("--dry-run", flags->dry_run, "Change nothing; say what would be done");
  command->add_flag("--checksum", flags->checksum,
                    "Compare the content of files of the same size, whatever their times");
  command->add_flag("--json", flags->json, "Progress and result for programs");
  add_upload_flags(*command, flags->upload);
  add_bucket_flags(*command, flags->store);
  add_log_flags(*command);
  command->callback([flags, command, &io, &exit_code] {
    read_pattern_order(*command, flags->source);
    exit_code = run_sync(*flags, io);
  });
}

}  // namespace shoal::tools
