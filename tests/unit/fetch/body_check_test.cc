// SPDX-License-Identifier: Apache-2.0
// Goal: a body damaged on its way is never served, and an ETag that is no MD5 never costs a reader.
// Method: a whole data path under virtual time against a bucket that flips bits.
#include <gtest/gtest.h>

#include "sim/support/world.h"

namespace shoal::sim {
namespace {

using ETagKind = OracleObject::ETagKind;

WorldOptions files(std::size_t count, ETagKind etag_kind, std::uint64_t bytes = 9000) {
  WorldOptions options;
  options.geometry = {4096, 4u << 20};
  options.buffer_bytes_max = 64u << 20;
  options.sizes.assign(count, bytes);
  options.etag_kind = etag_kind;
  return options;
}

TEST(BodyCheck, a_damaged_body_is_fetched_again_and_its_readers_get_the_right_bytes) {
  World world(files(10, ETagKind::md5));
  world.stores[0].behaviour().damaged = 1;
  Outcome& whole = world.read_object(4);
  Outcome& part = world.read(world.dataset.objects()[4].address, 100);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(whole), "");
  EXPECT_EQ(world.fault_of(part), "");
  EXPECT_EQ(world.bucket.gets, 2u);
  EXPECT_EQ(world.stats().misfit_bodies, 1u);
  world.close();
  EXPECT_EQ(world.leaks(), "");
}

TEST(BodyCheck, no_byte_is_handed_out_while_the_body_is_still_coming) {
  WorldOptions options = files(1, ETagKind::md5, 1u << 20);
  options.bucket.piece_bytes = 64u << 10;
  options.bucket.piece_delay = std::chrono::milliseconds(10);
  World world(options);
  world.stores[0].behaviour().damaged = 1;  // in the first piece
  Outcome& early = world.read(DataAddress{0}, 4096);
  world.run_for(std::chrono::milliseconds(100));
  Outcome& while_coming = world.read(DataAddress{0}, 4096);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(early), "");
  EXPECT_EQ(world.fault_of(while_coming), "");
}

TEST(BodyCheck, two_different_damaged_bodies_are_a_read_error_that_says_so) {
  World world(files(10, ETagKind::md5));
  world.stores[0].behaviour().damaged = 2;
  Outcome& outcome = world.read_object(4);
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->code(), ErrorCode::corrupt);
  EXPECT_NE(outcome.error->to_string().find("MD5"), std::string::npos);
  EXPECT_EQ(world.bucket.gets, 2u);
  Outcome& again = world.read_object(4);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.fault_of(again), "");
}

TEST(BodyCheck, a_damaged_prefetch_costs_a_get_and_no_reader_notices) {
  WorldOptions options = files(300, ETagKind::md5);
  options.prefetch = true;
  World world(options);
  for (std::size_t i = 0; i < 300; ++i) {
    if (i % 50 == 10) world.stores[0].behaviour().damaged = 1;
    Outcome& outcome = world.read_object(i);
    ASSERT_TRUE(world.settle());
    ASSERT_EQ(world.fault_of(outcome), "");
  }
  EXPECT_GT(world.stats().misfit_bodies, 0u);
  EXPECT_EQ(world.bucket.gets, 300u + world.stats().misfit_bodies);
  world.close();
  EXPECT_EQ(world.leaks(), "");
}

TEST(BodyCheck, etags_that_are_no_md5_cost_a_few_gets_and_then_nothing) {
  World world(files(100, ETagKind::random_hex));
  for (std::size_t i = 0; i < 100; ++i) {
    Outcome& outcome = world.read_object(i);
    ASSERT_TRUE(world.settle());
    ASSERT_EQ(world.fault_of(outcome), "");
  }
  EXPECT_EQ(world.bucket.gets, 104u);
  EXPECT_EQ(world.stats().read_errors, 0u);
}

TEST(BodyCheck, larger_objects_and_other_etags_are_fetched_once_unchecked) {
  World large(files(2, ETagKind::random_hex, (1u << 20) + 1));
  ASSERT_EQ((large.read_object(0), large.settle()), true);
  EXPECT_EQ(large.bucket.gets, 1u);
  World other(files(2, ETagKind::number));
  ASSERT_EQ((other.read_object(0), other.settle()), true);
  EXPECT_EQ(other.bucket.gets, 1u);
}

}  // namespace
}  // namespace shoal::sim
