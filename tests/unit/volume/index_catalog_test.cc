// SPDX-License-Identifier: Apache-2.0
// Goal: the questions of policies are answered from the index, on their executor and never from
// inside the call, and what cannot be answered is answered with nothing.
#include "volume/index_catalog.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include <functional>

#include "sys/loop.h"
#include "unit/volume/prepared_index.h"

namespace shoal::volume {
namespace {

class Catalog : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* symbol : {"AA", "BB", "CC", "DD"})
      for (int day = 1; day <= 3; ++day)
        if (std::string_view(symbol) != "CC" || day != 2)
          made_.add(fmt::format("market/{}/2026-01-0{}.csv", symbol, day), 5000);
    made_.add("market/readme", 100);
    made_.add("zz-last", 10);
    made_.build();
  }
  static std::vector<std::string> names(const std::vector<prefetch::CatalogFile>& files) {
    std::vector<std::string> names;
    for (const auto& file : files) names.push_back(file.path);
    return names;
  }
  using Names = std::vector<std::string>;
  PreparedIndex made_;
};

TEST_F(Catalog, finds_the_file_that_holds_an_address) {
  const DataAddress begin = made_.address_of("market/BB/2026-01-02.csv");
  for (const std::uint64_t offset : {0u, 4999u}) {
    const auto file = file_at(made_.index(), made_.geometry(), DataAddress{begin.value + offset});
    ASSERT_TRUE(file) << offset;
    EXPECT_EQ(file->path, "market/BB/2026-01-02.csv");
    EXPECT_EQ(file->begin, begin);
    EXPECT_EQ(file->length, 5000u);
  }
  EXPECT_FALSE(file_at(made_.index(), made_.geometry(), made_.data_end()));
}

TEST_F(Catalog, goes_across_directories_and_leaves_out_those_without_the_file) {
  prefetch::AcrossQuery query{
      .parent = "market", .after = "", .suffix = "2026-01-02.csv", .count = 2};
  auto across = files_across(made_.index(), query);
  EXPECT_EQ(names(across.files), (Names{"market/AA/2026-01-02.csv", "market/BB/2026-01-02.csv"}));
  EXPECT_FALSE(across.is_end);
  query.after = "BB";
  across = files_across(made_.index(), query);
  EXPECT_EQ(names(across.files), (Names{"market/DD/2026-01-02.csv"}));
  EXPECT_TRUE(across.is_end);
}

TEST_F(Catalog, knows_the_file_behind_another_across_the_ends_of_directories) {
  EXPECT_EQ(file_behind(made_.index(), "market/AA/2026-01-01.csv")->path,
            "market/AA/2026-01-02.csv");
  EXPECT_EQ(file_behind(made_.index(), "market/AA/2026-01-03.csv")->path,
            "market/BB/2026-01-01.csv");
  EXPECT_EQ(file_behind(made_.index(), "market/DD/2026-01-03.csv")->path, "market/readme");
  EXPECT_EQ(file_behind(made_.index(), "market/readme")->path, "zz-last");
  EXPECT_FALSE(file_behind(made_.index(), "zz-last"));
}

TEST_F(Catalog, answers_later_on_the_executor_and_not_behind_its_end) {
  const auto loop = sys::Loop::create({}).value();
  sys::WorkerPool worker("test", 1);
  auto catalog = std::make_unique<IndexCatalog>(made_.index(), made_.geometry(), worker, *loop);
  std::optional<Names> answer;
  catalog->find({"market/readme", "none", "market/CC/2026-01-01.csv"},
                [&](std::vector<prefetch::CatalogFile> files) { answer = names(files); });
  EXPECT_FALSE(answer) << "from inside the call";
  loop->run_until([&] { return answer.has_value(); });
  EXPECT_EQ(*answer, (Names{"market/readme", "market/CC/2026-01-01.csv"}));

  std::size_t answers = 0, empty = 0;
  for (std::size_t i = 0; i < IndexCatalog::kQuestionsMax + 10; ++i)
    catalog->next_file("market/readme", [&](std::optional<prefetch::CatalogFile> file) {
      answers += 1;
      empty += !file.has_value();
    });
  EXPECT_EQ(answers, 0u);
  loop->run_until([&] { return answers == IndexCatalog::kQuestionsMax + 10; });
  EXPECT_EQ(empty, 10u) << "more than stand in line";

  bool stopped = true;
  catalog->next_file("market/readme",
                     [&](std::optional<prefetch::CatalogFile>) { stopped = false; });
  catalog->stop();
  catalog->next_file("market/readme",
                     [&](std::optional<prefetch::CatalogFile>) { stopped = false; });
  bool answered = false;
  worker.post([&] { loop->post([&] { answered = true; }); });
  loop->run_until([&] { return answered; });
  EXPECT_TRUE(stopped);
  catalog = std::make_unique<IndexCatalog>(made_.index(), made_.geometry(), worker, *loop);

  bool late = false;
  catalog->file_at(DataAddress{0}, [&](std::optional<prefetch::CatalogFile>) { late = true; });
  catalog.reset();
  bool through = false;
  worker.post([&] { loop->post([&] { through = true; }); });
  loop->run_until([&] { return through; });
  EXPECT_FALSE(late);
}

}  // namespace
}  // namespace shoal::volume
