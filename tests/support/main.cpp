// The unit tests' main: the guardian is started as this very program.
#include <gmock/gmock.h>

#include <string>

#include "node/guardian.h"
#include "node/signals.h"

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "__guardian") return gradus::guardian_main();
  gradus::install_signal_handlers();
  testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
