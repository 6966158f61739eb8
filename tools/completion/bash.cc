// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <map>

#include "tools/completion/completion.h"
#include "tools/settings/catalog.h"

namespace shoal::tools {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// What the script does for a completion.
std::string action_of(const Completion& completion) {
  switch (completion.what) {
    case Completes::choices:
      return "_shoal_words '" + joined(completion.choices) + "'";
    case Completes::mounts:
      return (completion.choices.empty() ? ""
                                         : "_shoal_words '" + joined(completion.choices) + "'; ") +
             std::string("_shoal_mounts");
    case Completes::directories:
      return "compopt -o dirnames";
    case Completes::files:
      return "compopt -o default";
    case Completes::nothing:
      return ":";
  }
  return ":";
}

constexpr const char* kHead = R"(# Completion of shoal for bash, made by `shoal completion bash`.

_shoal_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }

# Live mount points, and directories.
_shoal_mounts() {
  local mount
  compopt -o filenames -o dirnames
  while IFS= read -r mount; do
    [[ $mount == "$cur"* ]] && COMPREPLY+=("$mount")
  done < <("${COMP_WORDS[0]}" completion mounts 2>/dev/null)
}

_shoal() {
  local cur=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD-1]} command='' i
  COMPREPLY=()
  # --flag=value comes as three words.
  if [[ $cur == '=' ]]; then cur=''
  elif [[ $flag == '=' && $COMP_CWORD -gt 2 ]]; then flag=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$command/${COMP_WORDS[i]}" in
)";

// Where words become the command: "/mount", "index/build".
std::string command_cases(CLI::App& app) {
  std::string above, below;
  for (CLI::App* command : visible_commands(app)) {
    above += (above.empty() ? "/" : "|/") + command->get_name();
    for (CLI::App* inner : visible_commands(*command))
      below += (below.empty() ? "" : "|") + command->get_name() + "/" + inner->get_name();
  }
  return "      " + above + ") command=${COMP_WORDS[i]} ;;\n      " + below +
         ") command+=\" ${COMP_WORDS[i]}\" ;;\n";
}

// Behind a flag: its action for each "command flag".
std::string value_cases(CLI::App& app) {
  std::map<std::string, std::string> patterns;  // by action
  std::vector<CLI::App*> commands = public_commands(app);
  commands.push_back(&app);
  for (CLI::App* command : commands)
    for (CLI::Option* option : visible_flags(*command)) {
      if (is_flag(*option)) continue;
      std::string& pattern = patterns[action_of(value_completion(*option))];
      for (const std::string& name : flag_names(*option))
        pattern += (pattern.empty() ? "'" : "|'") + command_path(*command) + " " + name + "'";
    }
  std::string text;
  for (const auto& [action, pattern] : patterns)
    text += "    " + pattern + ")\n      " + action + "; return ;;\n";
  return text;
}

std::string flags_and_arguments(CLI::App& app, CLI::App& command) {
  std::vector<std::string> flags;
  for (CLI::Option* option : visible_flags(command))
    for (const std::string& name : flag_names(*option))
      if (name.starts_with("--")) flags.push_back(name);
  std::vector<std::string> below;
  for (CLI::App* inner : visible_commands(command)) below.push_back(inner->get_name());
  const std::string other = below.empty() ? action_of(argument_completion(app, command))
                                          : "_shoal_words '" + joined(below) + "'";
  return "    '" + command_path(command) + "')\n      if [[ $cur == -* ]]; then _shoal_words '" +
         joined(flags) + "'\n      else " + other + "; fi ;;\n";
}

}  // namespace

std::string bash_completion(CLI::App& app) {
  std::string text = kHead + command_cases(app);
  text += "    esac\n  done\n  case \"$command $flag\" in\n" + value_cases(app);
  text += "  esac\n  case \"$command\" in\n" + flags_and_arguments(app, app);
  for (CLI::App* command : visible_commands(app)) {
    text += flags_and_arguments(app, *command);
    for (CLI::App* inner : visible_commands(*command)) text += flags_and_arguments(app, *inner);
  }
  return text + "  esac\n}\n\ncomplete -F _shoal shoal\n";
}

}  // namespace shoal::tools
