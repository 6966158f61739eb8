// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "commands.h"
#include "control/client.h"
#include "flags.h"
#include "mounts.h"
#include "progress.h"
#include "tools/warm/path_source.h"
#include "tools/warm/runner.h"
#include "tools/warm/view.h"
#include "volume/prepare.h"

namespace shoal::tools {
namespace {

using control::PathPattern;
using control::WarmProgress;
using control::WarmSpec;

struct WarmFlags {
  std::string target;
  std::vector<std::string> paths;
  std::string list;
  StoreFlags store;
  ReadFlags read;
  bool pin = false;
  bool unpin = false;
  bool check = false;
  bool dry_run = false;
  bool force = false;
  bool ignore_missing = false;
  bool json = false;
  std::uint32_t parallel = control::limits::kParallelDefault;
};

// Who carries it out, and for how much there is room.
struct Opened {
  std::unique_ptr<Volume> volume;  // of this process; null when a server has it
  std::unique_ptr<warm::Runner> runner;
  std::uint64_t cache_bytes_max = 0;
};

Result<std::unique_ptr<Volume>> open_here(const Target& target, const WarmFlags& flags,
                                          const Io& io) {
  SHOAL_TRY(auto options, flags.read.to_options());
  options.prefetch = PrefetchMode::off;  // what is fetched is what was named
  if (!volume::is_volume(target.volume)) {
    remark(io, "no index of " + target.location.to_url() + " yet, building it");
    SHOAL_CHECK_OK(prepare_with_progress(target, image::WriteOptions{}, /*rebuild=*/false, io));
  }
  return open_volume(target.volume, {target.config.profile, target.config.credentials_file},
                     options);
}

Result<Opened> open_runner(const LiveTarget& live, const WarmFlags& flags, const Io& io) {
  Opened opened;
  if (!live.mount) {
    SHOAL_TRY(opened.volume, open_here(live.target, flags, io));
    opened.cache_bytes_max = opened.volume->stats().cache_bytes_max;
    opened.runner = warm::make_local_runner(*opened.volume, *io.stop);
    return opened;
  }
  SHOAL_TRY(const auto status,
            control::get_status(live.mount->control_socket, std::chrono::seconds(10)));
  opened.cache_bytes_max = status.stats.cache_bytes_max;
  opened.runner = warm::make_remote_runner(live.mount->control_socket, *io.stop,
                                           [&io](const std::string& text) { complain(io, text); });
  return opened;
}

// What the user's words mean: the target may lie inside the dataset.
std::string inner_path(const std::string& path, const LiveTarget& live) {
  const std::string named = path_in_dataset(path, live.mount);
  const bool is_absolute = named != path;
  if (live.target.path.empty() || is_absolute) return named;
  return live.target.path + "/" + named;
}

// `*`, `?`, `[` and `\` of a target's own path are no patterns.
std::string escaped(const std::string& path) {
  std::string text;
  for (const char c : path) {
    if (std::string_view("*?[\\").find(c) != std::string_view::npos) text += '\\';
    text += c;
  }
  return text;
}

Result<warm::Batch> batch_of_arguments(const WarmFlags& flags, const LiveTarget& live) {
  LiveTarget quoted = live;
  quoted.target.path = escaped(live.target.path);
  warm::Batch batch;
  std::vector<std::string> paths = flags.paths;
  if (paths.empty()) paths.emplace_back();  // everything
  for (const std::string& path : paths) {
    SHOAL_TRY(auto parsed,
              PathPattern::parse(inner_path(path, quoted), PathPattern::Syntax::pattern));
    batch.paths.push_back(std::move(parsed));
  }
  return batch;
}

// Runs batch after batch and adds them up.
class WarmCommand {
 public:
  WarmCommand(const WarmFlags& flags, const Io& io)
      : flags_(flags), io_(io), asked_(asked_of(flags)), view_(asked_, io) {}

  Result<int> run() {
    SHOAL_TRY(const auto live, live_target(flags_.target, flags_.store));
    std::optional<warm::PathSource> list;
    if (!flags_.list.empty()) {
      SHOAL_TRY(auto opened, warm::PathSource::open(flags_.list, [&](const std::string& path) {
                  return inner_path(path, live);
                }));
      list.emplace(std::move(opened));
    }
    SHOAL_TRY(const auto arguments, batch_of_arguments(flags_, live));
    catch_signals();
    SHOAL_TRY(opened_, open_runner(live, flags_, io_));
    files_expected_ = list ? list->count() : 0;
    if (!list || !flags_.paths.empty()) SHOAL_CHECK_OK(run_batch(arguments));
    while (list && !total_.error && !io_.stop->load()) {
      SHOAL_TRY(const auto batch, list->next());
      if (batch.paths.empty()) break;
      SHOAL_CHECK_OK(run_batch(batch));
    }
    return finish();
  }

 private:
  static warm::Asked asked_of(const WarmFlags& flags) {
    warm::Asked asked;
    if (flags.unpin) asked.action = WarmSpec::Action::unpin;
    if (flags.check || flags.dry_run) asked.action = WarmSpec::Action::check;
    asked.dry_run = flags.dry_run;
    asked.pin = flags.pin;
    return asked;
  }

