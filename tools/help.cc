// SPDX-License-Identifier: Apache-2.0
#include "help.h"

#include <CLI/CLI.hpp>
#include <sstream>
#include <vector>

#include "settings/catalog.h"

namespace shoal::tools {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kNameColumns = 28;

std::string wrapped(const std::string& text, std::size_t columns) {
  std::istringstream words(text);
  std::string lines;
  std::size_t used = 0;
  for (std::string word; words >> word;) {
    if (used > 0 && used + 1 + word.size() > columns) {
      lines += '\n';
      used = 0;
    } else if (used > 0) {
      lines += ' ';
      ++used;
    }
    lines += word;
    used += word.size();
  }
  return lines;
}

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kNameColumns); }

  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_positional() || option->get_type_size() == 0) return {};
    return " " + value_type(*option);
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    std::string text = option->get_description();
    if (!option->get_default_str().empty()) text += " (default " + option->get_default_str() + ")";
    return wrapped(text, kColumns - kNameColumns);
  }

  // The library puts two blank lines between groups.
  std::string make_group(std::string group, bool is_positional,
                         std::vector<const CLI::Option*> options) const override {
    const bool is_first = is_positional || group == "Options";
    const std::string text = CLI::Formatter::make_group(group, is_positional, std::move(options));
    return is_first ? text : text.substr(1);
  }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> make_help_formatter() {
  return std::make_shared<HelpFormatter>();
}

std::string usage_error_text(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App* command = &app;
  std::string path;  // "index build"
  while (!command->get_subcommands().empty()) {
    command = command->get_subcommands().front();
    path += (path.empty() ? "" : " ") + command->get_name();
  }
  const bool wants_command = command->get_require_subcommand_min() > 0;
  // What could not be placed explains more than what is therefore missing.
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  std::string text;
  if (!unknown.empty() && wants_command && !unknown.front().starts_with('-'))
    text = "there is no command '" + unknown.front() + "'";
  else if (!unknown.empty())
    text = "'" + unknown.front() + "' was not expected";
  else if (wants_command)
    text = "a command is missing";
  else
    text = error.what();
  const std::string named = path.empty() ? "" : path + ": ";
  return named + text + ". See `shoal " + (path.empty() ? "" : path + " ") + "--help`.";
}

}  // namespace shoal::tools
