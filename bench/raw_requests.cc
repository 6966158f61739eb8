// SPDX-License-Identifier: Apache-2.0
// The raw limit: the same objects by a bare loop. N keep-alive sockets, one request in flight on
// each, plain HTTP, signed before the clock runs or not at all, no checksum, nothing kept: what is
// left is the service, the kernel's sockets and one epoll loop. A client cannot be expected to be
// faster than this.
//
//   shoal-raw-requests --port P --prefix /bucket/data/ --list FILE [--connections 256] [--json]
//       [--header "Name: value"]... [--authorizations FILE]
//   shoal-raw-requests --port P --prefix /bucket/data/ --list FILE --put DIR
//
// Walks the list once. With --put it sends the files of DIR instead (fills a bucket, so that its
// ETags are those of uploaded objects).
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::uint16_t port = 0;
  std::string prefix;
  std::string list;
  std::string put;
  std::vector<std::string> headers;
  std::string authorizations;
  unsigned connections = 256;
  double seconds_max = 300;
  bool json = false;
};

struct Totals {
  std::uint64_t requests = 0, bytes = 0;
};

std::string percent_encoded(std::string_view text) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || std::strchr("-._~/", c) != nullptr) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

// Requests in the order of the list, each written when its turn comes.
class Requests {
 public:
  explicit Requests(const Options& options) : options_(options) {
    std::ifstream file(options.list);
    for (std::string line; std::getline(file, line);) names_.push_back(line);
    common_ = "Host: 127.0.0.1:" + std::to_string(options.port) + "\r\n";
    for (const std::string& header : options.headers) common_ += header + "\r\n";
    std::ifstream authorizations(options.authorizations);
    for (std::string line; std::getline(authorizations, line);) authorizations_.push_back(line);
  }
  [[nodiscard]] bool is_signed_whole() const {
    return options_.authorizations.empty() || authorizations_.size() == names_.size();
  }
  [[nodiscard]] std::size_t count() const { return names_.size(); }
  [[nodiscard]] bool next(std::string& out) {
    if (at_ == names_.size()) return false;
    const std::string& name = names_[at_];
    out = options_.put.empty() ? "GET " : "PUT ";
    out += options_.prefix + percent_encoded(name) + " HTTP/1.1\r\n" + common_;
    if (!authorizations_.empty()) out += "Authorization: " + authorizations_[at_] + "\r\n";
    ++at_;
    if (options_.put.empty()) {
      out += "\r\n";
      return true;
    }
    std::ifstream file(options_.put + "/" + name, std::ios::binary);
    const std::string body{std::istreambuf_iterator<char>(file), {}};
    out += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    return true;
  }

 private:
  const Options& options_;
  std::string common_;
  std::vector<std::string> names_;
  std::vector<std::string> authorizations_;
  std::size_t at_ = 0;
};

enum class Progress { waiting, complete, failed };

