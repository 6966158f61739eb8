// SPDX-License-Identifier: Apache-2.0
// Makes a volume's index look as if a future Shoal had written it: for the test that an older one
// refuses it.
//
//   shoal-stamp-version INDEX_DIR VERSION
#include <rocksdb/db.h>

#include <cstdio>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: shoal-stamp-version INDEX_DIR VERSION\n");
    return 2;
  }
  const std::string directory = argv[1];
  std::vector<std::string> names;
  rocksdb::Status status = rocksdb::DB::ListColumnFamilies({}, directory, &names);
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.push_back({name, {}});
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* database = nullptr;
  if (status.ok()) status = rocksdb::DB::Open({}, directory, families, &handles, &database);
  for (rocksdb::ColumnFamilyHandle* handle : handles)
    if (status.ok() && handle->GetName() == "meta")
      status = database->Put({}, handle, "version", argv[2]);
  if (!status.ok()) {
    std::fprintf(stderr, "%s: %s\n", directory.c_str(), status.ToString().c_str());
    return 1;
  }
  for (rocksdb::ColumnFamilyHandle* handle : handles) database->DestroyColumnFamilyHandle(handle);
  delete database;
  return 0;
}
