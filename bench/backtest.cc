// SPDX-License-Identifier: Apache-2.0
// A small moving-average back-test over SYMBOL/DATE.csv files: what a quant runs, knowing nothing
// of Shoal. Buys when the fast average crosses above the slow one, sells when it crosses below.
//
//   shoal-backtest DIR [--fast 20] [--slow 120]
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

class MovingAverage {
 public:
  explicit MovingAverage(std::size_t length) : length_(length) {}
  double add(double value) {
    values_.push_back(value);
    sum_ += value;
    if (values_.size() > length_) {
      sum_ -= values_.front();
      values_.pop_front();
    }
    return sum_ / static_cast<double>(values_.size());
  }

 private:
  std::size_t length_;
  std::deque<double> values_;
  double sum_ = 0;
};

struct Outcome {
  std::string symbol;
  std::size_t files = 0, bars = 0, trades = 0;
  double gain = 1;  // growth of one unit
};

// Calls `visit(close)` for each bar of a file; the close is the fifth field.
template <typename Visit>
std::size_t read_bars(const std::filesystem::path& path, const Visit& visit) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::size_t bars = 0;
  for (std::size_t line = text.find('\n'); line != std::string::npos && line + 1 < text.size();
       line = text.find('\n', line + 1)) {
    std::size_t field = line + 1;
    for (int i = 0; i < 4 && field != std::string::npos; ++i) field = text.find(',', field) + 1;
    visit(std::strtod(text.c_str() + field, nullptr));
    ++bars;
  }
  return bars;
}

Outcome run_symbol(const std::filesystem::path& directory, std::size_t fast, std::size_t slow) {
  Outcome outcome{directory.filename().string()};
  std::vector<std::filesystem::path> days;
  for (const auto& entry : std::filesystem::directory_iterator(directory))
    if (entry.path().extension() == ".csv") days.push_back(entry.path());
  std::sort(days.begin(), days.end());
  MovingAverage fast_average(fast), slow_average(slow);
  bool holding = false;
  double bought = 0;
  for (const auto& day : days) {
    outcome.bars += read_bars(day, [&](double close) {
      const bool above = fast_average.add(close) > slow_average.add(close);
      if (above == holding) return;
      if (above)
        bought = close;
      else
        outcome.gain *= close / bought;
      holding = above;
      ++outcome.trades;
    });
    ++outcome.files;
  }
  return outcome;
}

}  // namespace

int main(int argc, char** argv) {
  std::string root;
  std::size_t fast = 20, slow = 120;
  CLI::App app("Moving-average back-test over SYMBOL/DATE.csv.");
  app.add_option("root", root)->required();
  app.add_option("--fast", fast)->capture_default_str();
  app.add_option("--slow", slow)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  if (!std::filesystem::is_directory(root)) {
    std::fprintf(stderr, "%s: no such directory\n", root.c_str());
    return 1;
  }
  const auto begin = std::chrono::steady_clock::now();
  std::vector<Outcome> outcomes;
  std::vector<std::filesystem::path> symbols;
  for (const auto& entry : std::filesystem::directory_iterator(root))
    if (entry.is_directory() && entry.path().filename() != "logs") symbols.push_back(entry.path());
  std::sort(symbols.begin(), symbols.end());
  for (const auto& symbol : symbols) outcomes.push_back(run_symbol(symbol, fast, slow));
  std::size_t files = 0, bars = 0, trades = 0;
  for (const Outcome& outcome : outcomes) {
    files += outcome.files;
    bars += outcome.bars;
    trades += outcome.trades;
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::sort(outcomes.begin(), outcomes.end(),
            [](const Outcome& a, const Outcome& b) { return a.gain > b.gain; });
  std::printf("%zu symbols, %zu files, %zu bars, %zu trades in %.2f s (%.0f files/s)\n",
              outcomes.size(), files, bars, trades, seconds, static_cast<double>(files) / seconds);
  for (std::size_t i = 0; i < std::min<std::size_t>(3, outcomes.size()); ++i)
    std::printf("  %-6s %+.2f %%  (%zu trades)\n", outcomes[i].symbol.c_str(),
                100 * (outcomes[i].gain - 1), outcomes[i].trades);
  return files > 0 ? 0 : 1;
}
