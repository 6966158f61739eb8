// SPDX-License-Identifier: Apache-2.0
#include "tools/manual/roff.h"

#include <sstream>
#include <vector>

namespace shoal::tools {
namespace {

constexpr std::size_t kColumns = 76;  // of the source: nobody reads it, but lint does

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// A line that begins with a control character would be an instruction.
std::string guarded(const std::string& line) {
  return !line.empty() && (line.front() == '.' || line.front() == '\'') ? "\\&" + line : line;
}

}  // namespace

std::string Roff::escaped(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    switch (letter) {
      case '\\':
        result += "\\e";
        break;
      case '-':
        result += "\\-";
        break;
      case '\'':
        result += "\\(aq";
        break;
      case '`':
        result += "\\(ga";
        break;
      case '~':
        result += "\\(ti";
        break;
      case '^':
        result += "\\(ha";
        break;
      default:
        result += letter;
    }
  }
  return result;
}

std::string Roff::bold(std::string_view text) {
  return "\\fB" + escaped(text) + "\\fR";
}

std::string Roff::italic(std::string_view text) {
  return "\\fI" + escaped(text) + "\\fR";
}

void Roff::title(std::string_view name, int section, std::string_view date,
                 std::string_view source) {
  std::string upper;
  for (const char letter : name)
    upper += letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
  text_ += "." + std::string("TH ") + upper + " " + std::to_string(section) + " \"" +
           std::string(date) + "\" \"" + std::string(source) + "\" \"Shoal\"\n";
}

void Roff::raw(std::string_view line) {
  text_ += std::string(line) + "\n";
}

void Roff::name(std::string_view name, std::string_view what) {
  raw(escaped(name) + " \\-");
  fill(what);
  fresh_section_ = false;
}

void Roff::section(std::string_view heading) {
  raw(".SH " + std::string(heading));
  fresh_section_ = true;
}

void Roff::subsection(std::string_view heading) {
  raw(".SS " + escaped(heading));
  fresh_section_ = true;
}

void Roff::fill(std::string_view text) {
  std::istringstream words{std::string(text)};
  std::string line;
  for (std::string word; words >> word;) {
    const std::string piece = escaped(word);
    if (!line.empty() && line.size() + 1 + piece.size() > kColumns) {
      raw(guarded(line));
      line.clear();
    }
    line += (line.empty() ? "" : " ") + piece;
  }
  if (!line.empty()) raw(guarded(line));
}

void Roff::paragraph(std::string_view text) {
  if (!fresh_section_) raw(".PP");
  fresh_section_ = false;
  fill(text);
}

void Roff::verbatim(std::string_view lines) {
  if (!fresh_section_) raw(".PP");
  fresh_section_ = false;
  raw(".RS 4");
  raw(".EX");
  for (const std::string& line : lines_of(lines)) raw(guarded(escaped(line)));
  raw(".EE");
  raw(".RE");
}

void Roff::item(std::string_view tag, std::string_view text) {
  raw(".TP");
  raw(tag);
  fill(text);
  fresh_section_ = false;
}

void Roff::prose(std::string_view text) {
  std::string filled, shown;
  const auto flush = [&] {
    if (!filled.empty()) paragraph(filled);
    if (!shown.empty()) verbatim(shown);
    filled.clear();
    shown.clear();
  };
  for (const std::string& line : lines_of(text)) {
    const bool is_shown = line.starts_with("  ");
    if (line.empty() || (is_shown ? !filled.empty() : !shown.empty())) flush();
    if (is_shown)
      shown += line.substr(2) + "\n";
    else if (!line.empty())
      filled += line + " ";
  }
  flush();
}

}  // namespace shoal::tools
