// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "shoal/error.h"

// Result<T>, Error and the two macros that carry a failure upwards.
//
//   SHOAL_TRY(auto page, parse_page(bytes));            // declares page, or returns the error
//   SHOAL_CHECK_OK(file.sync());                        // for Result<void>

#define SHOAL_CONCAT_INNER(a, b) a##b
#define SHOAL_CONCAT(a, b) SHOAL_CONCAT_INNER(a, b)

#define SHOAL_TRY_INNER(declaration, expression, temporary)           \
  auto temporary = (expression);                                      \
  if (!temporary) return ::shoal::fail(std::move(temporary).error()); \
  declaration = std::move(*temporary)

#define SHOAL_TRY(declaration, expression) \
  SHOAL_TRY_INNER(declaration, expression, SHOAL_CONCAT(shoal_try_, __COUNTER__))

#define SHOAL_CHECK_OK_INNER(expression, temporary)       \
  do {                                                    \
    if (auto temporary = (expression); !temporary)        \
      return ::shoal::fail(std::move(temporary).error()); \
  } while (false)

#define SHOAL_CHECK_OK(expression) \
  SHOAL_CHECK_OK_INNER(expression, SHOAL_CONCAT(shoal_checked_, __COUNTER__))

namespace shoal {

// The only way to drop a Result on purpose; `why` is for the reader and for grep.
template <typename T>
void ignore(Result<T>&& result, [[maybe_unused]] const char* why) {
  static_cast<void>(result);
}

}  // namespace shoal
