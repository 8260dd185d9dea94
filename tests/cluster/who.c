/* Tells where each rank of an MPI run is, in the order of the ranks: "rank R on HOST local L of N".
 *
 * Knows: MPI. Unaware of: gradus; it is what the beds are tested with before gradus runs on them. */
#include <mpi.h>
#include <stdio.h>

int main(int argc, char** argv) {
  char host[MPI_MAX_PROCESSOR_NAME] = "";
  char line[MPI_MAX_PROCESSOR_NAME + 64] = "";
  int length = 0, rank = 0, size = 0, local_rank = 0, local_size = 0, i;
  MPI_Comm node;

  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Get_processor_name(host, &length);
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  MPI_Comm_rank(node, &local_rank);
  MPI_Comm_size(node, &local_size);
  snprintf(line, sizeof line, "rank %d on %s local %d of %d", rank, host, local_rank, local_size);
  if (rank != 0) {
    MPI_Send(line, (int)sizeof line, MPI_CHAR, 0, 0, MPI_COMM_WORLD);
  } else {
    puts(line);
    for (i = 1; i < size; ++i) {
      MPI_Recv(line, (int)sizeof line, MPI_CHAR, i, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      puts(line);
    }
  }
  MPI_Comm_free(&node);
  MPI_Finalize();
  return 0;
}
