// SPDX-License-Identifier: Apache-2.0
#include "mount_helper.h"

#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "commands.h"
#include "places.h"
#include "settings/catalog.h"
#include "settings/resolve.h"
#include "settings/value.h"
#include "sys/mount_flags.h"

namespace shoal::tools {
namespace {

constexpr int kMountUsage = 1;    // mount(8): incorrect invocation or permissions
constexpr int kMountFailed = 32;  // mount(8): mount failure

// Accepted and without an effect of ours: a Shoal mount is read-only, without devices and
// set-user-ID bits, and keeps no access times, whatever is asked.
constexpr std::array<std::string_view, 37> kForeign = {
    "defaults",   "_netdev",    "nofail",     "auto",    "noauto",   "ro",         "rw",
    "user",       "nouser",     "users",      "nousers", "owner",    "noowner",    "group",
    "nogroup",    "suid",       "nosuid",     "dev",     "nodev",    "exec",       "sync",
    "async",      "dirsync",    "atime",      "noatime", "diratime", "nodiratime", "relatime",
    "norelatime", "lazytime",   "nolazytime", "mand",    "nomand",   "iversion",   "noiversion",
    "silent",     "strictatime"};

constexpr const char* kHelp = R"(Usage: mount.shoal SOURCE DIRECTORY [-fnsv] [-o OPTION,...]

Mounts a dataset; mount(8) runs it for `mount -t shoal SOURCE DIRECTORY` and for lines of /etc/fstab:

  s3://market-data/bars  /mnt/bars  shoal  _netdev,nofail,cache-size=50G  0 0

SOURCE is a URL or a volume's directory. An option is a long flag of `shoal mount` without its dashes.
See mount.shoal(8).
)";

Error wrong(std::string what, std::string remedy) {
  return Error(ErrorCode::bad_input, std::move(what), std::move(remedy));
}

// Splits at commas; a backslash takes what follows as it is, double quotes all between them.
Result<std::vector<std::string>> split_options(const std::string& text) {
  std::vector<std::string> options(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size())
      options.back() += text[++i];
    else if (text[i] == '"')
      quoted = !quoted;
    else if (text[i] == ',' && !quoted)
      options.emplace_back();
    else
      options.back() += text[i];
  }
  if (quoted) return fail(wrong("-o " + text + ": a quote is open", "Close it."));
  std::erase(options, "");
  return options;
}

class HelperParser {
 public:
  explicit HelperParser(CLI::App& scratch) : mount_(*find_command(scratch, "mount")) {}

  Result<HelperCall> parse(std::span<const std::string> arguments) {
    std::vector<std::string> places;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const std::string& word = arguments[i];
      if (word == "--help" || word == "-h") {
        call_.show_help = true;
      } else if (word == "--version" || word == "-V") {
        call_.show_version = true;
      } else if (word.size() < 2 || !word.starts_with('-')) {
        places.push_back(word);
      } else {
        SHOAL_TRY(const bool took_next,
                  letters(word, i + 1 < arguments.size() ? arguments[i + 1] : std::string()));
        i += took_next ? 1 : 0;
      }
    }
    if (call_.show_help || call_.show_version) return call_;
    if (places.size() != 2)
      return fail(wrong(
          "it takes a source and a directory, not " + std::to_string(places.size()) + " arguments",
          "mount.shoal s3://bucket/prefix /mnt/dir -o cache-size=50G"));
    SHOAL_CHECK_OK(options());
    call_.mount_point = places[1];
    call_.command = {"shoal"};
    if (!config_.empty()) call_.command.insert(call_.command.end(), {"--config", config_});
    call_.command.insert(call_.command.end(), {"mount", "--if-needed"});
    call_.command.insert(call_.command.end(), flags_.begin(), flags_.end());
    call_.command.insert(call_.command.end(), {"--", places[0], places[1]});
    return call_;
  }

 private:
  // "-fv", "-o LIST", "-oLIST": true when `next` was the value.
  Result<bool> letters(const std::string& word, const std::string& next) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const char letter = word[i];
      if (letter == 'f') {
        call_.fake = true;
      } else if (letter == 'v') {
        call_.verbose = true;
      } else if (letter == 's') {
        sloppy_ = true;
      } else if (letter == 'o' || letter == 't' || letter == 'N') {
        const bool takes_next = i + 1 == word.size();
        const std::string value = takes_next ? next : word.substr(i + 1);
        if (value.empty()) return fail(wrong("-" + std::string(1, letter) + " needs a value", ""));
        if (letter == 'N')
          return fail(ErrorCode::unsupported, "-N: Shoal mounts in the namespace it is called in",
                      "Use nsenter --mount=/proc/PID/ns/mnt mount -t shoal ...");
        if (letter == 'o') list_ += (list_.empty() ? "" : ",") + value;
        return takes_next;
      } else if (letter != 'n' && letter != 'r' && letter != 'w') {
        return fail(
            wrong("'-" + std::string(1, letter) + "' was not expected", "See mount.shoal --help."));
      }
    }
    return false;
  }

  Result<void> options() {
    SHOAL_TRY(const auto list, split_options(list_));
    for (const std::string& option : list) {
      const auto equals = option.find('=');
      const std::string key = option.substr(0, equals);
      const bool has_value = equals != std::string::npos;
      SHOAL_CHECK_OK(take(key, has_value, has_value ? option.substr(equals + 1) : ""));
    }
    return {};
  }

  Result<void> take(const std::string& key, bool has_value, const std::string& value) {
    if (key == "noexec") {
      call_.no_exec = true;
      return {};
    }
    if (key == "remount")
      return fail(ErrorCode::unsupported, "-o remount: a mount of Shoal cannot be changed",
                  "Unmount it and mount it again; what is cached stays.");
    if (is_foreign_option(key)) return {};
    const std::string name = canonical_name(key);
    if (name == "config" && has_value) {
      config_ = value;
      return {};
    }
    CLI::Option* option = find_setting(mount_, name);
    if (option == nullptr) return sloppy_ ? Result<void>() : unknown(name);
    if (!has_value && !is_flag(*option))
      return fail(wrong("-o " + key + ": it needs a value",
                        "Write " + key + "=" + value_type(*option) + "."));
    const std::vector<std::string> values{has_value ? value : "true"};
    if (auto tried = set_value(*option, name, values); !tried)
      return fail(std::move(tried).error().with_context("-o"));
    // The parser keeps the last of several.
    std::erase_if(flags_,
                  [&](const std::string& flag) { return flag.starts_with("--" + name + "="); });
    flags_.push_back("--" + name + "=" + values.front());
    return {};
  }

  Result<void> unknown(const std::string& name) const {
    std::string letters = name;
    std::erase(letters, '-');
    for (const char* word : {"secret", "password", "token", "accesskey"})
      if (letters.find(word) != std::string::npos)
        return fail(wrong("-o " + name + ": whoever can read /etc/fstab would have the key",
                          "Put keys into a file only root can read, in the form of "
                          "~/.aws/credentials: -o credentials-file=FILE."));
    std::vector<std::string> known{"config"};
    for (CLI::Option* option : settings_of(mount_))
      for (const std::string& one : option->get_lnames()) known.push_back(one);
    const auto nearest = nearest_name(name, known);
    return fail(wrong("-o " + name + ": there is no such option",
                      (nearest ? "Did you mean " + *nearest + "? " : "") +
                          "Options are the long flags of `shoal mount`; -s ignores unknown ones."));
  }

  CLI::App& mount_;
  HelperCall call_;
  std::string list_;
  std::string config_;
  std::vector<std::string> flags_;
  bool sloppy_ = false;
};

