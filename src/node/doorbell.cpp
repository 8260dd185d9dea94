#include "node/doorbell.h"

#include <fmt/format.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

namespace gradus {
namespace {

/// Abstract names begin with a zero byte and are as long as the given length says.
socklen_t set_name(const std::string& run, std::uint32_t number, sockaddr_un& address) {
  const auto name = fmt::format("gradus.{}.{}.{}", getuid(), run, number);
  address = {};
  address.sun_family = AF_UNIX;
  const auto size = std::min(name.size(), sizeof address.sun_path - 1);
  memcpy(address.sun_path + 1, name.data(), size);
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + size);
}

}  // namespace

Doorbell::Doorbell(const std::string& run, std::uint32_t number) : run_(run), number_(number) {
  sockaddr_un address;
  const auto size = set_name(run_, number_, address);
  fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd_ < 0 || bind(fd_, reinterpret_cast<const sockaddr*>(&address), size) == 0) return;
  close(fd_);
  fd_ = -1;
}

Doorbell::~Doorbell() {
  if (fd_ >= 0) close(fd_);
}

bool Doorbell::ring(std::uint32_t number) const {
  if (fd_ < 0) return false;
  sockaddr_un address;
  const auto size = set_name(run_, number, address);
  return sendto(fd_, &number_, sizeof number_, MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address), size) ==
         sizeof number_;
}

bool Doorbell::answer() {
  bool rung = false;
  // Bounded: whoever rings without end must not keep us here.
  for (int i = 0; i < 1000 && fd_ >= 0; ++i) {
    std::uint32_t number = 0;
    const auto got = recv(fd_, &number, sizeof number, 0);
    if (got < 0) break;
    rung = true;
    if (got == sizeof number && !known_.contains(number) && ring(number)) known_.insert(number);
  }
  return rung;
}

}  // namespace gradus