// One socket with at most one exchange on it. confined.
class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }

  [[nodiscard]] bool open(std::uint16_t port) {
    fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    return fd_ >= 0 && setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
           connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }

  // Blocks when a body is larger than the socket's buffer: only uploads are.
  [[nodiscard]] bool send_request(std::string_view request) {
    header_.clear();
    body_left_ = 0;
    in_body_ = false;
    while (!request.empty()) {
      const ssize_t sent = send(fd_, request.data(), request.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      request.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  [[nodiscard]] Progress receive(std::span<char> buffer, Totals& totals) {
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Progress::waiting;
    if (got <= 0) return Progress::failed;
    std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
    if (!in_body_) {
      const std::size_t before = header_.size();
      header_ += bytes;
      const std::size_t end = header_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
      if (end == std::string::npos) return Progress::waiting;
      bytes.remove_prefix(end + 4 - before);
      if (!parse_header(std::string_view(header_).substr(0, end + 2))) return Progress::failed;
    }
    if (bytes.size() > body_left_) return Progress::failed;  // bytes nobody asked for
    body_left_ -= bytes.size();
    totals.bytes += bytes.size();
    return body_left_ == 0 ? Progress::complete : Progress::waiting;
  }
  [[nodiscard]] std::string_view header() const { return header_; }

 private:
  [[nodiscard]] bool parse_header(std::string_view header) {
    constexpr std::string_view kStatus = "HTTP/1.1 200 ";
    constexpr std::string_view kLength = "\r\nContent-Length: ";
    const std::size_t at = header.find(kLength);
    if (!header.starts_with(kStatus) || at == std::string_view::npos) return false;
    const char* digits = header.data() + at + kLength.size();
    const auto parsed = std::from_chars(digits, header.data() + header.size(), body_left_);
    in_body_ = true;
    return parsed.ec == std::errc{} && *parsed.ptr == '\r';
  }

  int fd_ = -1;
  std::string header_;
  std::uint64_t body_left_ = 0;
  bool in_body_ = false;
};

int fail(const char* what, std::string_view detail = {}) {
  std::fprintf(stderr, "shoal-raw-requests: %s: %s\n", what,
               detail.empty() ? std::strerror(errno) : std::string(detail.substr(0, 200)).c_str());
  return 1;
}

int exchange_all(const Options& options, Requests& requests, Totals& totals) {
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  if (poll < 0) return fail("epoll");
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                           std::chrono::duration<double>(options.seconds_max));
  std::vector<Connection> connections(std::min<std::size_t>(options.connections, requests.count()));
  std::string request;
  for (Connection& connection : connections) {
    if (!connection.open(options.port)) return fail("connect");
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, connection.fd(), &event) != 0) return fail("epoll");
    if (requests.next(request) && !connection.send_request(request)) return fail("send");
  }
  std::vector<char> buffer(256 << 10);
  std::array<epoll_event, 256> events{};
  while (totals.requests < requests.count()) {
    const int ready = epoll_wait(poll, events.data(), static_cast<int>(events.size()), 1000);
    if (ready < 0 && errno != EINTR) return fail("epoll_wait");
    if (Clock::now() > deadline) return fail("the list was not done in time", "see --seconds-max");
    for (int i = 0; i < ready; ++i) {
      auto& connection = *static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
      const Progress progress = connection.receive(buffer, totals);
      if (progress == Progress::failed) return fail("bad answer", connection.header());
      if (progress == Progress::waiting) continue;
      ++totals.requests;
      if (requests.next(request) && !connection.send_request(request)) return fail("send");
    }
  }
  close(poll);
  return 0;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("The same GETs by a bare epoll loop over keep-alive sockets.");
  app.add_option("--port", options.port, "Of a dev bucket on 127.0.0.1")->required();
  app.add_option("--prefix", options.prefix, "/BUCKET/ and what is before each name")->required();
  app.add_option("--list", options.list, "File with one name per line")->required();
  app.add_option("--put", options.put, "Send the files of this directory instead");
  app.add_option("--header", options.headers, "Of every request")->take_all();
  app.add_option("--authorizations", options.authorizations,
                 "File with a value of Authorization per name");
  app.add_option("--connections", options.connections)->check(CLI::Range(1u, 16384u));
  app.add_option("--seconds-max", options.seconds_max);
  app.add_flag("--json", options.json);
  CLI11_PARSE(app, argc, argv);

  Requests requests(options);
  if (requests.count() == 0) return fail("no list", options.list);
  if (!requests.is_signed_whole())
    return fail("not as many authorizations as names", options.authorizations);
  Totals totals;
  const double cpu_before = cpu_seconds();
  const auto begin = Clock::now();
  if (const int failed = exchange_all(options, requests, totals); failed != 0) return failed;
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const double count = static_cast<double>(totals.requests);
  const double cpu = cpu_seconds() - cpu_before;
  std::printf(
      options.json
          ? "{\"requests\":%llu,\"bytes\":%llu,\"seconds\":%.4f,\"requests_per_second\":%.1f,"
            "\"cpu_seconds\":%.4f}\n"
          : "%llu requests, %llu bytes, %.3f s, %.0f requests/s, processor %.3f s\n",
      static_cast<unsigned long long>(totals.requests),
      static_cast<unsigned long long>(totals.bytes), seconds, count / seconds, cpu);
  return 0;
}
