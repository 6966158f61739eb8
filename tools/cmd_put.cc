// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "commands.h"
#include "display.h"
#include "flags.h"
#include "log_flags.h"
#include "tools/write/put_run.h"
#include "tools/write/session.h"
#include "tools/write/standard_input.h"
#include "upload_flags.h"

namespace shoal::tools {
namespace {

using write::ObjectAddress;
using write::PutPlan;
using write::Session;

struct PutFlags {
  std::vector<std::string> paths;  // sources and, last, the URL
  StoreFlags store;
  UploadFlags upload;
  PutOptions put;
  bool recursive = false;
  bool no_resume = false;
  bool json = false;
  std::vector<std::string> sources() const { return {paths.begin(), paths.end() - 1}; }
};

// Two sources of one name would overwrite each other.
Result<void> check_keys(const PutPlan& plan) {
  std::unordered_map<std::string_view, const write::PlannedFile*> seen;
  for (const write::PlannedFile& planned : plan.files) {
    const auto [other, is_new] = seen.try_emplace(planned.key, &planned);
    if (!is_new)
      return fail(ErrorCode::bad_input,
                  other->second->file.string() + " and " + planned.file.string() +
                      " would both become " + planned.key,
                  "Send them to different prefixes.");
  }
  return {};
}

Result<ObjectAddress> target_of(const PutFlags& flags) {
  const std::string& url = flags.paths.back();
  SHOAL_TRY(auto target,
            write::parse_object_address(
                url, flags.recursive ? write::Named::directory : write::Named::as_written));
  if (flags.paths.size() > 2 && !target.is_directory())
    return fail(ErrorCode::bad_input, url + " names one object, and there are several files",
                "Write '" + url + "/' to put them below it.");
  if (!flags.put.if_match.empty() && (flags.paths.size() > 2 || flags.recursive))
    return fail(ErrorCode::bad_input, "--if-match is about one object, and there are several",
                "Name one file and the key of its object.");
  return target;
}

// Sources that cannot be sent are shown, the others are sent.
PutPlan plan_of(const PutFlags& flags, const ObjectAddress& target, write::SendView& view,
                write::SendTotals& totals) {
  PutPlan plan;
  for (const std::string& source : flags.sources()) {
    const auto planned = write::plan_source(source, target, flags.recursive, plan);
    if (!planned) plan.left_out.push_back({source, planned.error()});
  }
  for (const write::LeftOut& left_out : plan.left_out)
    view.fail({left_out.path.native(), "", left_out.why});
  totals.files += plan.left_out.size();
  totals.failed += plan.left_out.size();
  if (plan.empty_directories > 0)
    view.say("empty directories: " + grouped(plan.empty_directories) +
             "; nothing is made of them, a bucket has no directories");
  return plan;
}

Result<bool> put_standard_input(const PutFlags& flags, const ObjectAddress& target,
                                Session& session, const std::atomic<bool>& stop) {
  const UploaderOptions& options = session.options();
  const write::SpoolBounds bounds{session.uploader().journal().parent_path(),
                                  options.single_put_bytes_max, options.journal_bytes_max};
  SHOAL_TRY(const write::Spooled input, write::spool(STDIN_FILENO, bounds, stop));
  PutOptions put = flags.put;
  put.copy = true;  // the file goes when this function ends
  auto upload = input.file.valid()
                    ? session.uploader().put_object_from_file(target.key, input.path(), put)
                    : session.uploader().put_object(target.key, input.bytes, put);
  if (!upload) return fail(std::move(upload).error());
  session.uploader().resume();
  session.totals().files = 1;
  session.totals().bytes = input.size;
  session.sending().track({"standard input", target.key, input.size, std::move(*upload)});
  return session.sending().wait(0);
}

Result<int> put(const PutFlags& flags, const Io& io, write::SendView& view) {
  SHOAL_TRY(const auto target, target_of(flags));
  const bool from_input = flags.paths.front() == "-";
  if (from_input && (flags.paths.size() > 2 || target.is_directory()))
    return fail(ErrorCode::bad_input,
                "standard input becomes one object, and " + flags.paths.back() +
                    " with what was named is not one",
                "Write `shoal put - URL` with the key of the object.");
  write::SendTotals planned;
  const PutPlan plan = from_input ? PutPlan{} : plan_of(flags, target, view, planned);
  SHOAL_CHECK_OK(check_keys(plan));
  if (!from_input && plan.files.empty() && planned.failed > 0) return kExitFailed;
  catch_signals();
  SHOAL_TRY(const auto session,
            Session::open({target, flags.store, flags.upload, "shoal put", /*remember_sent=*/true},
                          view, io));
  session->totals().files = planned.files;
  session->totals().failed = planned.failed;
  if (from_input) {
    SHOAL_TRY(const bool complete, put_standard_input(flags, target, *session, *io.stop));
    return session->finish(complete, flags.json);
  }
  const bool complete = write::run_put(plan, {flags.put, !flags.no_resume}, session->parts(),
                                       session->sending(), session->totals());
  return session->finish(complete, flags.json);
}

int run_put_command(const PutFlags& flags, const Io& io) {
  if (flags.paths.size() < 2) {
    complain(io, "put needs at least one file and a URL. See `shoal put --help`.");
    return kExitUsage;
  }
  write::SendView view("put", io);
  const auto exit_code = put(flags, io, view);
  if (exit_code) return *exit_code;
  view.end_line();
  complain(io, Error(exit_code.error()).with_context("put to " + flags.paths.back()));
  return exit_code.error().code() == ErrorCode::bad_input ? kExitUsage : kExitFailed;
}

}  // namespace

void add_put(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<PutFlags>();
  CLI::App* command = app.add_subcommand("put", "Send files to a bucket");
  command->footer(R"(Examples:
  shoal put model.ckpt s3://models/run-7/model.ckpt
  shoal put logs/*.txt oss://models/run-7/logs/
  shoal put -r checkpoints s3://models/run-7/      # run-7/checkpoints/...
  shoal put -r checkpoints/ s3://models/run-7/     # run-7/...
  tar c src | shoal put - s3://models/run-7/src.tar

A file is sent when the bucket has confirmed its checksum. A run that was killed goes on where it
stopped: run the same command again. Ctrl-C keeps what was accepted; `shoal uploads` shows it.
Standard input is kept on disk until it is sent, at most --spool-size.
Exit code 1: some could not be sent; each is named on standard error.)");
  command
      ->add_option("paths", flags->paths,
                   "Files, or - for standard input; then a URL: of an object, or of a directory "
                   "with '/' at its end")
      ->required();
  command->add_flag("-r,-R,--recursive", flags->recursive, "Send directories");
  command->add_flag("-n,--no-clobber", flags->put.no_clobber,
                    "Fail where the bucket has an object already");
  command
      ->add_option("--if-match", flags->put.if_match,
                   "Replace the object only if it has this ETag (S3)")
      ->type_name("ETAG");
  command->add_option("--content-type", flags->put.content_type, "Content type of the objects")
      ->type_name("TYPE");
  command->add_flag("--no-resume", flags->no_resume,
                    "Send again what an interrupted run has sent already");
  command->add_flag("--json", flags->json, "The result for programs");
  add_upload_flags(*command, flags->upload);
  add_bucket_flags(*command, flags->store);
  add_log_flags(*command);
  command->callback([flags, &io, &exit_code] { exit_code = run_put_command(*flags, io); });
}

}  // namespace shoal::tools
