// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "io.h"

namespace CLI {
class App;
}

// One function per command, each in the file named after it. It adds the command to `app`; when the
// command line names it, it runs and its exit code is stored in `exit_code`.

namespace shoal::tools {

void add_mount(CLI::App& app, const Io& io, int& exit_code);
void add_umount(CLI::App& app, const Io& io, int& exit_code);
void add_status(CLI::App& app, const Io& io, int& exit_code);
void add_log_level(CLI::App& app, const Io& io, int& exit_code);
void add_ls(CLI::App& app, const Io& io, int& exit_code);
void add_cat(CLI::App& app, const Io& io, int& exit_code);
void add_cp(CLI::App& app, const Io& io, int& exit_code);
void add_put(CLI::App& app, const Io& io, int& exit_code);
void add_append(CLI::App& app, const Io& io, int& exit_code);
void add_rm(CLI::App& app, const Io& io, int& exit_code);
void add_stat(CLI::App& app, const Io& io, int& exit_code);
void add_uploads(CLI::App& app, const Io& io, int& exit_code);
void add_warm(CLI::App& app, const Io& io, int& exit_code);
void add_shuffle(CLI::App& app, const Io& io, int& exit_code);
void add_sync(CLI::App& app, const Io& io, int& exit_code);
void add_watch(CLI::App& app, const Io& io, int& exit_code);
void add_index(CLI::App& app, const Io& io, int& exit_code);
void add_agent(CLI::App& app, const Io& io, int& exit_code);
void add_bench(CLI::App& app, const Io& io, int& exit_code);
void add_config(CLI::App& app, const Io& io, int& exit_code);
void add_completion(CLI::App& app, const Io& io, int& exit_code);
// Hidden: the build's, and the two processes behind a mount.
void add_man(CLI::App& app, const Io& io, int& exit_code);
void add_keeper(CLI::App& app, const Io& io, int& exit_code);
void add_serve(CLI::App& app, const Io& io, int& exit_code);

// The parser with all commands. `io` and `exit_code` must outlive it.
[[nodiscard]] std::unique_ptr<CLI::App> make_app(const Io& io, int& exit_code);
// Makes parsers that are never run: to look up flags, and to try values on.
[[nodiscard]] std::function<std::unique_ptr<CLI::App>()> scratch_maker(const Io& io);
// --config, empty when it was not given.
[[nodiscard]] std::string config_flag_of(const CLI::App& app);

// Parses the command line and runs what it names. Returns the exit code.
int run_shoal(int argc, const char* const* argv, const Io& io);

}  // namespace shoal::tools
