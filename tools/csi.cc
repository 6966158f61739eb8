// SPDX-License-Identifier: Apache-2.0
#include "csi/program.h"

int main(int argc, char** argv) {
  return shoal::csi::run_program(argc, argv);
}
