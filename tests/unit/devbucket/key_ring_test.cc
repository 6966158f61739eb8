// SPDX-License-Identifier: Apache-2.0
// Goal: keys that are exchanged while the server runs count soon, and the old ones are called
// expired. Method: files of keys, written anew, and requests signed by hand.
#include "devbucket/key_ring.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "devbucket/authorizer.h"
#include "store/oss/oss_sign.h"

namespace shoal::devbucket {
namespace {

class KeyRingTest : public testing::Test {
 protected:
  KeyRingTest()
      : path_(
            (std::filesystem::temp_directory_path() / ("shoal-keys-" + std::to_string(::getpid())))
                .string()) {}
  ~KeyRingTest() override { std::filesystem::remove(path_); }

  void write(const std::string& text) {
    std::ofstream(path_ + ".new") << text;
    std::filesystem::rename(path_ + ".new", path_);
  }
  // Looks until `wanted` holds, as long as a look may take.
  static bool soon(const std::function<bool()>& wanted) {
    const TimePoint end = system_clock().now() + std::chrono::seconds(20);
    while (!wanted() && system_clock().now() < end) std::this_thread::yield();
    return wanted();
  }

  std::string path_;
};

TEST_F(KeyRingTest, reads_lines_and_refuses_half_a_key) {
  write("# keys\n\none secret1\n two  secret2\ttoken2 \n");
  const auto keys = read_keys_file(path_);
  ASSERT_TRUE(keys) << keys.error().to_string();
  ASSERT_EQ(keys->size(), 2u);
  EXPECT_EQ((*keys)[0].id, "one");
  EXPECT_EQ((*keys)[0].secret.reveal(), "secret1");
  EXPECT_TRUE((*keys)[0].token.empty());
  EXPECT_EQ((*keys)[1].token.reveal(), "token2");
  write("one\n");
  EXPECT_EQ(read_keys_file(path_).error().code(), ErrorCode::bad_input);
  EXPECT_EQ(read_keys_file(path_ + "-none").error().code(), ErrorCode::not_found);
}

TEST_F(KeyRingTest, a_changed_file_is_read_again_and_a_broken_one_changes_nothing) {
  write("id old\n");
  KeyRing ring({{"fixed", Secret("s"), Secret()}}, path_);
  EXPECT_EQ(ring.current()->valid.size(), 2u);
  const std::uint64_t serial = ring.current()->valid[0].serial;
  write("id new token\n");
  EXPECT_TRUE(soon([&] { return ring.current()->valid.back().secret.reveal() == "new"; }));
  ASSERT_EQ(ring.current()->retired.size(), 1u);
  EXPECT_EQ(ring.current()->retired[0].secret.reveal(), "old");
  EXPECT_EQ(ring.current()->valid[0].serial, serial) << "the fixed key is the same one";
  write("broken\n");
  const TimePoint later = system_clock().now() + std::chrono::milliseconds(250);
  while (system_clock().now() < later) EXPECT_EQ(ring.current()->valid.size(), 2u);
  write("id old\n");
  EXPECT_TRUE(soon([&] { return ring.current()->valid.back().secret.reveal() == "old"; }));
  EXPECT_EQ(ring.current()->retired.size(), 1u);
}

// What a request signed with OSS's first signature is answered with.
std::string answer(const Authorizer& authorizer, const std::string& secret,
                   const std::string& token) {
  const std::string date = "Wed, 28 Dec 2022 10:27:41 GMT";
  Request request;
  request.method = "GET";
  request.target = "/bucket/key";
  request.headers.add("host", "localhost");
  request.headers.add("date", date);
  if (!token.empty()) request.headers.add("x-oss-security-token", token);
  std::vector<std::pair<std::string, std::string>> headers = {{"date", date}};
  if (!token.empty()) headers.emplace_back("x-oss-security-token", token);
  request.headers.add("authorization", store::oss::v1_authorization({.method = "GET",
                                                                     .bucket = "bucket",
                                                                     .key = "key",
                                                                     .query = {},
                                                                     .headers = headers,
                                                                     .additional_headers = {}},
                                                                    "id", Secret(secret), date));
  understand(request, [](std::string_view) { return false; });
  const auto identity = authorizer.check(request, 1672223261);
  return identity ? "ok" : identity.error().code;
}

TEST_F(KeyRingTest, what_was_valid_before_is_refused_as_expired) {
  write("id old\n");
  AuthorizerOptions options;
  options.keys_file = path_;
  const Authorizer authorizer(options);
  EXPECT_EQ(answer(authorizer, "old", ""), "ok");
  EXPECT_EQ(answer(authorizer, "new", ""), "SignatureDoesNotMatch");
  write("id new\n");
  EXPECT_TRUE(soon([&] { return answer(authorizer, "new", "") == "ok"; }));
  EXPECT_EQ(answer(authorizer, "old", ""), "SecurityTokenExpired");
  EXPECT_EQ(answer(authorizer, "never", ""), "SignatureDoesNotMatch");
  write("id new token\n");
  EXPECT_TRUE(soon([&] { return answer(authorizer, "new", "token") == "ok"; }));
  EXPECT_EQ(answer(authorizer, "new", ""), "SecurityTokenExpired");
  EXPECT_EQ(answer(authorizer, "new", "other"), "InvalidSecurityToken");
}

}  // namespace
}  // namespace shoal::devbucket
