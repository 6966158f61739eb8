// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <csignal>
#include <memory>
#include <string>

#include "commands.h"
#include "control/metrics_endpoint.h"
#include "flags.h"
#include "log_flags.h"
#include "shoal/uploader.h"
#include "sys/inotify.h"
#include "tools/write/journals.h"
#include "upload/state_directory.h"
#include "upload/watcher.h"
#include "upload_flags.h"
#include "upload_source.h"
#include "watch_metrics.h"
#include "watch_view.h"

namespace shoal::tools {
namespace {

struct WatchFlags {
  SourceFlags source;
  StoreFlags store;
  UploadFlags upload;
  double settle_s = 1;
  double rescan_s = 30;
  std::uint32_t stop_timeout_s = 30;
  bool delete_after = false;
  bool checksum = false;
  bool once = false;
  bool json = false;
  std::string metrics_address;
};

Duration seconds(double count) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(count));
}

upload::WatchOptions to_watch_options(const WatchFlags& flags, const UploadSource& source,
                                      const UploaderOptions& uploader) {
  upload::WatchOptions options;
  options.sync.local = source.local;
  options.sync.prefix = source.location.prefix;
  options.sync.checksum = flags.checksum;
  options.sync.part_bytes = uploader.part_bytes;
  options.settle = seconds(flags.settle_s);
  options.rescan_interval = seconds(flags.rescan_s);
  options.stop_timeout = std::chrono::seconds(flags.stop_timeout_s);
  options.delete_after = flags.delete_after;
  options.once = flags.once;
  return options;
}

int exit_code_of(const upload::WatchSummary& summary, const Io& io,
                 const std::filesystem::path& journal) {
  if (summary.left > 0)
    complain(io, std::to_string(summary.left) +
                     " files are not sent yet; start again to go on: what was accepted is in " +
                     journal.string());
  const bool is_whole = summary.left == 0 && summary.refused == 0 && summary.skipped_errors == 0;
  return is_whole ? kExitOk : kExitFailed;
}

Result<int> watch(const WatchFlags& flags, const UploadSource& source, UploaderOptions options,
                  const Io& io) {
  catch_signals();
  // There is nothing to read anew, and a closed terminal is the end of what was started in it.
  if (!io.err_is_terminal) std::signal(SIGHUP, SIG_IGN);
  WatchView view(io, flags.json);
  SHOAL_TRY(const auto listing, BucketListing::open(source));
  SHOAL_TRY(const auto watches, sys::Inotify::create());
  upload::Watcher watcher(to_watch_options(flags, source, options), listing.pages(), *watches,
                          [&](const upload::WatchEvent& event) { view.show(event); });
  if (options.journal.empty())
    options.journal =
        upload::journal_directory("watch", source.location, source.config, source.local.root);
  options.remember_sent = true;
  // Until the watcher has taken back what is being written again.
  options.start_paused = true;
  // Bounds the time of a stop: a full journal is waited for by the watcher.
  options.accept_timeout = std::chrono::seconds(1);
  options.on_event = [&](const UploadEvent& event) { watcher.on_upload_event(event); };
  SHOAL_TRY(const auto uploader,
            write::open_noted({source.location.to_url(), "shoal watch", options}));
  switch_log_level_on_signal();
  std::unique_ptr<control::MetricsEndpoint> metrics;  // ends before what it looks at
  if (!flags.metrics_address.empty()) {
    SHOAL_TRY(metrics, control::MetricsEndpoint::start(flags.metrics_address, [&] {
                return watch_metrics(*uploader, watcher.stats());
              }));
  }
  SHOAL_TRY(const auto summary, watcher.run(*uploader, *io.stop));
  view.show_summary(summary);
  return exit_code_of(summary, io, uploader->journal());
}

int run_watch(const WatchFlags& flags, const Io& io) {
  const auto refuse = [&](const Error& error, int code) {
    complain(io, Error(error).with_context("watch " + flags.source.directory));
    return code;
  };
  auto options = flags.upload.to_options(flags.store);
  if (!options) return refuse(options.error(), kExitUsage);
  const auto source = to_source(flags.source, flags.store);
  if (!source)
    return refuse(source.error(),
                  source.error().code() == ErrorCode::bad_input ? kExitUsage : kExitFailed);
  const auto done = watch(flags, *source, std::move(*options), io);
  return done ? *done : refuse(done.error(), kExitFailed);
}

void add_watch_flags(CLI::App& command, WatchFlags& flags) {
  constexpr double kDayS = 86'400;
  command
      .add_option("--settle", flags.settle_s, "Seconds a file must be left alone before it is sent")
      ->check(CLI::Range(0.0, kDayS))
      ->type_name("SECONDS")
      ->capture_default_str();
  command.add_flag("--delete-after", flags.delete_after,
                   "Delete local files once the bucket has them");
  command.add_flag("--once", flags.once, "Send what is there, then end");
  command.add_flag("--checksum", flags.checksum,
                   "At the start, compare the content of files of the same size, whatever their "
                   "times; --delete-after implies it");
  command
      .add_option("--rescan", flags.rescan_s,
                  "Seconds between looks at directories for which the kernel has no watches left")
      ->check(CLI::Range(0.1, kDayS))
      ->type_name("SECONDS")
      ->capture_default_str();
  command
      .add_option("--stop-timeout", flags.stop_timeout_s,
                  "Seconds a stop may take to send what was accepted")
      ->type_name("SECONDS")
      ->capture_default_str();
  command.add_flag("--json", flags.json, "One JSON line per event on standard output");
  command
      .add_option("--metrics-address", flags.metrics_address,
                  "Serve GET /metrics for Prometheus there; without a host on 127.0.0.1")
      ->type_name("[HOST]:PORT");
}

}  // namespace

void add_watch(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<WatchFlags>();
  flags->upload.retry_for_s = 0;  // there is nobody to start it again
  CLI::App* command =
      app.add_subcommand("watch", "Send the files of a directory as they are written, for ever");
  command->footer(R"(Examples:
  shoal watch /var/log/app s3://logs/app --exclude '*' --include '*.gz'
  shoal watch ./checkpoints s3://models/run-7 --settle 5
  shoal watch /spool s3://inbox --delete-after --json
  shoal watch /spool s3://inbox --once

At the start the directory is compared with the bucket, as `shoal sync` does, so nothing is sent
twice. A file is sent when it has been left alone for --settle and nobody has it open for writing,
however long that takes; written to while it is being sent, it is taken back. Removing local files
never deletes objects. SIGTERM and Ctrl-C stop it: what was accepted is sent for --stop-timeout,
and what is left then is sent by the next start. A directory and URL have one watcher at a time.
More directories than /proc/sys/fs/inotify/max_user_watches are looked at every --rescan seconds.
Exit code 1: something is not sent, the directory went away, or the bucket refused a file.)");
  add_source_flags(*command, flags->source);
  add_watch_flags(*command, *flags);
  add_upload_flags(*command, flags->upload);
  add_bucket_flags(*command, flags->store);
  add_log_flags(*command);
  command->callback([flags, command, &io, &exit_code] {
    read_pattern_order(*command, flags->source);
    exit_code = run_watch(*flags, io);
  });
}

}  // namespace shoal::tools
