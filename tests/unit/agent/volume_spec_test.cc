// SPDX-License-Identifier: Apache-2.0
// Goal: a spec, a report and a request mean the same on both sides of the socket, and what means
// nothing is refused by name before anything is done with it.
// Method: round trips of values with every field set; one wrong value at a time; damaged JSON of
// all kinds, which must be refused and never more than that.

#include "agent/volume_spec.h"

#include <gtest/gtest.h>

#include <random>

#include "agent/records.h"
#include "agent/requests.h"

namespace shoal::agent {
namespace {

VolumeSpec full_spec() {
  VolumeSpec spec;
  spec.source = "s3://b/data/";
  spec.endpoint = "http://127.0.0.1:9000";
  spec.region = "eu-west-1";
  spec.addressing = "path";
  spec.signature = "v4";
  spec.sign_requests = false;
  spec.uid = 0;
  spec.gid = 1000;
  spec.umask = "0077";
  spec.cache_size = "50G";
  spec.buffer_size = "512M";
  spec.resource_limit = "2c4g";
  spec.max_bandwidth = "100M";
  spec.max_requests = 64;
  spec.max_qps = 12.5;
  spec.io_timeout_seconds = 30;
  spec.order = "shuffle:7:2";
  spec.warm = {"*.csv", "größe/[ab]"};
  spec.pin = true;
  spec.index_age_max = std::chrono::hours(1);
  return spec;
}

VolumeReport full_report() {
  VolumeReport report;
  report.id = "pv/1 \"quoted\"";
  report.spec = full_spec();
  report.phase = VolumePhase::repairing;
  report.error = Error(ErrorCode::permission, "no", "do this");
  report.progress = {.objects = 1, .bytes = 2, .seconds = 3.5};
  report.mount_point = "/m";
  report.staging_path = "/s";
  report.targets = {{.path = "/t", .read_only = false, .fingerprint = "f"}};
  report.files = 4;
  report.directories = 5;
  report.object_bytes = 6;
  report.listed_at = 7;
  report.abnormal = "odd";
  report.server_restarts = 8;
  return report;
}

VolumeSpec with(const std::function<void(VolumeSpec&)>& change) {
  VolumeSpec spec;
  spec.source = "s3://b/data";
  change(spec);
  return spec;
}

TEST(VolumeSpec, every_field_survives_the_round_trip) {
  const auto decoded = decode_spec(encode_spec(full_spec()));
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(*decoded, full_spec());
  VolumeSpec other = full_spec();
  other.direct = other.no_prefetch = true;
  EXPECT_EQ(decode_spec(encode_spec(other)), other);
  EXPECT_EQ(decode_spec(encode_spec(VolumeSpec{})), VolumeSpec{});
}

TEST(VolumeSpec, one_full_of_what_can_be_said_is_accepted) {
  const auto checked = check_spec(full_spec());
  EXPECT_TRUE(checked) << checked.error().to_string();
}

TEST(VolumeSpec, what_means_nothing_is_refused_by_name) {
  const std::vector<std::pair<std::string, VolumeSpec>> cases{
      {"source", VolumeSpec{}},
      {"source", with([](auto& s) { s.source = "bucket"; })},
      {"endpoint", with([](auto& s) { s.endpoint = "127.0.0.1"; })},
      {"addressing", with([](auto& s) { s.addressing = "both"; })},
      {"signature", with([](auto& s) { s.signature = "v2"; })},
      {"umask", with([](auto& s) { s.umask = "0888"; })},
      {"umask", with([](auto& s) { s.umask = "1000"; })},
      {"cache_size", with([](auto& s) { s.cache_size = "-1"; })},
      {"buffer_size", with([](auto& s) { s.buffer_size = "1M"; })},
      {"max_bandwidth", with([](auto& s) { s.max_bandwidth = "fast"; })},
      {"resource_limit", with([](auto& s) { s.resource_limit = "4g"; })},
      {"max_requests", with([](auto& s) { s.max_requests = 1'000'000; })},
      {"order", with([](auto& s) { s.order = "random"; })},
      {"order", with([](auto& s) { s.order = "shuffle:"; })},
      {"order", with([](auto& s) { s.order = "shuffle:1:2:3"; })},
      {"order", with([](auto& s) { s.order = "list:"; })},
      {"order", with([](auto& s) { s.order = "list:../etc/passwd"; })},
      {"order", with([](auto& s) {
         s.order = "shuffle:1";
         s.direct = true;
       })},
      {"order", with([](auto& s) {
         s.order = "shuffle:1";
         s.no_prefetch = true;
       })},
      {"warm", with([](auto& s) { s.warm = {"a/../b"}; })},
      {"pin", with([](auto& s) { s.pin = true; })}};
  for (const auto& [field, spec] : cases) {
    const auto checked = check_spec(spec);
    ASSERT_FALSE(checked) << encode_spec(spec);
    EXPECT_EQ(checked.error().code(), ErrorCode::bad_input);
    EXPECT_TRUE(checked.error().message().starts_with(field)) << checked.error().to_string();
    EXPECT_FALSE(checked.error().remedy().empty()) << field;
  }
}

TEST(VolumeSpec, a_field_nobody_knows_or_of_another_type_is_refused_by_name) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {R"({"source": 1})", "source"},
      {R"({"direct": 1})", "direct"},
      {R"({"uid": -1})", "uid"},
      {R"({"uid": 4294967295})", "uid"},
      {R"({"max_qps": "5"})", "max_qps"},
      {R"({"warm": "x"})", "warm"},
      {R"({"warm": [1]})", "warm"},
      {R"({"index_age_max_seconds": 1.5})", "index_age_max_seconds"},
      {R"({"cachesize": "1G"})", "cachesize"},
      {"{\"source\": \"s3://b/\\u0000\"}", "source"}};
  for (const auto& [json, field] : cases) {
    const auto decoded = decode_spec(json);
    ASSERT_FALSE(decoded) << json;
    EXPECT_EQ(decoded.error().code(), ErrorCode::bad_input) << json;
    EXPECT_NE(decoded.error().message().find(field), std::string::npos)
        << decoded.error().to_string();
  }
  for (const char* json : {"", "null", "[]", "{", "\"x\"", "{\"source\": \"\xff\"}"})
    EXPECT_FALSE(decode_spec(json)) << json;
}