// systemd starts mounts with an empty environment; profiles and keys are found below HOME, modprobe
// in PATH.
void complete_environment() {
  ::setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", /*overwrite=*/0);
  if (environment_variable("HOME")) return;
  const passwd* user = ::getpwuid(::geteuid());
  ::setenv("HOME", user == nullptr ? "/" : user->pw_dir, /*overwrite=*/1);
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

int mount_as_told(const HelperCall& call, Io io) {
  // mount(8) says nothing when it has mounted.
  const std::unique_ptr<std::FILE, CloseFile> nowhere(std::fopen("/dev/null", "we"));
  if (!call.verbose && nowhere != nullptr) io.out = nowhere.get();
  io.out_is_terminal = io.out_is_terminal && call.verbose;
  std::vector<const char*> line;
  for (const std::string& word : call.command) line.push_back(word.c_str());
  const int done = run_shoal(static_cast<int>(line.size()), line.data(), io);
  if (done != kExitOk) return done == kExitUsage ? kMountUsage : kMountFailed;
  if (!call.no_exec) return kExitOk;
  if (const auto forbidden = sys::forbid_execution(mount_point_of(call.mount_point)); !forbidden) {
    complain(io, forbidden.error());
    return kMountFailed;
  }
  return kExitOk;
}

}  // namespace

bool is_foreign_option(const std::string& name) {
  for (const char* family : {"x-", "X-", "comment", "helper", "uhelper", "user="})
    if (name.starts_with(family)) return true;
  return std::ranges::find(kForeign, name) != kForeign.end();
}

Result<HelperCall> parse_helper_call(std::span<const std::string> arguments, CLI::App& scratch) {
  return HelperParser(scratch).parse(arguments);
}

int run_mount_helper(int argc, const char* const* argv) {
  const Io io = Io::of_process();
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  const auto call = parse_helper_call(arguments, *scratch_maker(io)());
  if (!call) {
    complain(io, call.error());
    return call.error().code() == ErrorCode::unsupported ? kMountFailed : kMountUsage;
  }
  if (call->show_help) return std::fputs(kHelp, io.out) < 0 ? kMountFailed : kExitOk;
  if (call->show_version) {
    const std::array<const char*, 2> line = {"shoal", "--version"};
    return run_shoal(static_cast<int>(line.size()), line.data(), io);
  }
  complete_environment();
  if (call->verbose) {
    std::string text;
    for (const std::string& word : call->command) text += (text.empty() ? "" : " ") + word;
    std::fprintf(io.out, "%s\n", text.c_str());
  }
  return call->fake ? kExitOk : mount_as_told(*call, io);
}

}  // namespace shoal::tools
