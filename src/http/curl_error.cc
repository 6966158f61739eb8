// SPDX-License-Identifier: Apache-2.0
#include "http/curl_error.h"

namespace shoal::http {
namespace {

struct Verdict {
  ErrorCode code = ErrorCode::unavailable;
  bool retry = true;
  const char* remedy = "";
};

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// A handshake that fails may be a lost connection, which passes, or a port that speaks no TLS.
Verdict judge_handshake(std::string_view reason) {
  if (contains(reason, "wrong version number") || contains(reason, "packet length too long") ||
      contains(reason, "http request"))
    return {
        .retry = false,
        .remedy = "The endpoint does not answer in TLS there: check its port, or write http://"};
  return {};
}

Verdict judge(CURLcode code, std::string_view reason) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {.remedy = "Check the endpoint's name, the proxy settings and DNS"};
    case CURLE_COULDNT_CONNECT:
      return {.remedy =
                  "Check the endpoint's address and port and that a firewall lets it through"};
    case CURLE_OPERATION_TIMEDOUT:
      return {.code = ErrorCode::timeout};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return {.retry = false,
              .remedy =
                  "If the endpoint has a certificate of your own authority, name that "
                  "authority's file in AWS_CA_BUNDLE; otherwise check the endpoint's name and "
                  "this machine's clock"};
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
      return {.retry = false, .remedy = "Check the certificate file named in AWS_CA_BUNDLE"};
    case CURLE_SSL_CONNECT_ERROR:
      return judge_handshake(reason);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
      return {.retry = false,
              .remedy =
                  "The other side does not speak HTTP/1.1: check the endpoint's address, port "
                  "and scheme (http or https)"};
    case CURLE_URL_MALFORMAT:
      return {.code = ErrorCode::bad_input, .retry = false, .remedy = "Check the endpoint's URL"};
    case CURLE_OUT_OF_MEMORY:
      return {.code = ErrorCode::limit};
    default:
      return {};  // reset, closed, short body, send and receive errors
  }
}

}  // namespace

Error curl_error(CURLcode code, std::string_view reason, bool was_sent, Method method,
                 std::string_view url) {
  const Verdict verdict = judge(code, reason);
  std::string message = describe(method, url);
  message += ": ";
  message += reason.empty() ? std::string_view(curl_easy_strerror(code)) : reason;
  Retry retry = Retry::no;
  if (verdict.retry) {
    const bool changes = method == Method::put || method == Method::post;
    retry = changes && was_sent ? Retry::unknown_effect : Retry::yes;
  }
  return Error(verdict.code, std::move(message), verdict.remedy).with_retry(retry);
}

}  // namespace shoal::http
