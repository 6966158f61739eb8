// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "commands.h"
#include "display.h"
#include "flags.h"
#include "sys/file_identity.h"
#include "tools/write/session.h"
#include "tools/write/standard_input.h"
#include "upload_flags.h"

namespace shoal::tools {
namespace {

using write::ObjectAddress;
using write::Session;

// One request each: few, and each small enough to be kept in memory and journal.
constexpr std::uint64_t kPieceBytesMax = 64ull << 20;

struct AppendFlags {
  std::string source;
  std::string url;
  std::optional<std::uint64_t> position;
  StoreFlags store;
  UploadFlags upload;
  bool json = false;
};

struct Appended {
  std::uint64_t bytes = 0;
  std::optional<std::uint64_t> next_position;  // of the object, once something was appended
  bool is_complete = true;                     // no signal came, and no piece failed
};

// Before a byte is read: the answer depends on nothing but the service.
Result<ObjectAddress> target_of(const AppendFlags& flags) {
  SHOAL_TRY(auto target, write::parse_object_address(flags.url));
  if (target.is_directory())
    return fail(ErrorCode::bad_input, flags.url + " names no object", "Write the key's URL.");
  if (target.bucket.scheme == store::Scheme::s3)
    return fail(
        ErrorCode::unsupported,
        "S3 objects cannot be appended to: an S3 object is replaced whole or not at all",
        "Use `shoal put` under a new key per piece, or `shoal watch` on the directory where "
        "the file grows; on OSS, write the URL as oss://.");
  return target;
}

Result<sys::File> open_source(const std::string& source) {
  if (source != "-") return sys::open_regular(source);
  const int copy = ::dup(STDIN_FILENO);
  if (copy < 0) return fail(sys::errno_error(errno, "read standard input"));
  return sys::File::adopt(sys::Fd(copy), "standard input");
}

// Piece after piece: each must be there before the position of the next is known.
Result<Appended> append_pieces(const AppendFlags& flags, const sys::File& source,
                               const ObjectAddress& target, Session& session, const Io& io) {
  Appended appended;
  std::vector<std::byte> piece(std::min(kPieceBytesMax, session.options().memory_bytes_max / 4));
  std::optional<std::uint64_t> position = flags.position;
  while (true) {
    const auto count = write::read_fully(source.fd(), piece, *io.stop);
    if (!count && count.error().code() != ErrorCode::canceled) return fail(count.error());
    appended.is_complete = count.has_value();
    if (!count || *count == 0) return appended;
    SHOAL_TRY(auto upload, session.uploader().append_object(target.key, position,
                                                            std::span(piece).first(*count)));
    ++session.totals().files;
    session.totals().bytes += *count;
    session.sending().track({source.path().native(), target.key, *count, std::move(upload)});
    appended.is_complete = session.sending().wait(0);
    const auto& last = session.sending().last();
    if (!appended.is_complete || !last) {
      appended.is_complete = false;
      return appended;
    }
    appended.bytes += *count;
    appended.next_position = position = last->next_position;
    if (*count < piece.size()) return appended;
  }
}

void print(const AppendFlags& flags, const Appended& appended, const Io& io) {
  if (flags.json) {
    nlohmann::ordered_json json{
        {"url", flags.url}, {"bytes_appended", appended.bytes}, {"complete", appended.is_complete}};
    if (appended.next_position) json["next_position"] = *appended.next_position;
    fmt::print(io.out, "{}\n",
               json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
  } else if (appended.next_position) {
    fmt::print(io.out, "appended {}; {} has {} bytes\n", human_bytes(appended.bytes),
               printable(flags.url), grouped(*appended.next_position));
  } else if (appended.is_complete) {
    fmt::print(io.out, "nothing to append: {} is empty\n",
               flags.source == "-" ? "standard input" : printable(flags.source));
  }
}

Result<int> append(const AppendFlags& flags, const Io& io, write::SendView& view) {
  SHOAL_TRY(const auto target, target_of(flags));
  SHOAL_TRY(const sys::File source, open_source(flags.source));
  catch_signals();
  SHOAL_TRY(const auto session, Session::open({target, flags.store, flags.upload, "shoal append",
                                               /*remember_sent=*/false},
                                              view, io));
  SHOAL_TRY(const Appended appended, append_pieces(flags, source, target, *session, io));
  const bool all = session->explain(appended.is_complete);
  if (!appended.is_complete)
    complain(io, appended.next_position
                     ? fmt::format("the first {} bytes of the input are there and the object has "
                                   "{}: go on with what follows them and --position {}",
                                   grouped(appended.bytes), grouped(*appended.next_position),
                                   *appended.next_position)
                     : std::string("no byte of this run is known to be there; `shoal stat` shows "
                                   "the object's size"));
  print(flags, appended, io);
  return all ? kExitOk : kExitFailed;
}

}  // namespace

void add_append(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<AppendFlags>();
  CLI::App* command = app.add_subcommand("append", "Add to the end of an object (OSS)");
  command->footer(R"(Examples:
  shoal append today.log oss://logs/run-7/all.log
  ./train 2>&1 | shoal append - oss://logs/run-7/train.log
  shoal append piece-2 oss://logs/run-7/all.log --position 1048576

The object is made when it is missing. It must have been made by appending: OSS refuses to append to
objects that were put. S3 cannot append. What is larger than 64 MiB is sent in pieces, and so is what
comes through a pipe, when so much has come or at its end.)");
  command->add_option("file", flags->source, "A file, or - for standard input")->required();
  command->add_option("url", flags->url, "The object, oss://BUCKET/KEY")->required();
  command
      ->add_option("--position", flags->position,
                   "Size the object must have (default: what it has)")
      ->type_name("N");
  command->add_flag("--json", flags->json, "The result for programs");
  add_upload_flags(*command, flags->upload);
  add_bucket_flags(*command, flags->store);
  command->callback([flags, &io, &exit_code] {
    write::SendView view("append", io);
    const auto done = append(*flags, io, view);
    view.end_line();
    if (!done)
      complain(io,
               Error(done.error()).with_context("append " + flags->source + " to " + flags->url));
    exit_code = done ? *done : kExitFailed;
  });
}

}  // namespace shoal::tools
