// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace shoal::control {

// Names files of a dataset: a path, or a pattern in which `*` stands for any characters but '/',
// `?` for one, `[a-z]` and `[!0-9]` for one of a set, and a component `**` for any number of
// directories, none too. A leading dot is nothing special. A backslash takes the meaning from one
// of these. A name that is spelled like the pattern matches it, too. Immutable.
class PathPattern {
 public:
  struct Component {
    enum class Kind { literal, glob, any_depth };
    Kind kind = Kind::literal;
    std::string text;  // as written, without escapes when literal
    [[nodiscard]] bool matches(std::string_view name) const;
  };
  enum class Syntax { pattern, literal };  // literal: `*`, `?`, `[` and `\` mean themselves

  // Relative to the dataset: slashes at the ends and "." mean nothing. Fails with bad_input for a
  // ".." (it would lead outside), a NUL, and a text that is too long for any key.
  [[nodiscard]] static Result<PathPattern> parse(std::string_view text, Syntax syntax);

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  // Empty: the whole dataset.
  [[nodiscard]] const std::vector<Component>& components() const noexcept { return components_; }

 private:
  std::string text_;
  std::vector<Component> components_;
};

}  // namespace shoal::control
