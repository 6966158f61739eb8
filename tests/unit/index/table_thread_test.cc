// SPDX-License-Identifier: Apache-2.0
// Goal: what goes through the second thread arrives whole and in order, and a failure over there
// comes back over here. Method: more records than batches, read back from the database; a folder
// that is not there.
#include "index/table_thread.h"

#include "base/bytes.h"
#include "unit/index/fixture.h"

namespace shoal::index {
namespace {

std::unique_ptr<Database> open_database(const TemporaryFolder& folder) {
  auto database = Database::open(folder.path() / "index", Index::Mode::create);
  EXPECT_TRUE(database) << (database ? "" : database.error().to_string());
  return database ? std::move(*database) : nullptr;
}

TEST(TableThread, records_of_two_tables_arrive_in_order) {
  constexpr int kRecords = 40'000;  // with 100-byte values four batches
  const TemporaryFolder folder;
  const auto database = open_database(folder);
  ASSERT_TRUE(database);
  TableFiles objects(*database, Family::objects, folder.path(), "objects");
  TableFiles chunks(*database, Family::chunks, folder.path(), "chunks");
  const auto value_of = [](int i) { return std::string(100, static_cast<char>('a' + i % 26)); };
  {
    TableThread thread;
    for (int i = 0; i < kRecords; ++i) {
      const std::string key = encode_be(static_cast<std::uint32_t>(i));
      ASSERT_TRUE(thread.put(i % 3 == 0 ? chunks : objects, key, value_of(i)));
    }
    const auto drained = thread.drain();
    ASSERT_TRUE(drained) << drained.error().to_string();
  }
  ASSERT_TRUE(objects.finish());
  ASSERT_TRUE(chunks.finish());
  ASSERT_TRUE(ingest(*database, {&objects, &chunks}));
  for (int i = 0; i < kRecords; i += 7) {
    const auto value = database->get(i % 3 == 0 ? Family::chunks : Family::objects,
                                     encode_be(static_cast<std::uint32_t>(i)));
    ASSERT_TRUE(value);
    ASSERT_TRUE(*value) << i;
    EXPECT_EQ(**value, value_of(i));
  }
}

TEST(TableThread, failure_of_a_put_comes_back) {
  const TemporaryFolder folder;
  const auto database = open_database(folder);
  ASSERT_TRUE(database);
  TableFiles nowhere(*database, Family::objects, folder.path() / "missing", "objects");
  TableThread thread;
  ASSERT_TRUE(thread.put(nowhere, "key", "value"));
  EXPECT_FALSE(thread.drain());
  // And stays: a caller that went on would lose records.
  const std::string large(2 << 20, 'x');
  EXPECT_FALSE(thread.put(nowhere, "later", large));
  EXPECT_FALSE(thread.drain());
}

TEST(TableThread, dies_with_records_undrained) {
  const TemporaryFolder folder;
  const auto database = open_database(folder);
  ASSERT_TRUE(database);
  TableFiles objects(*database, Family::objects, folder.path(), "objects");
  TableThread thread;
  const std::string large(1 << 20, 'x');
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(thread.put(objects, std::to_string(i), large));
}

}  // namespace
}  // namespace shoal::index