TEST(VolumeReport, every_field_survives_the_round_trip) {
  const VolumeReport report = full_report();
  const auto decoded = decode_report(encode_report(report));
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(encode_report(*decoded), encode_report(report));
  EXPECT_EQ(decoded->error->code(), ErrorCode::permission);
  EXPECT_EQ(decoded->targets[0].read_only, false);
  EXPECT_EQ(decoded->spec, report.spec);
  const auto list = decode_reports(encode_reports({report, report}));
  ASSERT_TRUE(list);
  EXPECT_EQ(list->size(), 2u);
}

TEST(VolumeReport, an_answer_of_another_version_is_corrupt) {
  for (const char* text :
       {"", "{}", "[]", "{\"volumes\": 1}", "{\"id\": \"x\", \"phase\": \"asleep\"}"}) {
    const auto decoded = decode_report(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().code(), ErrorCode::corrupt) << text;
    EXPECT_FALSE(decode_reports(text)) << text;
  }
}

TEST(Requests, survive_the_round_trip) {
  Client::Attach attach{.id = "v",
                        .spec = full_spec(),
                        .keys = Keys{"id", Secret("secret"), Secret("token")},
                        .staging_path = "/stage",
                        .detach_with_last_target = true,
                        .wait = std::chrono::milliseconds(1500)};
  const auto decoded = decode_attach(encode_attach(attach));
  ASSERT_TRUE(decoded) << decoded.error().to_string();
  EXPECT_EQ(decoded->id, attach.id);
  EXPECT_EQ(decoded->spec, attach.spec);
  EXPECT_EQ(decoded->keys->access_key, "id");
  EXPECT_EQ(decoded->keys->secret_key.reveal(), "secret");
  EXPECT_EQ(decoded->keys->session_token.reveal(), "token");
  EXPECT_EQ(decoded->staging_path, attach.staging_path);
  EXPECT_EQ(decoded->detach_with_last_target, true);
  EXPECT_EQ(decoded->wait, attach.wait);
  const auto publish = decode_publish(
      encode_publish({.id = "v", .target = "/t", .read_only = false, .fingerprint = "f"}));
  ASSERT_TRUE(publish);
  EXPECT_EQ(publish->target, "/t");
  EXPECT_EQ(publish->read_only, false);
  EXPECT_EQ(publish->fingerprint, "f");
  EXPECT_EQ(decode_unpublish(encode_unpublish({.id = "v", .target = "/t"}))->target, "/t");
  EXPECT_EQ(decode_detach(encode_detach("v")), "v");
}

TEST(Requests, an_id_is_a_short_plain_text) {
  for (const std::string& id : {std::string("v"), std::string("größe/1"), std::string(256, 'x')})
    EXPECT_TRUE(check_id(id)) << id;
  for (const std::string& id : {std::string(), std::string(257, 'x'), std::string("a\nb"),
                                std::string("\xff"), std::string("a\0b", 3)})
    EXPECT_FALSE(check_id(id)) << id;
}

// Bytes changed, cut and put together anew: refused, or taken for what they say then.
TEST(Requests, damaged_bodies_are_refused_and_nothing_else_happens) {
  const std::vector<std::string> whole{
      encode_attach({.id = "v", .spec = full_spec(), .keys = Keys{"i", Secret("s"), Secret()}}),
      encode_publish({.id = "v", .target = "/t"}), encode_report(full_report()),
      encode_record({.id = "v",
                     .spec = full_spec(),
                     .mount = "m",
                     .key_identity = "",
                     .has_session_token = false,
                     .staging_path = {},
                     .detach_with_last_target = false,
                     .targets = {}})};
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = whole[random() % whole.size()];
    for (unsigned changes = 1 + random() % 4; changes > 0; --changes) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, random() % 8);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), random() % 16));
          break;
        default:
          text.insert(at, 1, "{}[]\",:-0e"[random() % 10]);
      }
      if (text.empty()) text = " ";
    }
    // None may throw or crash; sanitizers look, too.
    static_cast<void>(decode_attach(text).has_value());
    static_cast<void>(decode_publish(text).has_value());
    static_cast<void>(decode_report(text).has_value());
    static_cast<void>(decode_record(text).has_value());
  }
}

}  // namespace
}  // namespace shoal::agent
