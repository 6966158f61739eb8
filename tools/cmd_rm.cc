// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "commands.h"
#include "display.h"
#include "flags.h"
#include "tools/write/removal.h"

namespace shoal::tools {
namespace {

using write::Counted;
using write::ObjectAddress;

constexpr std::size_t kFailuresShown = 20;

struct RmFlags {
  std::vector<std::string> urls;
  StoreFlags store;
  bool recursive = false;
  bool yes = false;
  bool dry_run = false;
  bool force = false;
  bool json = false;
  std::uint32_t jobs = 64;
};

struct Removed {
  Counted removed;
  std::uint64_t failed = 0;
};

class RmCommand {
 public:
  RmCommand(const RmFlags& flags, const Io& io) : flags_(flags), io_(io) {}

  int run() {
    for (const std::string& url : flags_.urls) {
      if (io_.stop->load()) break;
      const auto done = remove(url);
      if (done) continue;
      ++total_.failed;
      complain(io_, Error(done.error()).with_context("rm " + url));
    }
    if (io_.stop->load()) complain(io_, "interrupted; run the command again to go on");
    print();
    return total_.failed > 0 || io_.stop->load() ? kExitFailed : kExitOk;
  }

 private:
  Result<void> remove(const std::string& url) {
    SHOAL_TRY(const auto address,
              write::parse_object_address(
                  url, flags_.recursive ? write::Named::directory : write::Named::as_written));
    if (address.is_directory() && !flags_.recursive)
      return fail(ErrorCode::bad_input, "it names a directory, not an object",
                  "Use -r to remove everything below it.");
    SHOAL_TRY(const auto bucket, write::open_bucket(address, flags_.store, flags_.jobs));
    return flags_.recursive ? remove_tree(*bucket, address) : remove_object(*bucket, address);
  }

  // The service answers "removed" for a key that never was: a typing error would look like success.
  Result<void> remove_object(upload::BucketThread& bucket, const ObjectAddress& address) {
    const auto found =
        bucket.call<store::ObjectInfo>([&address](store::ObjectStore& store, auto done) {
          store.head(address.key, std::move(done));
        });
    if (!found && found.error().code() == ErrorCode::not_found && flags_.force) return {};
    if (!found) return fail(found.error());
    if (!flags_.dry_run)
      SHOAL_CHECK_OK(bucket.call<void>([&address](store::ObjectStore& store, auto done) {
        store.remove(address.key, std::move(done));
      }));
    ++total_.removed.objects;
    total_.removed.bytes += found->size;
    return {};
  }

  Result<void> remove_tree(upload::BucketThread& bucket, const ObjectAddress& address) {
    if (flags_.dry_run || !flags_.yes) {
      SHOAL_TRY(const Counted counted,
                write::for_each_page(bucket, address.key, *io_.stop,
                                     [](const auto&) -> Result<void> { return {}; }));
      if (io_.stop->load()) return {};
      SHOAL_CHECK_OK(check_found(address, counted));
      if (flags_.dry_run) {
        total_.removed.objects += counted.objects;
        total_.removed.bytes += counted.bytes;
        return {};
      }
      SHOAL_CHECK_OK(ask(address, counted));
      catch_signals();  // until here Ctrl-C ends the question
    }
    SHOAL_TRY(const Counted seen, write::for_each_page(bucket, address.key, *io_.stop,
                                                       [&](const auto& page) -> Result<void> {
                                                         remove_page(bucket, address, page);
                                                         return {};
                                                       }));
    if (io_.stop->load()) return {};
    return check_found(address, seen);
  }

  Result<void> check_found(const ObjectAddress& address, const Counted& counted) {
    if (counted.objects > 0 || flags_.force) return {};
    return fail(ErrorCode::not_found, "there is no object below " + address.to_url(),
                "Check the prefix; --force makes this no error.");
  }

