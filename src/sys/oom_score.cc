// SPDX-License-Identifier: Apache-2.0
#include "sys/oom_score.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <string>

#include "sys/file.h"

namespace shoal::sys {
namespace {

std::string path_of(pid_t pid) {
  return "/proc/" + std::to_string(pid) + "/oom_score_adj";
}

}  // namespace

int oom_score_adj(pid_t pid) {
  const auto text = read_text_file(path_of(pid), 64);
  int score = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), score);
  return score;
}

bool set_oom_score_adj(pid_t pid, int score) {
  const Fd file(::open(path_of(pid).c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(score);
  return file.valid() && ::write(file.get(), text.data(), text.size()) > 0;
}

}  // namespace shoal::sys
