// SPDX-License-Identifier: Apache-2.0
// Question: what does reading one list page of 1000 keys cost? The most of an index build's CPU is
// here. By the length of keys, and with names encoded as URLs, as Shoal asks for.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>

#include "base/limits.h"
#include "store/list_page.h"

namespace {

using namespace shoal;

std::string page_of(std::size_t key_bytes) {
  std::string xml =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult "
      "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><EncodingType>url"
      "</EncodingType><IsTruncated>true</IsTruncated><NextContinuationToken>t"
      "</NextContinuationToken>";
  for (std::uint64_t i = 0; i < limits::kListPageKeys; ++i) {
    char number[24];
    std::snprintf(number, sizeof number, "%08llu.csv", static_cast<unsigned long long>(i));
    std::string key(key_bytes - std::string_view(number).size(), 'k');
    for (std::size_t at = 10; at < key.size(); at += 11) key[at] = '/';
    xml += "<Contents><Key>" + key + number +
           "</Key><LastModified>2024-06-07T08:09:10.000Z</LastModified><ETag>&quot;"
           "0123456789abcdef0123456789abcdef&quot;</ETag><Size>8192</Size>"
           "<StorageClass>STANDARD</StorageClass></Contents>";
  }
  return xml + "</ListBucketResult>";
}

void parse(benchmark::State& state) {
  const std::string page = page_of(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    const auto parsed = store::parse_list_page(as_bytes(page), {});
    if (!parsed || parsed->objects.size() != limits::kListPageKeys) {
      state.SkipWithError("the page is not one");
      return;
    }
    benchmark::DoNotOptimize(parsed->objects.data());
  }
  const auto pages = static_cast<std::int64_t>(state.iterations());
  state.SetItemsProcessed(pages * static_cast<std::int64_t>(limits::kListPageKeys));
  state.SetBytesProcessed(pages * static_cast<std::int64_t>(page.size()));
}
BENCHMARK(parse)->ArgName("key_bytes")->Arg(14)->Arg(60)->Arg(200);

}  // namespace

BENCHMARK_MAIN();
