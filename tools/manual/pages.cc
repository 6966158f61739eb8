// SPDX-License-Identifier: Apache-2.0
#include "tools/manual/pages.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <functional>

#include "tools/manual/roff.h"
#include "tools/manual/texts.h"
#include "tools/settings/catalog.h"

namespace shoal::tools {
namespace {

using Options = std::vector<CLI::Option*>;

std::string lower_first(std::string text) {
  if (text.size() > 1 && std::islower(static_cast<unsigned char>(text[1])) != 0)
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char letter) {
    return static_cast<char>(std::toupper(letter));
  });
  return text;
}

// "-j, --jobs N" as markup.
std::string tag_of(const CLI::Option& option) {
  std::string tag;
  const auto add = [&](const std::string& name) {
    tag += (tag.empty() ? "" : ", ") + Roff::bold(name);
  };
  for (const std::string& name : option.get_snames()) add("-" + name);
  for (const std::string& name : option.get_lnames()) add("--" + name);
  const std::string type = value_type(option);
  return type.empty() ? tag : tag + " " + Roff::italic(type);
}

std::string description_of(const CLI::Option& option) {
  std::string text = option.get_description();
  if (!option.get_default_str().empty()) text += " (default " + option.get_default_str() + ")";
  return text + ".";
}

void add_synopsis(Roff& page, CLI::App& command, const std::string& path) {
  page.section("SYNOPSIS");
  std::string line = Roff::bold("shoal" + (path.empty() ? "" : " " + path));
  line += " [" + Roff::italic("OPTION") + "]...";
  for (const CLI::Option* option :
       command.get_options([](CLI::Option* o) { return o->get_positional(); })) {
    std::string name = Roff::italic(upper(option->get_name(/*positional=*/true)));
    if (takes_several(*option)) name += "...";
    line += " " + (option->get_required() ? name : "[" + name + "]");
  }
  if (path.empty())
    line = Roff::bold("shoal") + " [" + Roff::bold("--config") + " " + Roff::italic("FILE") + "] " +
           Roff::italic("COMMAND") + " ...";
  page.raw(line);
}

void add_options(Roff& page, CLI::App& command) {
  const Options arguments =
      command.get_options([](CLI::Option* option) { return option->get_positional(); });
  if (!arguments.empty()) page.section("ARGUMENTS");
  for (const CLI::Option* option : arguments)
    page.item(Roff::italic(upper(option->get_name(/*positional=*/true))), description_of(*option));
  page.section("OPTIONS");
  for (const std::string& group : command.get_groups()) {
    const Options options = command.get_options([&](CLI::Option* option) {
      return option->get_group() == group && !option->get_positional();
    });
    if (options.empty() || group.empty()) continue;
    if (group != "Options") page.subsection(group);
    for (const CLI::Option* option : options) page.item(tag_of(*option), description_of(*option));
  }
}

struct Footer {
  std::string notes;
  std::string examples;
};

// The text below --help begins with examples as a rule, and goes on with what is worth knowing.
Footer split_footer(const std::string& text) {
  Footer footer;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const auto end = std::min(text.find("\n\n", begin), text.size());
    const std::string paragraph = text.substr(begin, end - begin);
    constexpr std::string_view kExamples = "Examples:\n";
    if (paragraph.starts_with(kExamples))
      footer.examples += paragraph.substr(kExamples.size());
    else
      footer.notes += paragraph + "\n\n";
    begin = std::min(text.size(), end + 2);
  }
  return footer;
}

void add_see_also(Roff& page, const std::vector<std::string>& pages) {
  page.section("SEE ALSO");
  std::string line;
  for (const std::string& reference : pages) {
    const auto open = reference.find('(');
    line += (line.empty() ? "" : ",\n") + Roff::bold(reference.substr(0, open)) +
            reference.substr(open);
  }
  page.raw(line);
}

std::string reference_to(const CLI::App& command) {
  return page_name(command) + "(" + std::to_string(page_section(command)) + ")";
}

