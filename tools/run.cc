// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <csignal>

#include "commands.h"
#include "help.h"
#include "log_flags.h"
#include "settings/use.h"

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

// In the order of --help.
void add_commands(CLI::App& app, const Io& io, int& exit_code) {
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
  add_config(app, io, exit_code);
  add_completion(app, io, exit_code);
  add_man(app, io, exit_code);
  add_keeper(app, io, exit_code);
  add_serve(app, io, exit_code);
}

}  // namespace

std::unique_ptr<CLI::App> make_app(const Io& io, int& exit_code) {
  auto app = std::make_unique<CLI::App>(kAbout, "shoal");
  app->footer(kFooter);
  app->formatter(make_help_formatter());
  app->require_subcommand(1);
  app->set_version_flag("--version", "shoal " SHOAL_VERSION);
  app->add_option("--config",
                  "Settings file (default: $SHOAL_CONFIG, else /etc/shoal/shoal.toml); stands "
                  "before the command")
      ->type_name("FILE");
  add_commands(*app, io, exit_code);
  return app;
}

std::function<std::unique_ptr<CLI::App>()> scratch_maker(const Io& io) {
  return [&io] {
    static int never_read = 0;  // commands of a scratch parser are not run
    return make_app(io, never_read);
  };
}

std::string config_flag_of(const CLI::App& app) {
  const auto& given = app.get_option("--config")->results();
  return given.empty() ? "" : given.back();
}

int run_shoal(int argc, const char* const* argv, const Io& io) {
  // A reader of our output that goes away (`shoal ls | head`) is no error worth a message.
  std::signal(SIGPIPE, SIG_DFL);
  set_environment_from_file({argv, static_cast<std::size_t>(argc)});
  ignore(take_log_environment(), "said below, once it is known who runs");
  int exit_code = kExitOk;
  const auto app = make_app(io, exit_code);
  // Between parsing and running: what the flags left open.
  app->parse_complete_callback([&] {
    const auto used = use_settings(*app, config_flag_of(*app), scratch_maker(io), io);
    if (!used) {
      complain(io, used.error());
      throw CLI::RuntimeError(kExitUsage);
    }
    take_log_flags(chosen_command(*app));
    // Commands with the flags have refused a wrong value by now. The others, like umount, can do
    // without: a word about logs keeps nobody from unmounting, and no server from being started.
    if (const auto taken = take_log_environment(); !taken)
      complain(io, "warning: " + taken.error().to_string());
  });
  try {
    app->parse(argc, argv);
  } catch (const CLI::RuntimeError& error) {
    return error.get_exit_code();  // has been said
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app->exit(error);  // --help, --version
    complain(io, usage_error_text(*app, error));
    return kExitUsage;
  }
  if (std::fflush(io.out) != 0 && exit_code == kExitOk) {
    complain(io, "standard output could not be written: the disk is full, or it was closed");
    exit_code = kExitFailed;
  }
  return exit_code;
}

}  // namespace shoal::tools
