// SPDX-License-Identifier: Apache-2.0
#include "devbucket/documents.h"

#include "devbucket/xml.h"

namespace shoal::devbucket {

std::string open_document(std::string_view root, Dialect dialect) {
  std::string xml(kXmlDeclaration);
  xml += '<';
  xml += root;
  if (dialect == Dialect::s3) {
    xml += " xmlns=\"";
    xml += kS3Namespace;
    xml += '"';
  }
  xml += '>';
  return xml;
}

std::string acl_document(Dialect dialect, std::string_view oss_grant) {
  std::string xml = open_document("AccessControlPolicy", dialect);
  xml += kOwnerXml;
  xml += "<AccessControlList>";
  if (dialect == Dialect::oss) {
    append_element(xml, "Grant", oss_grant);
  } else {
    xml +=
        "<Grant><Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
        "xsi:type=\"CanonicalUser\"><ID>devbucket</ID><DisplayName>devbucket</DisplayName>"
        "</Grantee><Permission>FULL_CONTROL</Permission></Grant>";
  }
  return xml + "</AccessControlList></AccessControlPolicy>";
}

}  // namespace shoal::devbucket
