// SPDX-License-Identifier: Apache-2.0
#include "devbucket/xml.h"

#include <expat.h>

#include <array>
#include <charconv>
#include <memory>

namespace shoal::devbucket {
namespace {

constexpr std::size_t kDepthMax = 16;  // the deepest body a client sends has four levels

struct Reader {
  XML_Parser parser = nullptr;
  std::string path;
  std::size_t depth = 0;
  std::string text;
  bool is_leaf = false;
  bool refused = false;
  std::vector<XmlLeaf> leaves;
};

void stop(Reader& reader) {
  reader.refused = true;
  XML_StopParser(reader.parser, XML_FALSE);
}

void XMLCALL on_start(void* context, const char* name, const char** /*attributes*/) {
  auto& reader = *static_cast<Reader*>(context);
  if (++reader.depth > kDepthMax) return stop(reader);
  if (!reader.path.empty()) reader.path += '/';
  reader.path += name;
  reader.text.clear();
  reader.is_leaf = true;
}

void XMLCALL on_end(void* context, const char* /*name*/) {
  auto& reader = *static_cast<Reader*>(context);
  if (reader.is_leaf) reader.leaves.push_back({reader.path, reader.text});
  reader.is_leaf = false;
  --reader.depth;
  const std::size_t slash = reader.path.rfind('/');
  reader.path.resize(slash == std::string::npos ? 0 : slash);
}

void XMLCALL on_text(void* context, const char* text, int length) {
  auto& reader = *static_cast<Reader*>(context);
  if (reader.is_leaf) reader.text.append(text, static_cast<std::size_t>(length));
}

void XMLCALL on_doctype(void* context, const char*, const char*, const char*, int) {
  stop(*static_cast<Reader*>(context));
}

bool needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '&' || c == '<' || c == '>' || c == '"';
}

}  // namespace

void append_escaped(std::string& xml, std::string_view text) {
  std::size_t done = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!needs_escape(text[i])) [[likely]]
      continue;
    xml.append(text, done, i - done);
    done = i + 1;
    switch (text[i]) {
      case '&':
        xml += "&amp;";
        break;
      case '<':
        xml += "&lt;";
        break;
      case '>':
        xml += "&gt;";
        break;
      case '"':
        xml += "&quot;";
        break;
      default:
        xml += "&#";
        xml += std::to_string(static_cast<int>(text[i]));
        xml += ';';
    }
  }
  xml.append(text, done);
}

void append_element(std::string& xml, std::string_view name, std::string_view text) {
  xml += '<';
  xml += name;
  xml += '>';
  append_escaped(xml, text);
  xml += "</";
  xml += name;
  xml += '>';
}

void append_element(std::string& xml, std::string_view name, std::uint64_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  append_element(xml, name, std::string_view(digits.data(), end));
}

ApiResult<std::vector<XmlLeaf>> read_xml_leaves(std::string_view document) {
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(
      XML_ParserCreate(nullptr), &XML_ParserFree);
  Reader reader;
  reader.parser = parser.get();
  XML_SetUserData(parser.get(), &reader);
  XML_SetElementHandler(parser.get(), on_start, on_end);
  XML_SetCharacterDataHandler(parser.get(), on_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), on_doctype);
  const auto status =
      XML_Parse(parser.get(), document.data(), static_cast<int>(document.size()), XML_TRUE);
  if (status != XML_STATUS_OK || reader.refused)
    return refuse(400, "MalformedXML",
                  "The XML you provided was not well-formed or did not validate.");
  return std::move(reader.leaves);
}

}  // namespace shoal::devbucket
