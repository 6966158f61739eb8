// SPDX-License-Identifier: Apache-2.0
#pragma once

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
// Hidden: the two processes behind a mount.
void add_keeper(CLI::App& app, const Io& io, int& exit_code);
void add_serve(CLI::App& app, const Io& io, int& exit_code);

// Parses the command line and runs what it names. Returns the exit code.
int run_shoal(int argc, char** argv);

}  // namespace shoal::tools
