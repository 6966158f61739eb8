// SPDX-License-Identifier: Apache-2.0
// Goal: a list of paths reads as people and programs write them, of any length, and what is no list
// says so.
#include "volume/path_list.h"

#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "sim/support/faulty_files.h"

namespace shoal::volume {
namespace {

class PathLists : public testing::Test {
 protected:
  Result<std::vector<std::string>> read(const std::string& text) {
    const auto file = temporary_.path() / "list";
    std::ofstream(file, std::ios::binary) << text;
    SHOAL_TRY(auto list, PathList::open(file));
    std::vector<std::string> paths;
    std::string path;
    for (;;) {
      SHOAL_TRY(const bool more, list.next(path));
      if (!more) return paths;
      paths.push_back(path);
    }
  }
  using Paths = std::vector<std::string>;
  sim::TemporaryDirectory temporary_;
};

TEST_F(PathLists, one_path_per_line) {
  EXPECT_EQ(read("a/b\nc d\n").value(), (Paths{"a/b", "c d"}));
  EXPECT_EQ(read("a\nlast without an end").value(), (Paths{"a", "last without an end"}));
  EXPECT_EQ(read("").value(), Paths{});
  EXPECT_EQ(read("\n\n").value(), Paths{});
}

TEST_F(PathLists, what_find_and_windows_add_is_taken_off) {
  EXPECT_EQ(read("./a\r\n/b\r\n././c\n//d\n.hidden\n").value(),
            (Paths{"a", "b", "c", "d", ".hidden"}));
}

TEST_F(PathLists, zero_bytes_separate_names_with_line_ends) {
  using namespace std::string_literals;
  EXPECT_EQ(read("a\nb\0./c\r\0"s).value(), (Paths{"a\nb", "c\r"}));
}

TEST_F(PathLists, entries_across_pieces_of_the_file_are_whole) {
  std::string text;
  Paths expected;
  for (int i = 0; i < 40000; ++i) {
    expected.push_back("directory/" + std::string(static_cast<std::size_t>(i % 37), 'n') +
                       std::to_string(i));
    text += expected.back() + "\n";
  }
  EXPECT_EQ(read(text).value(), expected);
}

TEST_F(PathLists, an_entry_longer_than_any_path_is_an_error_that_names_it) {
  const auto outcome = read("a\n" + std::string(PathList::kPathBytesMax + 1, 'n') + "\n");
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), ErrorCode::bad_input);
  EXPECT_NE(outcome.error().to_string().find("entry 2"), std::string::npos);
  EXPECT_EQ(read(std::string(PathList::kPathBytesMax, 'n')).value().size(), 1u);
}

TEST_F(PathLists, what_is_no_file_cannot_be_opened) {
  EXPECT_EQ(PathList::open(temporary_.path()).error().code(), ErrorCode::bad_input);
  EXPECT_EQ(PathList::open(temporary_.path() / "none").error().code(), ErrorCode::not_found);
}

}  // namespace
}  // namespace shoal::volume
