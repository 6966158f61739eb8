// SPDX-License-Identifier: Apache-2.0
#include "devbucket/program.h"

int main(int argc, char** argv) {
  return shoal::devbucket::run_program(argc, argv);
}
