// SPDX-License-Identifier: Apache-2.0
// Goal: a test program that can also be the process that is killed.
// Method: `index_test --build-child FOLDER SEED` builds the index of resume_test.cc and exits. A
// fork alone would not do: RocksDB's threads do not survive one.
#include <gtest/gtest.h>

#include <cstring>

namespace shoal::index {
int build_child(const char* folder, const char* seed);
}

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], "--build-child") == 0)
    return shoal::index::build_child(argv[2], argv[3]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
