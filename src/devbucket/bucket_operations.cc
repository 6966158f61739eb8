// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "devbucket/dates.h"
#include "devbucket/documents.h"
#include "devbucket/service.h"
#include "devbucket/xml.h"

// Operations on the service and on whole buckets, but for listing.

namespace shoal::devbucket {
namespace {

constexpr std::size_t kDeleteKeysMax = 1000;

Response xml_response(std::string xml) {
  Response response;
  response.set_xml(std::move(xml));
  return response;
}

}  // namespace

Service::Answer Service::list_buckets(const Exchange& exchange) {
  std::string xml = open_document("ListAllMyBucketsResult", exchange.request.dialect);
  xml += kOwnerXml;
  xml += "<Buckets>";
  for (const auto& bucket : buckets_->list()) {
    xml += "<Bucket>";
    append_element(xml, "Name", bucket.name);
    xml += "<CreationDate>";
    append_iso_date(xml, bucket.created_seconds);
    xml += "</CreationDate>";
    if (exchange.request.dialect == Dialect::oss)
      append_element(xml, "Location", "oss-" + options_.auth.region);
    xml += "</Bucket>";
  }
  xml += "</Buckets></ListAllMyBucketsResult>";
  return xml_response(std::move(xml));
}

Service::Answer Service::create_bucket(const Exchange& exchange) {
  const Request& request = exchange.request;
  auto created = buckets_->create(request.bucket);
  if (!created) return refuse(std::move(created).error());
  // Creating one's own bucket again is fine on OSS and an error on S3.
  if (!*created && request.dialect == Dialect::s3)
    return refuse(
        409, "BucketAlreadyOwnedByYou",
        "Your previous request to create the named bucket succeeded and you already own it.");
  Response response;
  response.add_header("Location", "/" + request.bucket);
  return response;
}

Service::Answer Service::delete_bucket(const Exchange& exchange) {
  auto removed = buckets_->remove(exchange.request.bucket);
  if (!removed) return refuse(std::move(removed).error());
  Response response;
  response.status = 204;
  return response;
}

Service::Answer Service::head_bucket(const Exchange& exchange) {
  Response response;
  if (!options_.auth.region.empty())
    response.add_header(
        exchange.request.dialect == Dialect::oss ? "x-oss-bucket-region" : "x-amz-bucket-region",
        options_.auth.region);
  return response;
}

Service::Answer Service::get_location(const Exchange& exchange) {
  const bool is_oss = exchange.request.dialect == Dialect::oss;
  std::string region = options_.auth.region;
  if (is_oss) region = "oss-" + (region.empty() ? std::string("cn-hangzhou") : region);
  if (!is_oss && region == "us-east-1") region.clear();  // S3's oldest region has no name here
  std::string xml = open_document("LocationConstraint", exchange.request.dialect);
  append_escaped(xml, region);
  return xml_response(xml + "</LocationConstraint>");
}

Service::Answer Service::probe_bucket(const Exchange& exchange) {
  const Request& request = exchange.request;
  const auto refuse_missing = [](std::string_view code, std::string message) {
    return refuse(404, code, std::move(message));
  };
  if (request.method != "GET" && request.has_param("acl")) return Response{};  // everybody is owner
  if (request.method != "GET")
    return refuse(501, "NotImplemented", "The dev bucket keeps no bucket settings.");
  if (request.has_param("acl")) return xml_response(acl_document(request.dialect, "private"));
  if (request.has_param("versioning"))
    return xml_response(open_document("VersioningConfiguration", request.dialect) +
                        "</VersioningConfiguration>");
  if (request.has_param("requestPayment"))
    return xml_response(open_document("RequestPaymentConfiguration", request.dialect) +
                        "<Payer>BucketOwner</Payer></RequestPaymentConfiguration>");
  if (request.has_param("logging"))
    return xml_response(open_document("BucketLoggingStatus", request.dialect) +
                        "</BucketLoggingStatus>");
  if (request.has_param("bucketInfo")) {
    std::string xml = open_document("BucketInfo", request.dialect) + "<Bucket>";
    append_element(xml, "Name", request.bucket);
    append_element(xml, "Location", "oss-" + options_.auth.region);
    append_element(xml, "StorageClass", "Standard");
    return xml_response(xml + std::string(kOwnerXml) + "</Bucket></BucketInfo>");
  }
  if (request.has_param("policy") || request.has_param("policyStatus"))
    return refuse_missing("NoSuchBucketPolicy", "The bucket policy does not exist");
  if (request.has_param("lifecycle"))
    return refuse_missing("NoSuchLifecycleConfiguration",
                          "The lifecycle configuration does not exist");
  if (request.has_param("cors"))
    return refuse_missing("NoSuchCORSConfiguration", "The CORS configuration does not exist");
  if (request.has_param("tagging"))
    return refuse_missing("NoSuchTagSet", "The TagSet does not exist");
  if (request.has_param("website"))
    return refuse_missing("NoSuchWebsiteConfiguration", "The website configuration does not exist");
  if (request.has_param("encryption"))
    return refuse_missing("ServerSideEncryptionConfigurationNotFoundError",
                          "The server side encryption configuration was not found");
  if (request.has_param("object-lock"))
    return refuse_missing("ObjectLockConfigurationNotFoundError",
                          "Object Lock configuration does not exist for this bucket");
  if (request.has_param("publicAccessBlock"))
    return refuse_missing("NoSuchPublicAccessBlockConfiguration",
                          "The public access block configuration was not found");
  return refuse(501, "NotImplemented", "The dev bucket does not implement this sub-resource.");
}

Service::Answer Service::delete_objects(Exchange& exchange) {
  auto leaves = read_xml_leaves(exchange.body->text());
  if (!leaves) return refuse(std::move(leaves).error());
  const auto is_key = [](const XmlLeaf& leaf) { return leaf.path == "Delete/Object/Key"; };
  const auto count = static_cast<std::size_t>(std::ranges::count_if(*leaves, is_key));
  if (count == 0 || count > kDeleteKeysMax)
    return refuse(400, "MalformedXML", "The request must name between 1 and 1000 keys.");
  const bool is_quiet = std::ranges::any_of(*leaves, [](const XmlLeaf& leaf) {
    return leaf.path == "Delete/Quiet" && leaf.text == "true";
  });
  std::string xml = open_document("DeleteResult", exchange.request.dialect);
  for (const XmlLeaf& leaf : *leaves) {
    if (!is_key(leaf)) continue;
    auto removed = exchange.bucket.disk->remove(leaf.text);
    if (removed && is_quiet) continue;
    xml += removed ? "<Deleted>" : "<Error>";
    append_element(xml, "Key", leaf.text);
    if (!removed) {
      append_element(xml, "Code", removed.error().code);
      append_element(xml, "Message", removed.error().message);
    }
    xml += removed ? "</Deleted>" : "</Error>";
  }
  return xml_response(xml + "</DeleteResult>");
}

}  // namespace shoal::devbucket