ManualPage command_page(CLI::App& command, const std::string& date, const std::string& source) {
  Roff page;
  const std::string path = command_path(command);
  const int section = page_section(command);
  page.title(page_name(command), section, date, source);
  page.section("NAME");
  page.name(page_name(command), lower_first(command.get_description()));
  add_synopsis(page, command, path);
  const Footer footer = split_footer(command.get_footer());
  page.section("DESCRIPTION");
  page.paragraph(command.get_description() + ".");
  page.prose(footer.notes);
  add_options(page, command);
  if (!settings_of(command).empty()) {
    page.section("ENVIRONMENT");
    page.prose(texts::kCommandEnvironment);
  }
  page.section("EXIT STATUS");
  page.prose(texts::kExitStatus);
  if (!footer.examples.empty()) {
    page.section("EXAMPLES");
    page.prose(footer.examples);
  }
  add_see_also(page, {"shoal(1)", "shoal.toml(5)"});
  return {page_name(command), section, page.text()};
}

ManualPage program_page(CLI::App& app, const std::string& date, const std::string& source) {
  Roff page;
  page.title("shoal", 1, date, source);
  page.section("NAME");
  page.name("shoal", "mount millions of small objects of a bucket, and send files to one");
  add_synopsis(page, app, "");
  page.section("DESCRIPTION");
  page.paragraph(app.get_description());
  const Footer footer = split_footer(app.get_footer());
  page.prose(texts::kProgram);
  page.section("COMMANDS");
  for (CLI::App* command : public_commands(app))
    page.item(Roff::bold("shoal " + command_path(*command)),
              command->get_description() + ". See " + reference_to(*command) + ".");
  add_options(page, app);
  page.section("ENVIRONMENT");
  page.paragraph(std::string(texts::kCommandEnvironment));
  for (const EnvironmentSetting& setting : environment_settings())
    page.item(Roff::bold(setting.variable),
              std::string(setting.help) + " (default " + setting.fallback + ").");
  page.prose(texts::kForeignEnvironment);
  page.section("FILES");
  for (const texts::Entry& file : texts::kFiles) page.item(Roff::bold(file.name), file.text);
  page.section("EXIT STATUS");
  page.prose(texts::kExitStatus);
  page.section("EXAMPLES");
  page.prose(footer.examples);
  std::vector<std::string> others{"shoal.toml(5)", "mount.shoal(8)"};
  for (CLI::App* command : public_commands(app)) others.push_back(reference_to(*command));
  std::ranges::sort(others);
  add_see_also(page, others);
  return {"shoal", 1, page.text()};
}

// A setting as it is in one or several commands.
struct SettingText {
  CLI::Option* option = nullptr;
  std::vector<std::string> commands;
};

std::vector<SettingText> all_settings(CLI::App& app) {
  std::vector<SettingText> all;
  for (CLI::App* command : public_commands(app))
    for (CLI::Option* option : settings_of(*command)) {
      const auto same = std::ranges::find_if(all, [&](const SettingText& known) {
        return known.option->get_lnames() == option->get_lnames() &&
               description_of(*known.option) == description_of(*option);
      });
      if (same == all.end())
        all.push_back({option, {command_path(*command)}});
      else
        same->commands.push_back(command_path(*command));
    }
  std::ranges::stable_sort(all, {},
                           [](const SettingText& text) { return setting_name(*text.option); });
  return all;
}

ManualPage settings_page(CLI::App& app, const std::string& date, const std::string& source) {
  Roff page;
  page.title("shoal.toml", 5, date, source);
  page.section("NAME");
  page.name("shoal.toml", "settings of shoal");
  page.section("DESCRIPTION");
  page.prose(texts::kSettingsFile);
  page.section("SETTINGS OF EVERY PROGRAM");
  for (const EnvironmentSetting& setting : environment_settings())
    page.item(Roff::bold(setting.name), std::string(setting.help) + " (default " +
                                            setting.fallback + "; environment " + setting.variable +
                                            ").");
  page.section("SETTINGS OF COMMANDS");
  for (const SettingText& setting : all_settings(app)) {
    std::string tag;
    for (const std::string& name : setting.option->get_lnames())
      tag += (tag.empty() ? "" : ", ") + Roff::bold(name);
    const std::string type = value_type(*setting.option);
    tag += " = " + Roff::italic(type.empty() ? "true|false" : type);
    std::string commands;
    for (const std::string& name : setting.commands)
      commands += (commands.empty() ? "" : ", ") + name;
    page.item(tag, description_of(*setting.option) + " For: " + commands + ".");
  }
  page.section("EXAMPLES");
  page.prose(texts::kSettingsExamples);
  add_see_also(page, {"mount.shoal(8)", "shoal(1)", "shoal-config-show(1)"});
  return {"shoal.toml", 5, page.text()};
}

