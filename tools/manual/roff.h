// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

// A manual page in the man(7) language, line by line. Pure, confined.

namespace shoal::tools {

class Roff {
 public:
  // "SHOAL-MOUNT" 1 "2026-01-31" "shoal 0.1.0" "Shoal".
  void title(std::string_view name, int section, std::string_view date, std::string_view source);
  void name(std::string_view name, std::string_view what);  // the line of NAME
  void section(std::string_view heading);                   // .SH
  void subsection(std::string_view heading);                // .SS
  // Text as people write it in --help: blank lines between paragraphs; lines that begin with two
  // spaces are shown as they are.
  void prose(std::string_view text);
  void paragraph(std::string_view text);  // filled
  void verbatim(std::string_view lines);  // as it is
  // A tagged paragraph; the tag is markup made with bold() and italic().
  void item(std::string_view tag, std::string_view text);
  void raw(std::string_view line);

  [[nodiscard]] const std::string& text() const { return text_; }

  [[nodiscard]] static std::string escaped(std::string_view text);
  [[nodiscard]] static std::string bold(std::string_view text);
  [[nodiscard]] static std::string italic(std::string_view text);

 private:
  void fill(std::string_view text);

  std::string text_;
  bool fresh_section_ = false;  // no .PP behind a heading
};

}  // namespace shoal::tools
