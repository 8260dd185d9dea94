#include "post.h"

#include <mpi.h>

#include <algorithm>

namespace gradus {
namespace {

constexpr int tag = 71;
/// Above vader's eager limit (4 KiB) a receiver waits for its sender, who may be napping.
constexpr std::size_t good_batch = 3500;

}  // namespace

struct Post::Sending {
  std::string bytes;
  MPI_Request request = MPI_REQUEST_NULL;
};

Post::Post() = default;

Post::~Post() {
  for (auto& one : sending_) {
    if (one.request == MPI_REQUEST_NULL) continue;
    MPI_Cancel(&one.request);
    MPI_Request_free(&one.request);
  }
}

void Post::write(std::uint32_t rank, const Message& message) {
  auto batch = std::find_if(batches_.begin(), batches_.end(), [rank](const auto& one) { return one.first == rank; });
  if (batch == batches_.end()) batch = batches_.insert(batches_.end(), {rank, {}});
  append_message(message, batch->second);
  if (batch->second.size() < good_batch) return;
  send(rank, std::move(batch->second));
  batches_.erase(batch);
}

void Post::send(std::uint32_t rank, std::string bytes) {
  sending_.push_back({std::move(bytes), MPI_REQUEST_NULL});
  auto& one = sending_.back();
  MPI_Isend(one.bytes.data(), static_cast<int>(one.bytes.size()), MPI_BYTE, static_cast<int>(rank), tag, MPI_COMM_WORLD,
            &one.request);
}

void Post::flush() {
  for (auto& [rank, bytes] : batches_) send(rank, std::move(bytes));
  batches_.clear();
  sending_.remove_if([](Sending& one) {
    int done = 0;
    MPI_Test(&one.request, &done, MPI_STATUS_IGNORE);
    return done != 0;
  });
}

bool Post::all_sent() {
  flush();
  return sending_.empty();
}

bool Post::collect_one(std::vector<Letter>& letters) {
  int found = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status;
  // Open MPI makes progress only after it has looked: the second look finds what the first has fetched.
  for (int look = 0; look < 2 && found == 0; ++look) {
    MPI_Improbe(MPI_ANY_SOURCE, tag, MPI_COMM_WORLD, &found, &message, &status);
  }
  if (found == 0) return false;
  int size = 0;
  MPI_Get_count(&status, MPI_BYTE, &size);
  std::string bytes(static_cast<std::size_t>(std::max(size, 0)), '\0');
  MPI_Mrecv(bytes.data(), size, MPI_BYTE, &message, &status);
  Letter letter;
  letter.from = static_cast<std::uint32_t>(status.MPI_SOURCE);
  letter.is_whole = read_messages(bytes, letter.messages);
  letters.push_back(std::move(letter));
  return true;
}

bool Post::collect(std::vector<Letter>& letters) {
  bool any = false;
  // Bounded, so that a flood from one side cannot keep us from sending.
  for (int i = 0; i < 1000 && collect_one(letters); ++i) any = true;
  return any;
}

}  // namespace gradus
