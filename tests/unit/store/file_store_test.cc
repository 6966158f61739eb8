// SPDX-License-Identifier: Apache-2.0
// Goal: a directory shows exactly its regular files and lets no key out of it.
// Method: a temporary directory with links, pipes and names that sort around '/'.
#include "store/file/file_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "virtual_loop.h"

namespace shoal::store {
namespace {

namespace fs = std::filesystem;

class FileStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = (fs::temp_directory_path() / "shoal-file-XXXXXX").string();
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    top = path;
    fs::create_directory(top / "root");
    store = make_file_store(loop, nullptr, top / "root");
  }
  void TearDown() override { fs::remove_all(top); }
  void write(const std::string& name, const std::string& text) {
    fs::create_directories((top / name).parent_path());
    std::ofstream(top / name) << text;
  }
  template <typename T>
  Result<T> await(const std::function<void(Done<T>)>& start) {
    std::optional<Result<T>> outcome;
    start([&](Result<T> result) { outcome = std::move(result); });
    loop.run_all();
    return outcome ? std::move(*outcome) : fail(ErrorCode::bug, "the call never ended");
  }
  Result<ObjectInfo> head(const std::string& key) {
    return await<ObjectInfo>([&](Done<ObjectInfo> done) { store->head(key, std::move(done)); });
  }
  Result<PutResult> put(const std::string& key) {
    return await<PutResult>([&](Done<PutResult> done) {
      store->put({.key = key, .body = as_bytes("x")}, std::move(done));
    });
  }
  std::vector<std::string> list(ListRequest request) {
    std::vector<std::string> keys;
    for (;;) {
      const auto page =
          await<ListPage>([&](Done<ListPage> done) { store->list(request, std::move(done)); });
      EXPECT_TRUE(page) << page.error().to_string();
      if (!page) return keys;
      for (const auto& object : page->objects) keys.push_back(object.key);
      if (!page->next_token) return keys;
      request.token = *page->next_token;
    }
  }

  VirtualLoop loop;
  fs::path top;
  std::unique_ptr<FileStore> store;
};

TEST_F(FileStoreTest, keys_sort_as_keys_and_not_as_names) {
  for (const char* name : {"root/a/z", "root/a/b/c", "root/a.txt", "root/a0", "root/a-b", "root/A"})
    write(name, "1");
  const std::vector<std::string> expected = {"A", "a-b", "a.txt", "a/b/c", "a/z", "a0"};
  for (const std::uint32_t keys_max : {1u, 2u, 1000u})
    EXPECT_EQ(list({.keys_max = keys_max}), expected);
  EXPECT_EQ(list({.start_after = "a.txt"}), (std::vector<std::string>{"a/b/c", "a/z", "a0"}));
  EXPECT_EQ(list({.start_after = "a/b/c"}), (std::vector<std::string>{"a/z", "a0"}));
  EXPECT_EQ(list({.start_after = "a/zz"}), std::vector<std::string>{"a0"});
  EXPECT_EQ(list({.prefix = "a/"}), (std::vector<std::string>{"a/b/c", "a/z"}));
  EXPECT_EQ(list({.prefix = "a/b/c/d"}), std::vector<std::string>{});
}

TEST_F(FileStoreTest, only_regular_files_are_objects_and_the_rest_is_counted) {
  write("root/file", "1");
  write("outside/secret", "2");
  fs::create_symlink(top / "outside", top / "root/link-directory");
  fs::create_symlink(top / "outside/secret", top / "root/link-file");
  ASSERT_EQ(::mkfifo((top / "root/pipe").c_str(), 0600), 0);
  fs::create_directory(top / "root/empty");
  EXPECT_EQ(list({}), std::vector<std::string>{"file"});
  EXPECT_EQ(store->skipped_entries(), 3u);
  for (const char* key : {"link-file", "link-directory/secret", "pipe", "empty", "file/below"})
    EXPECT_EQ(head(key).error().code(), ErrorCode::not_found) << key;
}

TEST_F(FileStoreTest, no_key_leads_outside) {
  write("outside/secret", "2");
  fs::create_symlink(top / "outside", top / "root/link");
  for (const char* key : {"../outside/secret", "a/../../outside/secret", "/etc/passwd", "./x",
                          "a//b", "a/", ".shoal-staging/x"}) {
    EXPECT_EQ(head(key).error().code(), ErrorCode::not_found) << key;
    EXPECT_EQ(put(key).error().code(), ErrorCode::bad_input) << key;
  }
  EXPECT_EQ(put("link/new").error().code(), ErrorCode::bad_input);
  EXPECT_TRUE(await<void>([&](Done<void> done) { store->remove("link/secret", std::move(done)); }));
  EXPECT_TRUE(fs::exists(top / "outside/secret"));
  EXPECT_FALSE(fs::exists(top / "outside/new"));
}

TEST_F(FileStoreTest, a_name_is_a_file_or_a_directory) {
  ASSERT_TRUE(put("a/b"));
  EXPECT_EQ(put("a").error().code(), ErrorCode::bad_input);
  EXPECT_EQ(put("a/b/c").error().code(), ErrorCode::bad_input);
}

TEST_F(FileStoreTest, unfinished_writes_are_not_part_of_the_bucket) {
  ASSERT_TRUE(put("done"));
  const auto upload = await<UploadId>(
      [&](Done<UploadId> done) { store->create_upload("later", "", std::move(done)); });
  ASSERT_TRUE(upload);
  ASSERT_TRUE(await<UploadedPart>([&](Done<UploadedPart> done) {
    store->upload_part(*upload, 1, as_bytes("part"), {}, std::move(done));
  }));
  EXPECT_EQ(list({}), std::vector<std::string>{"done"});
  UploadId forged{"later", "upload-1/../../x"};
  EXPECT_EQ(await<UploadedPart>([&](Done<UploadedPart> done) {
              store->upload_part(forged, 1, as_bytes("part"), {}, std::move(done));
            })
                .error()
                .code(),
            ErrorCode::not_found);
}

TEST_F(FileStoreTest, a_listing_goes_on_when_the_tree_changes_under_it) {
  for (int i = 0; i < 10; ++i) write("root/d" + std::to_string(i) + "/f", "1");
  auto page =
      await<ListPage>([&](Done<ListPage> done) { store->list({.keys_max = 3}, std::move(done)); });
  ASSERT_TRUE(page && page->next_token);
  fs::remove_all(top / "root/d3");
  fs::remove_all(top / "root/d5");
  EXPECT_EQ(list({.token = *page->next_token}),
            (std::vector<std::string>{"d4/f", "d6/f", "d7/f", "d8/f", "d9/f"}));
}

TEST_F(FileStoreTest, a_foreign_token_is_refused) {
  const auto page = await<ListPage>(
      [&](Done<ListPage> done) { store->list({.token = "1ueGcxLPRx1Tr"}, std::move(done)); });
  EXPECT_EQ(page.error().code(), ErrorCode::bad_input);
}

}  // namespace
}  // namespace shoal::store
