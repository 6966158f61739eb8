// SPDX-License-Identifier: Apache-2.0
#include "store/encoding.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <memory>

#include "base/assert.h"

namespace shoal::store {
namespace {

constexpr std::string_view kUpperHex = "0123456789ABCDEF";
constexpr std::string_view kLowerHex = "0123456789abcdef";

constexpr bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}
constexpr auto kUnreserved = [] {
  std::array<bool, 256> table{};
  for (int i = 0; i < 256; ++i)
    table[static_cast<std::size_t>(i)] = is_unreserved(static_cast<char>(i));
  return table;
}();

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

struct DigestContextFree {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
struct MacContextFree {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// Fetching an algorithm by name takes a lock and a search in OpenSSL 3, so each is fetched once
// (and lives as long as the process) and each thread keeps its own context.
std::string digest(const EVP_MD* algorithm, std::string_view data) {
  thread_local const std::unique_ptr<EVP_MD_CTX, DigestContextFree> context(EVP_MD_CTX_new());
  std::string result(static_cast<std::size_t>(EVP_MD_get_size(algorithm)), '\0');
  unsigned int size = 0;
  const bool good = EVP_DigestInit_ex(context.get(), algorithm, nullptr) == 1 &&
                    EVP_DigestUpdate(context.get(), data.data(), data.size()) == 1 &&
                    EVP_DigestFinal_ex(context.get(),
                                       reinterpret_cast<unsigned char*>(result.data()), &size) == 1;
  SHOAL_ASSERT(good && size == result.size());
  return result;
}

using MacContext = std::unique_ptr<EVP_MAC_CTX, MacContextFree>;

MacContext make_mac_context(const char* digest_name) {
  static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  SHOAL_ASSERT(hmac != nullptr);
  MacContext context(EVP_MAC_CTX_new(hmac));
  std::string name = digest_name;
  const std::array<OSSL_PARAM, 2> parameters{
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
      OSSL_PARAM_construct_end()};
  SHOAL_ASSERT(EVP_MAC_CTX_set_params(context.get(), parameters.data()) == 1);
  return context;
}

std::string mac(EVP_MAC_CTX* context, std::string_view key, std::string_view data) {
  std::string result(EVP_MAX_MD_SIZE, '\0');
  std::size_t size = 0;
  // A null key pointer means "the key before" to OpenSSL; an empty view may hold one.
  const unsigned char* key_bytes = key.empty() ? bytes_of("") : bytes_of(key);
  const bool good = EVP_MAC_init(context, key_bytes, key.size(), nullptr) == 1 &&
                    EVP_MAC_update(context, bytes_of(data), data.size()) == 1 &&
                    EVP_MAC_final(context, reinterpret_cast<unsigned char*>(result.data()), &size,
                                  result.size()) == 1;
  SHOAL_ASSERT(good);
  result.resize(size);
  return result;
}

}  // namespace

std::string percent_encode(std::string_view raw, bool keep_slash) {
  std::string encoded;
  encoded.reserve(raw.size() + raw.size() / 2);
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    if (kUnreserved[byte] || (c == '/' && keep_slash)) {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kUpperHex[byte >> 4];
      encoded += kUpperHex[byte & 15];
    }
  }
  return encoded;
}

std::string percent_decode(std::string_view encoded, bool plus_is_space) {
  std::string raw;
  raw.reserve(encoded.size());
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    const char c = encoded[i];
    if (c == '%' && i + 2 < encoded.size()) {
      const int high = hex_digit(encoded[i + 1]);
      const int low = hex_digit(encoded[i + 2]);
      if (high >= 0 && low >= 0) {
        raw += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    raw += c == '+' && plus_is_space ? ' ' : c;
  }
  return raw;
}

std::string hex(std::string_view raw) {
  std::string text;
  text.reserve(raw.size() * 2);
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    text += kLowerHex[byte >> 4];
    text += kLowerHex[byte & 15];
  }
  return text;
}

std::string sha256(std::string_view data) {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return digest(algorithm, data);
}

std::string md5(std::string_view data) {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "MD5", nullptr);
  return digest(algorithm, data);
}

struct Md5::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

Md5::Md5() : state_(std::make_unique<State>()) {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "MD5", nullptr);
  SHOAL_ASSERT(EVP_DigestInit_ex2(state_->context, algorithm, nullptr) == 1);
}
Md5::Md5(Md5&& other) noexcept = default;
Md5& Md5::operator=(Md5&& other) noexcept = default;
Md5::~Md5() = default;

void Md5::add(ByteSpan bytes) {
  SHOAL_ASSERT(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string Md5::finish_hex() {
  std::string raw(16, '\0');
  SHOAL_ASSERT(EVP_DigestFinal_ex(state_->context, reinterpret_cast<unsigned char*>(raw.data()),
                                  nullptr) == 1);
  return hex(raw);
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
  thread_local const MacContext context = make_mac_context("SHA256");
  return mac(context.get(), key, data);
}

std::string hmac_sha1(std::string_view key, std::string_view data) {
  thread_local const MacContext context = make_mac_context("SHA1");
  return mac(context.get(), key, data);
}

std::string base64(std::string_view raw) {
  std::string text(4 * ((raw.size() + 2) / 3), '\0');
  // EVP_EncodeBlock writes a closing zero, which lands on the string's own.
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes_of(raw),
                  static_cast<int>(raw.size()));
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  std::string raw(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(raw.data()), bytes_of(text),
                                   static_cast<int>(text.size()));
  if (size < 0) return std::nullopt;
  // OpenSSL counts the padding as zero bytes.
  std::size_t padding = 0;
  while (padding < 2 && text[text.size() - 1 - padding] == '=') ++padding;
  raw.resize(static_cast<std::size_t>(size) - padding);
  return raw;
}

}  // namespace shoal::store