ManualPage helper_page(CLI::App& app, const std::string& date, const std::string& source) {
  Roff page;
  page.title("mount.shoal", 8, date, source);
  page.section("NAME");
  page.name("mount.shoal", "mount a dataset by mount(8), fstab(5) and systemd");
  page.section("SYNOPSIS");
  page.raw(Roff::bold("mount -t shoal") + " " + Roff::italic("SOURCE") + " " +
           Roff::italic("DIRECTORY") + " [" + Roff::bold("-o") + " " + Roff::italic("OPTION") +
           "[," + Roff::italic("OPTION") + "]...]");
  page.raw(".br");
  page.raw(Roff::bold("mount.shoal") + " " + Roff::italic("SOURCE") + " " +
           Roff::italic("DIRECTORY") + " [" + Roff::bold("-fnsv") + "] [" + Roff::bold("-o") + " " +
           Roff::italic("OPTION") + ",...]");
  page.section("DESCRIPTION");
  page.prose(texts::kMountHelper);
  page.section("OPTIONS OF MOUNT(8)");
  for (const texts::Entry& entry : texts::kHelperSwitches)
    page.item(Roff::bold(entry.name), entry.text);
  page.section("OPTIONS OF SHOAL");
  page.item(Roff::bold("config=") + Roff::italic("FILE"), "The settings file of this mount.");
  for (const CLI::Option* option : settings_of(*find_command(app, "mount"))) {
    const std::string type = value_type(*option);
    const std::string name = setting_name(*option);
    page.item(type.empty() ? Roff::bold(name) : Roff::bold(name + "=") + Roff::italic(type),
              description_of(*option));
  }
  page.section("EXIT STATUS");
  page.prose(texts::kHelperExitStatus);
  page.section("EXAMPLES");
  page.prose(texts::kHelperExamples);
  add_see_also(page,
               {"fstab(5)", "mount(8)", "shoal-mount(1)", "shoal.toml(5)", "systemd.mount(5)"});
  return {"mount.shoal", 8, page.text()};
}

}  // namespace

ManualPage page_of_help(const std::string& program, const std::string& help,
                        const std::string& date, const std::string& version) {
  Roff page;
  page.title(program, 8, date, "shoal " + version);
  const std::string about = help.substr(0, help.find("Usage:"));
  const std::string sentence = about.substr(0, about.find_first_of(".:\n"));
  page.section("NAME");
  page.name(program, lower_first(sentence));
  page.section("SYNOPSIS");
  page.raw(Roff::bold(program) + " [" + Roff::italic("OPTION") + "]...");
  page.section("DESCRIPTION");
  page.prose(about);
  page.section("OPTIONS");
  const auto options = help.find("Options:\n");
  if (options != std::string::npos) page.verbatim(help.substr(options + 9));
  add_see_also(page, {"shoal(1)", "shoal.toml(5)"});
  return {program, 8, page.text()};
}

std::string page_name(const CLI::App& command) {
  std::string name = "shoal";
  const std::string path = command_path(command);
  if (!path.empty()) name += "-" + path;
  std::ranges::replace(name, ' ', '-');
  return name;
}

int page_section(const CLI::App& command) {
  return command_path(command) == "agent" ? 8 : 1;
}

std::vector<ManualPage> manual_pages(CLI::App& app, const std::string& date,
                                     const std::string& version) {
  const std::string source = "shoal " + version;
  std::vector<ManualPage> pages{program_page(app, date, source), settings_page(app, date, source),
                                helper_page(app, date, source)};
  for (CLI::App* command : public_commands(app))
    pages.push_back(command_page(*command, date, source));
  return pages;
}

}  // namespace shoal::tools
