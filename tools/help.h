// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

namespace CLI {
class App;
class FormatterBase;
class ParseError;
}  // namespace CLI

namespace shoal::tools {

// Prints --help within 80 columns: `--flag VALUE`, what it does, its default.
[[nodiscard]] std::shared_ptr<CLI::FormatterBase> make_help_formatter();

// What is wrong with a command line, in one sentence that names the command and its --help.
[[nodiscard]] std::string usage_error_text(const CLI::App& app, const CLI::ParseError& error);

}  // namespace shoal::tools
