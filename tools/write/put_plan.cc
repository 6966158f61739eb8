// SPDX-License-Identifier: Apache-2.0
#include "tools/write/put_plan.h"

#include <algorithm>
#include <system_error>

#include "base/limits.h"
#include "sys/file_identity.h"

namespace shoal::tools::write {
namespace {

namespace fs = std::filesystem;

Error refusal(const std::error_code& status, const char* doing) {
  return sys::errno_error(status.value(), doing);
}

Result<void> check_key(const std::string& key) {
  if (key.size() <= limits::kKeyBytesMax) return {};
  return fail(ErrorCode::bad_input,
              "its key would have " + std::to_string(key.size()) +
                  " bytes, and a key has at most " + std::to_string(limits::kKeyBytesMax),
              "Use a shorter prefix, or shorter names.");
}

Result<void> plan_file(const fs::path& file, std::string key, PutPlan& plan) {
  SHOAL_CHECK_OK(check_key(key));
  SHOAL_TRY(const auto identity, sys::identity_of(file));
  plan.files.push_back({std::move(key), file, identity.size});
  plan.bytes += identity.size;
  return {};
}

// One directory's entries by name: what is planned does not depend on the disk's order.
Result<std::vector<fs::directory_entry>> entries_of(const fs::path& directory) {
  std::vector<fs::directory_entry> entries;
  std::error_code status;
  fs::directory_iterator next(directory, status);
  for (; !status && next != fs::directory_iterator(); next.increment(status))
    entries.push_back(*next);
  if (status) return fail(refusal(status, "list the directory"));
  std::ranges::sort(entries, {}, [](const auto& entry) { return entry.path().native(); });
  return entries;
}

Result<void> plan_entry(const fs::directory_entry& entry, const std::string& key, PutPlan& plan,
                        std::vector<std::pair<fs::path, std::string>>& below) {
  std::error_code status;
  if (entry.is_directory(status) && !entry.is_symlink(status)) {
    below.emplace_back(entry.path(), key + "/");
    return {};
  }
  if (entry.is_directory(status))
    return fail(ErrorCode::unsupported, "it is a link to a directory, which may lead in circles",
                "Name the directory itself.");
  return plan_file(entry.path(), key, plan);
}

Result<void> plan_tree(const fs::path& top, const std::string& prefix, PutPlan& plan) {
  std::vector<std::pair<fs::path, std::string>> below{{top, prefix}};
  while (!below.empty()) {
    const auto [directory, keys] = std::move(below.back());
    below.pop_back();
    auto entries = entries_of(directory);
    if (!entries && directory == top) return fail(std::move(entries).error());
    if (!entries) {
      plan.left_out.push_back({directory, std::move(entries).error()});
      continue;
    }
    if (entries->empty()) ++plan.empty_directories;
    for (const fs::directory_entry& entry : *entries) {
      const auto planned = plan_entry(entry, keys + entry.path().filename().native(), plan, below);
      if (!planned) plan.left_out.push_back({entry.path(), planned.error()});
    }
  }
  return {};
}

}  // namespace

Result<void> plan_source(const std::string& source, const ObjectAddress& target, bool recursive,
                         PutPlan& plan) {
  std::error_code status;
  const fs::path named = fs::absolute(source, status);
  if (status) return fail(refusal(status, "find the file"));
  const bool is_directory = fs::is_directory(named, status);
  const fs::path path = named.lexically_normal();
  if (!is_directory) {
    const std::string name = path.filename().native();
    return plan_file(path, target.is_directory() ? target.key + name : target.key, plan);
  }
  if (!recursive) return fail(ErrorCode::bad_input, "it is a directory", "Use -r to send it.");
  // "dir/", "dir/." and ".." say no name of their own.
  const std::string last = fs::path(source).filename().native();
  const bool has_name = !last.empty() && last != "." && last != "..";
  return plan_tree(path, target.key + (has_name ? last + "/" : ""), plan);
}

}  // namespace shoal::tools::write