  Result<void> run_batch(const warm::Batch& batch) {
    WarmSpec spec;
    spec.action = asked_.action;
    spec.paths = batch.paths;
    spec.pin = flags_.pin;
    spec.force = flags_.force;
    spec.parallel = flags_.parallel;
    spec.timeout = flags_.read.io_timeout();
    const WarmProgress before = total_;
    SHOAL_TRY(const auto ended,
              opened_.runner->run(spec, batch.syntax, [&](const WarmProgress& progress) {
                WarmProgress sum = before;
                warm::add_batch(progress, sum);
                view_.show(sum, files_expected_);
              }));
    warm::add_batch(ended, total_);
    return refuse_too_much();
  }

  // A server sees one batch at a time; only here it is known what they come to.
  Result<void> refuse_too_much() const {
    if (asked_.action != WarmSpec::Action::warm || flags_.force || total_.error) return {};
    if (total_.bytes <= opened_.cache_bytes_max) return {};
    return fail(
        ErrorCode::limit,
        fmt::format("the first {} files of the list are {} already, and the cache holds at "
                    "most {}",
                    total_.files, human_bytes(total_.bytes), human_bytes(opened_.cache_bytes_max)),
        "Name fewer files, use a larger --cache-size, or use --force: what comes last then "
        "pushes out what came first.");
  }

  int finish() {
    view_.end_line();
    if (flags_.json)
      print_json(asked_, total_, io_);
    else if (!total_.error || total_.files_done > 0)
      print_result(asked_, total_, io_);
    if (total_.error) complain(io_, *total_.error);
    if (io_.stop->load())
      complain(io_, "interrupted; run it again to go on: what is there is kept");
    const bool is_incomplete = flags_.check && total_.files_present < total_.files_done;
    const bool is_unmatched = total_.unmatched > 0 && !flags_.ignore_missing;
    const bool is_over = total_.state == WarmProgress::State::done;
    return is_incomplete || is_unmatched || !is_over || total_.files_failed > 0 ? kExitFailed
                                                                                : kExitOk;
  }

  const WarmFlags& flags_;
  const Io& io_;
  warm::Asked asked_;
  warm::WarmView view_;
  Opened opened_;
  WarmProgress total_;
  std::uint64_t files_expected_ = 0;
};

std::optional<Error> conflict_of(const WarmFlags& flags) {
  const int modes = (flags.pin ? 1 : 0) + (flags.unpin ? 1 : 0) + (flags.check ? 1 : 0);
  if (modes > 1 || (flags.dry_run && (flags.unpin || flags.check)))
    return Error(ErrorCode::bad_input,
                 "--pin, --unpin and --check contradict each other, and --dry-run says what a warm "
                 "would do",
                 "Give one of them.");
  return std::nullopt;
}

int run_warm(const WarmFlags& flags, const Io& io) {
  if (const auto conflict = conflict_of(flags)) {
    complain(io, *conflict);
    return kExitUsage;
  }
  const auto done = WarmCommand(flags, io).run();
  if (done) return *done;
  complain(io, Error(done.error()).with_context("warm " + flags.target));
  return kExitFailed;
}

void add_warm_flags(CLI::App& command, WarmFlags& flags) {
  command.add_option("target", flags.target, "A mount point, a volume's directory, or a URL")
      ->required();
  command.add_option("path", flags.paths,
                     "Files, directories (everything below) and patterns, relative to the target "
                     "(default: everything)");
  command
      .add_option("--list", flags.list,
                  "File with one path per line (or each ended by a zero byte), taken literally; - "
                  "for standard input")
      ->type_name("FILE");
  command.add_flag("--pin", flags.pin, "Keep them in the cache until they are unpinned");
  command.add_flag("--unpin", flags.unpin, "Let them be evicted again; fetches nothing");
  command.add_flag("--check", flags.check,
                   "Fetch nothing; exit code 0 when all is in the cache, else 1");
  command.add_flag("--dry-run", flags.dry_run, "Fetch nothing; say what it would cost");
  command.add_flag("--ignore-missing", flags.ignore_missing,
                   "A path that names nothing is no failure");
  command.add_flag("--force", flags.force, "Also when it is more than the cache holds");
  command.add_option("--parallel,--readers", flags.parallel, "Files fetched at the same time")
      ->check(CLI::Range(1u, control::limits::kParallelMax))
      ->type_name("N")
      ->capture_default_str();
  command.add_flag("--json", flags.json, "The result for programs");
}

}  // namespace

void add_warm(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<WarmFlags>();
  CLI::App* command = app.add_subcommand("warm", "Fetch files into the cache before they are read");
  command->footer(R"(Examples:
  shoal warm /mnt/bars AAPL MSFT
  shoal warm /mnt/bars '*/2026-01-*.csv' '**/index.json'
  shoal warm s3://market-data/minute-bars --dry-run
  shoal warm /mnt/bars --list universe.txt --pin
  shoal warm /mnt/bars --list universe.txt --check && run-backtest
  shuf universe.txt | shoal warm /mnt/bars --list -

Patterns: * ? [a-z] within a name, ** for any number of directories; quote them, or the shell looks
for files first. They are looked up in the index, never in the bucket. A mounted volume is warmed
by its server, behind whatever its readers wait for; another one by this process (it is indexed
first if needed). Interrupted by Ctrl-C, or by a crash of either side, run it again: only what is
not there is fetched. Exit code 1: a file failed, a path names nothing, or --check found something
missing.)");
  add_warm_flags(*command, *flags);
  add_store_flags(*command, flags->store);
  add_read_flags(*command, flags->read);
  command->callback([flags, &io, &exit_code] { exit_code = run_warm(*flags, io); });
}

}  // namespace shoal::tools
