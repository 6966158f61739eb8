// SPDX-License-Identifier: Apache-2.0
#include "store/xml.h"

#include <expat.h>

#include <memory>
#include <optional>
#include <vector>

#include "base/limits.h"

namespace shoal::store {
namespace {

constexpr std::size_t kDepthMax = 16;            // the deepest real answer has five levels
constexpr std::size_t kTextBytesMax = 64 << 10;  // a key is 1 KiB, three times that when encoded
constexpr std::size_t kLeavesMax = 64;

struct ParserFree {
  void operator()(XML_ParserStruct* parser) const { XML_ParserFree(parser); }
};

// What expat's callbacks share.
struct Reading {
  XML_Parser parser = nullptr;
  XmlVisitor* visitor = nullptr;
  std::vector<std::string> texts;  // one per open element
  std::optional<Error> error;

  void stop(Error reason) {
    if (!error) error = std::move(reason);
    XML_StopParser(parser, XML_FALSE);
  }
};

void on_open(void* user, const XML_Char* name, const XML_Char**) {
  auto& reading = *static_cast<Reading*>(user);
  if (reading.error) return;
  if (reading.texts.size() == kDepthMax)
    return reading.stop(Error(ErrorCode::corrupt, "the XML is nested too deeply"));
  const int depth = static_cast<int>(reading.texts.size());
  reading.texts.emplace_back();
  if (auto result = reading.visitor->on_open(depth, name); !result)
    reading.stop(std::move(result).error());
}

void on_close(void* user, const XML_Char* name) {
  auto& reading = *static_cast<Reading*>(user);
  if (reading.error) return;
  std::string text = std::move(reading.texts.back());
  reading.texts.pop_back();
  const int depth = static_cast<int>(reading.texts.size());
  if (auto result = reading.visitor->on_close(depth, name, std::move(text)); !result)
    reading.stop(std::move(result).error());
}

void on_text(void* user, const XML_Char* text, int size) {
  auto& reading = *static_cast<Reading*>(user);
  if (reading.error || reading.texts.empty()) return;
  std::string& target = reading.texts.back();
  if (target.size() + static_cast<std::size_t>(size) > kTextBytesMax)
    return reading.stop(Error(ErrorCode::corrupt, "the XML has an element that is too long"));
  target.append(text, static_cast<std::size_t>(size));
}

void on_document_type(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) {
  static_cast<Reading*>(user)->stop(
      Error(ErrorCode::corrupt, "the XML has a document type, which no object service sends"));
}

class LeafReader final : public XmlVisitor {
 public:
  explicit LeafReader(XmlLeaves& leaves) : leaves_(leaves) {}
  Result<void> on_open(int depth, std::string_view name) override {
    if (depth == 0) leaves_.root = name;
    return {};
  }
  Result<void> on_close(int depth, std::string_view name, std::string text) override {
    if (depth == 0) return {};
    if (leaves_.texts.size() == kLeavesMax)
      return fail(ErrorCode::corrupt, "the XML has too many different elements");
    leaves_.texts.try_emplace(std::string(name), std::move(text));
    return {};
  }

 private:
  XmlLeaves& leaves_;
};

}  // namespace

Result<void> read_xml(ByteSpan bytes, XmlVisitor& visitor) {
  if (bytes.size() > limits::kResponseBytesMax)
    return fail(ErrorCode::corrupt, "the XML has " + std::to_string(bytes.size()) + " bytes");
  const std::unique_ptr<XML_ParserStruct, ParserFree> parser(XML_ParserCreate(nullptr));
  if (!parser) return fail(ErrorCode::limit, "no memory for an XML parser");
  Reading reading{.parser = parser.get(), .visitor = &visitor, .texts = {}, .error = {}};
  XML_SetUserData(parser.get(), &reading);
  XML_SetElementHandler(parser.get(), on_open, on_close);
  XML_SetCharacterDataHandler(parser.get(), on_text);
  XML_SetStartDoctypeDeclHandler(parser.get(), on_document_type);
  const std::string_view text = as_text(bytes);
  const auto status = XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE);
  if (reading.error) return fail(std::move(*reading.error));
  if (status != XML_STATUS_OK)
    return fail(ErrorCode::corrupt, "the XML is broken in line " +
                                        std::to_string(XML_GetCurrentLineNumber(parser.get())) +
                                        ": " + XML_ErrorString(XML_GetErrorCode(parser.get())));
  return {};
}

std::string_view XmlLeaves::text(std::string_view name) const {
  const auto found = texts.find(name);
  return found == texts.end() ? std::string_view() : std::string_view(found->second);
}

Result<XmlLeaves> read_leaves(ByteSpan bytes) {
  XmlLeaves leaves;
  LeafReader reader(leaves);
  SHOAL_CHECK_OK(read_xml(bytes, reader));
  return leaves;
}

}  // namespace shoal::store
