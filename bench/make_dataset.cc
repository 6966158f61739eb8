// SPDX-License-Identifier: Apache-2.0
// Makes the data set of the quick start and of the walk benches: minute bars as SYMBOL/DATE.csv and
// gzip logs as logs/DATE/service-N.log.gz. Same seed, same bytes.
//
//   shoal-make-dataset DIR --symbols 200 --days 100 --logs 60 --seed 1
//   shoal-make-dataset DIR --set D1|D2|D3
//
// D1: 20,000 files of 1-16 KiB in 200 directories; D2: 4,000 of about 100 KiB in 40; D3: 200,000
// under 1 KiB in 2,000.
#include <zlib.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <string>

#include "base/rng.h"

namespace {

using shoal::Rng;

struct Options {
  std::filesystem::path target;
  unsigned symbols = 200;
  unsigned days = 100;
  unsigned logs = 60;
  unsigned bars_min = 20;  // lines of a file; one is about 45 bytes
  unsigned bars_max = 353;
  std::uint64_t seed = 1;
};

// The data sets of bench/compare, by name.
bool use_set(const std::string& name, Options& options) {
  if (name == "D1") {
    options.logs = 0;
  } else if (name == "D2") {
    options = {options.target, 40, 100, 0, 2400, 3600, options.seed};
  } else if (name == "D3") {
    options = {options.target, 2000, 100, 0, 2, 20, options.seed};
  } else {
    return false;
  }
  return true;
}

// Sum of uniforms: normal enough for prices.
double gaussian(Rng& rng) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += rng.unit();
  return sum;
}

// Four letters, different for every index below 26^4: the multiplier and the modulus share no
// factor.
std::string symbol_name(unsigned index) {
  constexpr unsigned kNames = 26 * 26 * 26 * 26;
  unsigned code = (index * 104729u + 57203u) % kNames;
  std::string name;
  for (int i = 0; i < 4; ++i, code /= 26)
    name.insert(name.begin(), static_cast<char>('A' + code % 26));
  return name;
}

// The n-th weekday since Monday, 2026-01-05.
std::string date_name(unsigned index) {
  const std::chrono::sys_days first = std::chrono::year{2026} / 1 / 5;
  const std::chrono::year_month_day date{first + std::chrono::days(index / 5 * 7 + index % 5)};
  char text[16];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

bool write_file(const std::filesystem::path& path, const std::string& text) {
  std::FILE* file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) {
    std::perror(path.c_str());
    return false;
  }
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  return std::fclose(file) == 0 && written;
}

// Liquid symbols trade in every minute of the session, illiquid ones in few. More bars than a
// session has minutes are bars of seconds.
std::string bars_of_day(Rng& rng, double& price, double volatility, unsigned bars) {
  constexpr unsigned kSessionMinutes = 390;
  std::string text = "time,open,high,low,close,volume\n";
  for (unsigned bar = 0; bar < bars; ++bar) {
    const unsigned second = bar * kSessionMinutes * 60 / bars;
    const unsigned minute = 570 + second / 60;
    char clock[16];
    if (bars <= kSessionMinutes)
      std::snprintf(clock, sizeof clock, "%02u:%02u", minute / 60, minute % 60);
    else
      std::snprintf(clock, sizeof clock, "%02u:%02u:%02u", minute / 60, minute % 60, second % 60);
    const double open = price;
    const double close = std::max(0.5, open * (1 + volatility * gaussian(rng)));
    const double high = std::max(open, close) * (1 + volatility * rng.unit() / 2);
    const double low = std::min(open, close) * (1 - volatility * rng.unit() / 2);
    char line[96];
    const int used =
        std::snprintf(line, sizeof line, "%s,%.2f,%.2f,%.2f,%.2f,%llu\n", clock, open, high, low,
                      close, static_cast<unsigned long long>(100 + rng.below(90000)));
    text.append(line, static_cast<std::size_t>(used));
    price = close;
  }
  return text;
}

bool write_symbol(const Options& options, unsigned index) {
  Rng rng(options.seed * 1000003 + index);
  const auto directory = options.target / symbol_name(index);
  std::filesystem::create_directories(directory);
  double price = 5 + 400 * rng.unit() * rng.unit();
  const double volatility = 0.0004 + 0.0012 * rng.unit();
  const unsigned bars_least = options.bars_min + options.bars_min / 5;
  const unsigned bars_typical =
      bars_least + static_cast<unsigned>(rng.below(options.bars_max - bars_least + 1));
  for (unsigned day = 0; day < options.days; ++day) {
    const unsigned bars = std::max(
        options.bars_min, bars_typical - static_cast<unsigned>(rng.below(bars_typical / 4 + 1)));
    if (!write_file(directory / (date_name(day) + ".csv"),
                    bars_of_day(rng, price, volatility, bars)))
      return false;
  }
  return true;
}

std::string log_text(Rng& rng, unsigned lines) {
  static constexpr const char* kEvents[] = {"order.accepted", "order.filled", "quote.update",
                                            "risk.check", "session.heartbeat"};
  std::string text;
  unsigned second = 34200;
  for (unsigned i = 0; i < lines; ++i) {
    second += static_cast<unsigned>(rng.below(20));
    const bool failed = rng.below(200) == 0;
    char line[160];
    const int used =
        std::snprintf(line, sizeof line, "%02u:%02u:%02u %s %s id=%08llx latency_us=%llu\n",
                      second / 3600 % 24, second / 60 % 60, second % 60, failed ? "ERROR" : "INFO",
                      failed ? "gateway.timeout" : kEvents[rng.below(5)],
                      static_cast<unsigned long long>(rng.next() & 0xffffffff),
                      static_cast<unsigned long long>(20 + rng.below(900)));
    text.append(line, static_cast<std::size_t>(used));
  }
  return text;
}

bool write_log(const Options& options, unsigned index) {
  Rng rng(options.seed * 7919 + index + 500000);
  const auto directory = options.target / "logs" / date_name(index / 3);
  std::filesystem::create_directories(directory);
  const auto path = directory / ("service-" + std::to_string(index % 3) + ".log.gz");
  // The default gzip header of zlib holds no time: same bytes every run.
  gzFile file = gzopen(path.c_str(), "wb6");
  if (file == nullptr) return false;
  const std::string text = log_text(rng, 200 + static_cast<unsigned>(rng.below(1500)));
  const bool written = gzwrite(file, text.data(), static_cast<unsigned>(text.size())) ==
                       static_cast<int>(text.size());
  return gzclose(file) == Z_OK && written;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Makes minute-bar CSV files and gzip logs, seeded.");
  app.add_option("target", options.target, "Directory to fill")->required();
  app.add_option("--symbols", options.symbols)->capture_default_str();
  app.add_option("--days", options.days)->capture_default_str();
  app.add_option("--logs", options.logs)->capture_default_str();
  app.add_option("--seed", options.seed)->capture_default_str();
  std::string set;
  app.add_option("--set", set, "D1, D2 or D3: a data set of bench/compare")
      ->check(CLI::IsMember({"D1", "D2", "D3"}));
  CLI11_PARSE(app, argc, argv);
  if (!set.empty() && !use_set(set, options)) return 2;
  for (unsigned i = 0; i < options.symbols; ++i)
    if (!write_symbol(options, i)) return 1;
  for (unsigned i = 0; i < options.logs; ++i)
    if (!write_log(options, i)) return 1;
  std::printf("%u files of minute bars, %u logs in %s\n", options.symbols * options.days,
              options.logs, options.target.c_str());
  return 0;
}
