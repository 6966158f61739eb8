// SPDX-License-Identifier: Apache-2.0
#include "control/selection.h"

#include <algorithm>
#include <compare>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace shoal::control {
namespace {

using Kind = PathPattern::Component::Kind;

// All patterns are followed through the tree at the same time, as an automaton whose states are
// "this pattern has matched the path so far up to this component". A directory that no state
// survives in is not entered; one in which only names are wanted is not listed.
struct State {
  std::size_t pattern = 0;
  std::size_t component = 0;  // to be matched next
  auto operator<=>(const State&) const = default;
};

class Walk {
 public:
  Walk(const Volume& volume, std::span<const PathPattern> patterns, const VisitFile& visit)
      : volume_(volume), patterns_(patterns), visit_(visit), matched_(patterns.size(), false) {}

  Result<std::vector<bool>> run() {
    std::vector<State> states;
    bool all = false;
    for (std::size_t i = 0; i < patterns_.size(); ++i) all |= enter({i, 0}, states);
    directory("", std::move(states), all);
    if (error_) return fail(std::move(*error_));
    return std::move(matched_);
  }

 private:
  // Adds the state and those it implies ("**" may stand for nothing); true when the pattern is
  // matched whole.
  bool enter(State state, std::vector<State>& states) {
    const auto& components = patterns_[state.pattern].components();
    for (;; ++state.component) {
      if (state.component == components.size()) {
        matched_[state.pattern] = true;
        return true;
      }
      states.push_back(state);
      if (components[state.component].kind != Kind::any_depth) return false;
    }
  }

  // False: stop. `all`: the directory was named as a whole.
  bool directory(const std::string& path, std::vector<State> states, bool all) {
    std::sort(states.begin(), states.end());
    states.erase(std::unique(states.begin(), states.end()), states.end());
    std::map<std::string_view, std::vector<State>> named;
    std::vector<State> wild;
    for (const State& state : states) {
      const auto& component = patterns_[state.pattern].components()[state.component];
      if (component.kind == Kind::literal)
        named[component.text].push_back(state);
      else
        wild.push_back(state);
    }
    if (wild.empty() && !all) return look_up(path, named);
    bool go_on = true;
    const auto listed = volume_.list(path, [&](const DirectoryEntry& entry) {
      const auto by_name = named.find(entry.name);
      go_on = child(path, entry, by_name == named.end() ? none_ : by_name->second, wild, all);
      return go_on;
    });
    if (!listed && !error_) error_ = listed.error();
    return go_on && !error_;
  }

  bool look_up(const std::string& path,
               const std::map<std::string_view, std::vector<State>>& named) {
    for (const auto& [name, states] : named) {
      const std::string below = path.empty() ? std::string(name) : path + "/" + std::string(name);
      auto entry = volume_.find(below);
      if (!entry) {
        if (entry.error().code() == ErrorCode::not_found) continue;
        error_ = entry.error();
        return false;
      }
      if (!child(path, *entry, states, none_, /*all=*/false)) return false;
    }
    return true;
  }

  bool child(const std::string& parent, const DirectoryEntry& entry,
             const std::vector<State>& named, const std::vector<State>& wild, bool all) {
    std::vector<State> next;
    for (const State& state : named) all |= enter({state.pattern, state.component + 1}, next);
    for (const State& state : wild) {
      const auto& component = patterns_[state.pattern].components()[state.component];
      if (component.kind != Kind::any_depth) {
        if (component.matches(entry.name)) all |= enter({state.pattern, state.component + 1}, next);
      } else if (entry.is_directory) {
        all |= enter(state, next);
      }
    }
    if (!all && next.empty()) return true;
    const std::string path = parent.empty() ? entry.name : parent + "/" + entry.name;
    if (!entry.is_directory) return !all || visit_(path, entry);
    return directory(path, std::move(next), all);
  }

  const Volume& volume_;
  std::span<const PathPattern> patterns_;
  const VisitFile& visit_;
  std::vector<bool> matched_;
  const std::vector<State> none_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::vector<bool>> select_files(const Volume& volume, std::span<const PathPattern> patterns,
                                       const VisitFile& visit) {
  return Walk(volume, patterns, visit).run();
}

}  // namespace shoal::control
