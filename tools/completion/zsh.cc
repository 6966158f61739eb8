// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>

#include "tools/completion/completion.h"
#include "tools/settings/catalog.h"

namespace shoal::tools {
namespace {

// For a specification of _arguments inside single quotes.
std::string quoted(const std::string& text) {
  std::string result;
  for (const char letter : text) {
    if (letter == '\'')
      result += "'\\''";
    else if (letter == '[' || letter == ']' || letter == ':' || letter == '\\')
      result += std::string("\\") + letter;
    else
      result += letter;
  }
  return result;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string action_of(const Completion& completion) {
  switch (completion.what) {
    case Completes::choices:
      return "(" + joined(completion.choices) + ")";
    case Completes::mounts:
      // The space in front: without words of _arguments' own behind it.
      return " _shoal_mounts " + joined(completion.choices);
    case Completes::directories:
      return "_files -/";
    case Completes::files:
      return "_files";
    case Completes::nothing:
      return " ";
  }
  return " ";
}

// "(-j --jobs)"{-j,--jobs}"[help]:N:action"
std::string specification(const CLI::Option& option) {
  const auto names = flag_names(option);
  std::string all, braces;
  for (const std::string& name : names) {
    all += (all.empty() ? "" : " ") + name;
    // A value of a long flag may stand behind '=', too.
    const bool takes_equals = !is_flag(option) && name.starts_with("--");
    braces += (braces.empty() ? "" : ",") + name + (takes_equals ? "=" : "");
  }
  std::string tail = "[" + quoted(option.get_description()) + "]";
  if (!is_flag(option))
    tail += ":" + quoted(value_type(option)) + ":" + action_of(value_completion(option));
  const std::string exclusive = takes_several(option) ? "*" : "(" + all + ")";
  if (names.size() == 1) return "'" + exclusive + braces + tail + "'";
  return "'" + exclusive + "'{" + braces + "}'" + tail + "'";
}

std::string function_name(const CLI::App& command) {
  std::string name = "_shoal";
  for (const char letter : command_path(command))
    name +=
        name == "_shoal" ? std::string("_") + letter : std::string(1, letter == ' ' ? '_' : letter);
  return name;
}

void add_function(CLI::App& app, CLI::App& command, std::string& text) {
  const auto below = visible_commands(command);
  for (CLI::App* inner : below) add_function(app, *inner, text);
  text += function_name(command) + "() {\n";
  if (!below.empty()) text += "  local curcontext=$curcontext state line\n  local -a commands\n";
  text += std::string("  _arguments ") + (below.empty() ? "-s" : "-C") + " \\\n";
  for (CLI::Option* option : visible_flags(command))
    text += "    " + specification(*option) + " \\\n";
  if (below.empty()) {
    text += "    '*:argument:" + action_of(argument_completion(app, command)) + "'\n}\n\n";
    return;
  }
  text += "    '1:command:->command' '*::argument:->argument'\n  commands=(\n";
  for (CLI::App* inner : below)
    text += "    '" + inner->get_name() + ":" + quoted(inner->get_description()) + "'\n";
  text +=
      "  )\n  case $state in\n    command) _describe command commands ;;\n    argument)\n"
      "      case $words[1] in\n";
  for (CLI::App* inner : below)
    text += "        " + inner->get_name() + ") " + function_name(*inner) + " ;;\n";
  text += "      esac ;;\n  esac\n}\n\n";
}

constexpr const char* kHead = R"(#compdef shoal
# Completion of shoal for zsh, made by `shoal completion zsh`.

# Live mount points, directories, and the words given.
_shoal_mounts() {
  local -a mounts
  (( $# )) && compadd -- "$@"
  mounts=("${(@f)$(shoal completion mounts 2>/dev/null)}")
  (( $#mounts )) && compadd -f -a mounts
  _files -/
}

)";

}  // namespace

std::string zsh_completion(CLI::App& app) {
  std::string text = kHead;
  add_function(app, app, text);
  return text + "_shoal \"$@\"\n";
}

}  // namespace shoal::tools
