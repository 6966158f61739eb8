// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <csignal>

#include "commands.h"
#include "help.h"
#include "log_flags.h"

namespace shoal::tools {
namespace {

constexpr const char* kAbout =
    "Mounts millions of small objects of an S3 or OSS bucket as one read-only file system, and "
    "sends "
    "files to a bucket without making the program that wrote them wait.";

constexpr const char* kFooter = R"(Examples:
  shoal mount s3://market-data/minute-bars /mnt/bars
  grep -rl '2026-01-05' /mnt/bars | head
  shoal status /mnt/bars
  shoal umount /mnt/bars
  shoal put model.ckpt s3://models/run-7/

Keys come from the environment (AWS_ACCESS_KEY_ID, ...; OSS_ACCESS_KEY_ID, ...), from
~/.aws/credentials and ~/.aws/config, or from ~/.ossutilconfig; never from the command line.
Exit codes: 0 done, 1 not or only partly done, 2 wrong usage.)";

}  // namespace

int run_shoal(int argc, char** argv) {
  // A reader of our output that goes away (`shoal ls | head`) is no error worth a message.
  std::signal(SIGPIPE, SIG_DFL);
  const Io io = Io::of_process();
  if (auto taken = take_log_environment(); !taken) {
    complain(io, taken.error());
    return kExitUsage;
  }
  int exit_code = kExitOk;
  CLI::App app(kAbout, "shoal");
  app.footer(kFooter);
  app.formatter(make_help_formatter());
  app.require_subcommand(1);
  app.set_version_flag("--version", "shoal " SHOAL_VERSION);
  add_mount(app, io, exit_code);
  add_umount(app, io, exit_code);
  add_status(app, io, exit_code);
  add_log_level(app, io, exit_code);
  add_ls(app, io, exit_code);
  add_cat(app, io, exit_code);
  add_cp(app, io, exit_code);
  add_put(app, io, exit_code);
  add_append(app, io, exit_code);
  add_rm(app, io, exit_code);
  add_stat(app, io, exit_code);
  add_uploads(app, io, exit_code);
  add_warm(app, io, exit_code);
  add_shuffle(app, io, exit_code);
  add_sync(app, io, exit_code);
  add_watch(app, io, exit_code);
  add_index(app, io, exit_code);
  add_agent(app, io, exit_code);
  add_bench(app, io, exit_code);
  add_keeper(app, io, exit_code);
  add_serve(app, io, exit_code);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    complain(io, usage_error_text(app, error));
    return kExitUsage;
  }
  if (std::fflush(io.out) != 0 && exit_code == kExitOk) {
    complain(io, "standard output could not be written: the disk is full, or it was closed");
    exit_code = kExitFailed;
  }
  return exit_code;
}

}  // namespace shoal::tools
