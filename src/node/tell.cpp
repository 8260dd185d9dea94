#include "node/tell.h"

#include <fcntl.h>
#include <unistd.h>

namespace gradus {

void fill_standard_descriptors() {
  int fd = 0;
  do fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= 2);
  if (fd > 2) close(fd);
}

}  // namespace gradus
