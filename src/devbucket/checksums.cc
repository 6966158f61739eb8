// SPDX-License-Identifier: Apache-2.0
#include "devbucket/checksums.h"

#include <openssl/evp.h>

#include <array>

#include "base/assert.h"
#include "base/bytes.h"
#include "store/encoding.h"

namespace shoal::devbucket {

struct Digest::Context {
  const EVP_MD* algorithm = nullptr;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> state{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
};

Digest::Digest(Kind kind) : context_(std::make_unique<Context>()) {
  context_->algorithm = kind == Kind::md5    ? EVP_md5()
                        : kind == Kind::sha1 ? EVP_sha1()
                                             : EVP_sha256();
  SHOAL_ASSERT(EVP_DigestInit_ex(context_->state.get(), context_->algorithm, nullptr) == 1);
}
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;
Digest::~Digest() = default;

void Digest::add(std::string_view data) {
  SHOAL_ASSERT(EVP_DigestUpdate(context_->state.get(), data.data(), data.size()) == 1);
}

std::string Digest::finish() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> raw{};
  unsigned length = 0;
  SHOAL_ASSERT(EVP_DigestFinal_ex(context_->state.get(), raw.data(), &length) == 1);
  SHOAL_ASSERT(EVP_DigestInit_ex(context_->state.get(), context_->algorithm, nullptr) == 1);
  return {reinterpret_cast<const char*>(raw.data()), length};
}

namespace {

template <typename Algorithm>
class NamedCrc final : public NamedChecksum {
 public:
  void add(std::string_view data) override { crc_.add(data); }
  std::string finish() override { return store::base64(encode_be(crc_.value())); }

 private:
  Algorithm crc_;
};

class NamedDigest final : public NamedChecksum {
 public:
  explicit NamedDigest(Digest::Kind kind) : digest_(kind) {}
  void add(std::string_view data) override { digest_.add(data); }
  std::string finish() override { return store::base64(digest_.finish()); }

 private:
  Digest digest_;
};

}  // namespace

std::unique_ptr<NamedChecksum> make_checksum(std::string_view name) {
  if (name == "crc32") return std::make_unique<NamedCrc<Crc32>>();
  if (name == "crc32c") return std::make_unique<NamedCrc<Crc32c>>();
  if (name == "crc64nvme") return std::make_unique<NamedCrc<Crc64Nvme>>();
  if (name == "sha1") return std::make_unique<NamedDigest>(Digest::Kind::sha1);
  if (name == "sha256") return std::make_unique<NamedDigest>(Digest::Kind::sha256);
  return nullptr;
}

}  // namespace shoal::devbucket
