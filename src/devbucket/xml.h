// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "devbucket/api_error.h"

// The little XML the services speak: appending escaped text, and reading small request bodies.
// Pure.

namespace shoal::devbucket {

inline constexpr std::string_view kXmlDeclaration = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
inline constexpr std::string_view kS3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/";

// Appends `text` as XML character data. Control characters become character references, as S3
// writes them, although XML 1.0 has no way to carry most of them.
void append_escaped(std::string& xml, std::string_view text);
// "<name>escaped text</name>"
void append_element(std::string& xml, std::string_view name, std::string_view text);
void append_element(std::string& xml, std::string_view name, std::uint64_t number);

// The text of an element without child elements, and where it is: "Delete/Object/Key".
struct XmlLeaf {
  std::string path;
  std::string text;
};

// Every leaf of a document in document order; MalformedXML when it is none or declares a document
// type (entities could grow without bound).
[[nodiscard]] ApiResult<std::vector<XmlLeaf>> read_xml_leaves(std::string_view document);

}  // namespace shoal::devbucket
