// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace shoal::upload {

// Which files a command means: patterns that include or exclude, in the order given; the last one
// that matches a file decides, and a file that none matches is included. `--exclude '*' --include
// '*.csv'` means CSV files only.
//
// A pattern without '/' is matched against the file's name, another one against its whole path
// below the root: `*`, `?` and `[a-z]` stay within a name, a component `**` stands for any number
// of directories, a '/' at the end for everything below. Immutable once built.
class NameFilter {
 public:
  enum class Effect : std::uint8_t { include, exclude };
  // Fails with bad_input for an empty pattern and for "." and ".." as components.
  [[nodiscard]] Result<void> add(Effect effect, std::string_view pattern);
  // `path`: relative, without "./".
  [[nodiscard]] bool includes(std::string_view path) const;
  [[nodiscard]] bool empty() const { return rules_.empty(); }

 private:
  struct Rule {
    Effect effect = Effect::include;
    bool by_name = false;
    std::vector<std::string> components{};
    [[nodiscard]] bool matches(const std::vector<std::string_view>& path) const;
  };
  std::vector<Rule> rules_;
};

}  // namespace shoal::upload
