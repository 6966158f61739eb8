// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <CLI/CLI.hpp>
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

using Json = nlohmann::ordered_json;
using write::ObjectAddress;

struct StatFlags {
  std::vector<std::string> urls;
  StoreFlags store;
  bool json = false;
};

void print_json(const Io& io, const Json& json) {
  fmt::print(io.out, "{}\n", json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void print_object(const Io& io, bool json, const ObjectAddress& address,
                  const store::ObjectInfo& object) {
  if (json) {
    print_json(io, {{"url", address.to_url()},
                    {"key", object.key},
                    {"size", object.size},
                    {"mtime", object.mtime},
                    {"etag", object.etag},
                    {"storage_class", object.storage_class}});
    return;
  }
  fmt::print(io.out,
             "{}\n  size           {} bytes ({})\n  modified       {}\n  ETag           {}\n",
             printable(address.to_url()), grouped(object.size), human_bytes(object.size),
             utc_text(object.mtime), printable(object.etag));
  if (!object.storage_class.empty())
    fmt::print(io.out, "  storage class  {}\n", printable(object.storage_class));
}

void print_directory(const Io& io, bool json, const ObjectAddress& address,
                     const write::Counted& counted) {
  if (json)
    print_json(io,
               {{"url", address.to_url()}, {"objects", counted.objects}, {"bytes", counted.bytes}});
  else
    fmt::print(io.out, "{}\n  objects        {}\n  size           {} bytes ({})\n",
               printable(address.to_url()), grouped(counted.objects), grouped(counted.bytes),
               human_bytes(counted.bytes));
}

Result<void> stat_one(const std::string& url, const StatFlags& flags, const Io& io) {
  SHOAL_TRY(const auto address, write::parse_object_address(url));
  SHOAL_TRY(const auto bucket, write::open_bucket(address, flags.store, /*connections_max=*/1));
  if (!address.is_directory()) {
    SHOAL_TRY(const auto object,
              bucket->call<store::ObjectInfo>([&address](store::ObjectStore& store, auto done) {
                store.head(address.key, std::move(done));
              }));
    print_object(io, flags.json, address, object);
    return {};
  }
  SHOAL_TRY(const auto counted,
            write::for_each_page(*bucket, address.key, *io.stop,
                                 [](const auto&) -> Result<void> { return {}; }));
  if (io.stop->load())
    return fail(ErrorCode::canceled, "interrupted after " + grouped(counted.objects) + " objects");
  if (counted.objects == 0)
    return fail(ErrorCode::not_found, "there is no object below " + address.to_url(),
                "Check the prefix; of one object, leave the '/' at the end out.");
  print_directory(io, flags.json, address, counted);
  return {};
}

}  // namespace

void add_stat(CLI::App& app, const Io& io, int& exit_code) {
  auto flags = std::make_shared<StatFlags>();
  CLI::App* command = app.add_subcommand("stat", "Ask the bucket about objects, not an index");
  command->footer(R"(Examples:
  shoal stat s3://models/run-7/model.ckpt
  shoal stat s3://models/run-7/            # counts the objects and bytes below
  shoal stat s3://models/run-7/model.ckpt --json | jq .etag

Exit code 1: one of them is missing.)");
  command
      ->add_option("urls", flags->urls, "URLs of objects, or of directories with '/' at their end")
      ->required();
  command->add_flag("--json", flags->json, "One JSON object per line");
  add_bucket_flags(*command, flags->store);
  command->callback([flags, &io, &exit_code] {
    catch_signals();
    for (const std::string& url : flags->urls) {
      const auto done = stat_one(url, *flags, io);
      if (done) continue;
      complain(io, Error(done.error()).with_context("stat " + url));
      exit_code = kExitFailed;
    }
  });
}

}  // namespace shoal::tools