  Result<void> ask(const ObjectAddress& address, const Counted& counted) {
    const std::string what =
        fmt::format("{} objects, {}, {} {}", grouped(counted.objects), human_bytes(counted.bytes),
                    address.key.empty() ? "the whole of" : "below", printable(address.to_url()));
    if (isatty(STDIN_FILENO) != 1 || !io_.err_is_terminal)
      return fail(ErrorCode::bad_input, "it would remove " + what + ", and nobody can be asked",
                  "Look with --dry-run, then say --yes.");
    fmt::print(io_.err, "Remove {}? This cannot be undone. [y/N] ", what);
    std::fflush(io_.err);
    const int answer = std::getc(stdin);
    for (int rest = answer; rest != '\n' && rest != EOF;) rest = std::getc(stdin);
    if (answer == 'y' || answer == 'Y') return {};
    return fail(ErrorCode::canceled, "nothing was removed");
  }

  void remove_page(upload::BucketThread& bucket, const ObjectAddress& address,
                   const std::vector<store::ObjectInfo>& page) {
    const auto removal = write::remove_objects(bucket, page, flags_.jobs, *io_.stop);
    for (const write::RemovalFailure& failure : removal.failures) {
      if (++total_.failed <= kFailuresShown)
        complain(io_, Error(failure.why).with_context("rm " + address.url_of(failure.key)));
    }
    total_.removed.objects += removal.removed.objects;
    total_.removed.bytes += removal.removed.bytes;
    if (io_.err_is_terminal)
      fmt::print(io_.err, "\r\x1b[K{} removed", grouped(total_.removed.objects));
  }

  void print() {
    if (io_.err_is_terminal && flags_.recursive && !flags_.dry_run) std::fputc('\n', io_.err);
    if (total_.failed > kFailuresShown)
      complain(io_, "and " + grouped(total_.failed - kFailuresShown) + " more failures");
    if (flags_.json) {
      const nlohmann::ordered_json json{{"dry_run", flags_.dry_run},
                                        {"objects", total_.removed.objects},
                                        {"bytes", total_.removed.bytes},
                                        {"failed", total_.failed}};
      fmt::print(io_.out, "{}\n", json.dump(2));
      return;
    }
    fmt::print(io_.out, "{} {} objects, {}{}\n", flags_.dry_run ? "would remove" : "removed",
               grouped(total_.removed.objects), human_bytes(total_.removed.bytes),
               total_.failed > 0 ? "; " + grouped(total_.failed) + " FAILED" : "");
  }

  const RmFlags& flags_;
  const Io& io_;
  Removed total_;
};

}  // namespace

void add_rm(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<RmFlags>();
  CLI::App* command = app.add_subcommand("rm", "Remove objects from a bucket");
  command->footer(R"(Examples:
  shoal rm s3://models/run-7/model.ckpt
  shoal rm -r s3://models/run-7/ --dry-run     # what there is, without removing
  shoal rm -r s3://models/run-7/ --yes

Without --yes, -r counts the objects and asks. What is removed is gone, unless the bucket keeps
versions. Exit code 1: something could not be removed, or was not there.)");
  command->add_option("urls", flags->urls, "URLs of objects; with -r, of directories")->required();
  command->add_flag("-r,-R,--recursive", flags->recursive, "Everything below the prefix");
  command->add_flag("-y,--yes", flags->yes, "Do not ask");
  command->add_flag("--dry-run", flags->dry_run, "Count what would be removed, remove nothing");
  command->add_flag("-f,--force", flags->force, "A missing object is no error");
  command->add_flag("--json", flags->json, "The result for programs");
  command->add_option("-j,--jobs", flags->jobs, "Requests in flight at the same time, 1 to 1024")
      ->type_name("N")
      ->check(CLI::Range(1u, 1024u))
      ->capture_default_str();
  add_bucket_flags(*command, flags->store);
  command->callback([flags, &io, &exit_code] {
    if (!flags->recursive || flags->yes) catch_signals();
    exit_code = RmCommand(*flags, io).run();
  });
}

}  // namespace shoal::tools
