#include "core/wire.h"

#include <bit>
#include <cstring>
#include <type_traits>

namespace gradus {
namespace {

static_assert(std::endian::native == std::endian::little, "the wire is little-endian and so must the machine be");

template <class T>
concept Number = std::is_arithmetic_v<T> || std::is_enum_v<T>;

class Writer {
 public:
  static constexpr bool is_reading = false;
  explicit Writer(std::string& bytes) : bytes_(bytes) {}

  template <Number T>
  void operator()(T& value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void operator()(std::string& text) {
    count(text.size());
    bytes_.append(text);
  }
  void count(std::size_t n) {
    auto small = static_cast<std::uint32_t>(n);
    (*this)(small);
  }
  template <class T>
  void operator()(std::vector<T>& list);

 private:
  std::string& bytes_;
};

class Reader {
 public:
  static constexpr bool is_reading = true;
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  template <Number T>
  void operator()(T& value) {
    if (bytes_.size() < sizeof value) return fail();
    std::memcpy(&value, bytes_.data(), sizeof value);
    bytes_.remove_prefix(sizeof value);
  }
  void operator()(bool& value) {
    std::uint8_t byte = 0;
    (*this)(byte);
    if (byte > 1) return fail();  // any other pattern in a bool is undefined behaviour
    value = byte == 1;
  }
  void operator()(std::string& text) {
    const auto size = count();
    text.assign(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
  }
  /// A count of elements of at least one byte each: never more than the bytes left.
  std::size_t count() {
    std::uint32_t n = 0;
    (*this)(n);
    if (n > bytes_.size()) {
      fail();
      return 0;
    }
    return n;
  }
  template <class T>
  void operator()(std::vector<T>& list);
  void fail() {
    failed_ = true;
    bytes_ = {};
  }
  bool failed() const { return failed_; }
  bool at_end() const { return !failed_ && bytes_.empty(); }
  std::string_view take(std::size_t size) {
    const auto part = bytes_.substr(0, size);
    bytes_.remove_prefix(part.size());
    return part;
  }

 private:
  std::string_view bytes_;
  bool failed_ = false;
};

// One function a type names its fields, for writing and reading alike.
template <class A>
void fields(A& a, std::string& text) {
  a(text);
}
template <class A, Number T>
void fields(A& a, T& value) {
  a(value);
}
template <class A, class F, class S>
void fields(A& a, std::pair<F, S>& pair) {
  a(pair.first), a(pair.second);
}
template <class A>
void fields(A& a, VisibleGpu& g) {
  a(g.identity), a(g.token), a(g.name), a(g.pci), a(g.near_cores);
}
template <class A>
void fields(A& a, SlotGpu& g) {
  a(g.position), a(g.token), a(g.identity), a(g.name), a(g.pci);
}
template <class A>
void fields(A& a, PlannedSlot& s) {
  a(s.slot), a(s.rank), a(s.thread), a(s.cpu_only), a(s.gpus), a(s.cores);
}
template <class A, class E>
void small_enum(A& a, E& value, E last) {
  a(value);
  if constexpr (A::is_reading) {
    if (value > last) {
      a.fail();
      value = last;
    }
  }
}
template <class A>
void fields(A& a, RankReport& r) {
  a(r.rank), a(r.host), a(r.node), a(r.local_rank), a(r.has_slots);
  small_enum(a, r.gpu_source, GpuSource::nothing);
  small_enum(a, r.gpu_vendor, GpuVendor::intel);
  a(r.gpus), a(r.gpu_doubt), a(r.cores);
}
template <class A>
void fields(A& a, PlannedRank& r) {
  a(r.rank), a(r.host), a(r.node), a(r.local_rank), a(r.has_slots);
  small_enum(a, r.gpu_source, GpuSource::nothing);
  small_enum(a, r.gpu_vendor, GpuVendor::intel);
  a(r.slots_share_cores), a(r.slots);
}
template <class A>
void fields(A& a, RunSettings& s) {
  a(s.run_dir), a(s.life), a(s.shell), a(s.prolog), a(s.gpu_mask), a(s.hide_gpus), a(s.grace_s), a(s.survive),
      a(s.lost_after_s), a(s.output_limit), a(s.bind_cores), a(s.gpu_sampling_s), a(s.gpu_samplers),
      a(s.has_earlier_outputs);
  small_enum(a, s.output, OutputKind::none);
}
template <class A>
void fields(A& a, AttemptOrder& o) {
  a(o.step), a(o.attempt), a(o.number), a(o.slots), a(o.gpus), a(o.cpus), a(o.is_argv), a(o.mask_gpus), a(o.timeout_s);
  a(o.id), a(o.command), a(o.cwd), a(o.env), a(o.creates), a(o.hosts), a(o.awaited), a(o.is_awaited);
}
template <class A>
void fields(A& a, KillOrder& k) {
  a(k.step), a(k.attempt), a(k.at_once), a(k.call_back);
}
template <class A>
void fields(A& a, EndReport& e) {
  a(e.step), a(e.attempt);
  auto& result = e.result;
  small_enum(a, result.outcome.kind, OutcomeKind::cancelled);
  a(result.outcome.code), a(result.outcome.detail), a(result.started_at), a(result.ended_at);
  auto& usage = result.usage;
  a(usage.user_s), a(usage.system_s), a(usage.max_rss_kib), a(usage.in_bytes), a(usage.out_bytes);
  a(usage.gpu.samples), a(usage.gpu.busy), a(usage.gpu.memory_mib), a(usage.gpu.total_mib);
}
template <class A>
void fields(A& a, Farewell& f) {
  a(f.finalize);
  a(f.linger);
}
template <class A>
void fields(A& a, Beat& b) {
  a(b.sent), a(b.received), a(b.told);
}
template <class A>
void fields(A& a, StartOrder& s) {
  a(s.start);
  fields(a, s.rank);
  fields(a, s.settings);
}
template <class A>
void fields(A& a, Invitation& i) {
  a(i.start), a(i.look_for_gpus), a(i.master_works), a(i.examine), a(i.probe_file), a(i.probe_token);
}

template <class A>
void fields(A& a, RankHealth& h) {
  fields(a, h.report);
  a(h.version), a(h.gpu_note), a(h.gpu_trouble), a(h.machine_cores), a(h.open_files), a(h.open_files_hard);
  a(h.processes), a(h.memory_kib), a(h.memory_limit_kib), a(h.shm_free_kib), a(h.mpi_library), a(h.variables);
  a(h.clock_s), a(h.file_system), a(h.sees_probe), a(h.can_write);
  small_enum(a, h.lock, ProbeLock::unknown);
}

template <class T>
void Writer::operator()(std::vector<T>& list) {
  count(list.size());
  for (auto& one : list) fields(*this, one);
}

template <class T>
void Reader::operator()(std::vector<T>& list) {
  const auto size = count();
  list.clear();
  for (std::size_t i = 0; i < size && !failed_; ++i) fields(*this, list.emplace_back());
}

// Writing does not change a value; the shared `fields` takes it by plain reference for reading's sake.
template <class T>
std::string write(const T& value) {
  std::string bytes;
  Writer writer(bytes);
  fields(writer, const_cast<T&>(value));
  return bytes;
}

template <class T>
std::optional<T> read(std::string_view bytes) {
  T value;
  Reader reader(bytes);
  fields(reader, value);
  if (!reader.at_end()) return std::nullopt;
  return value;
}

template <class T>
bool read_into(std::string_view bytes, std::vector<Message>& messages) {
  auto value = read<T>(bytes);
  if (!value) return false;
  messages.emplace_back(std::move(*value));
  return true;
}

}  // namespace

void append_message(const Message& message, std::string& bytes) {
  const auto body = std::visit([](const auto& one) { return write(one); }, message);
  auto kind = static_cast<std::uint8_t>(message.index());
  auto length = static_cast<std::uint32_t>(body.size());
  Writer writer(bytes);
  writer(kind);
  writer(length);
  bytes += body;
}

bool read_messages(std::string_view bytes, std::vector<Message>& messages) {
  Reader reader(bytes);
  while (!reader.at_end()) {
    std::uint8_t kind = 0;
    reader(kind);
    const auto length = reader.count();
    if (reader.failed()) return false;
    const auto body = reader.take(length);
    bool good = false;
    switch (kind) {
      case 0: good = read_into<AttemptOrder>(body, messages); break;
      case 1: good = read_into<KillOrder>(body, messages); break;
      case 2: good = read_into<EndReport>(body, messages); break;
      case 3: good = read_into<Farewell>(body, messages); break;
      case 4: good = read_into<Beat>(body, messages); break;
      default: break;
    }
    if (!good) return false;
  }
  return true;
}

std::string to_bytes(const RankReport& report) { return write(report); }
std::string to_bytes(const StartOrder& order) { return write(order); }
std::string to_bytes(const Invitation& invitation) { return write(invitation); }
std::optional<RankReport> read_rank_report(std::string_view bytes) { return read<RankReport>(bytes); }
std::optional<StartOrder> read_start_order(std::string_view bytes) { return read<StartOrder>(bytes); }
std::string to_bytes(const RankHealth& health) { return write(health); }
std::optional<RankHealth> read_rank_health(std::string_view bytes) { return read<RankHealth>(bytes); }
std::optional<Invitation> read_invitation(std::string_view bytes) { return read<Invitation>(bytes); }

}  // namespace gradus
