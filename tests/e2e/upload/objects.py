#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes files, and says what boto3 sees of the objects that were made of them.

objects.py small DIR COUNT [SEED]         COUNT files of about 2 KiB, 500 to a directory
objects.py large FILE MIB [SEED]          random MiB, each with its number in it
objects.py compare ENDPOINT BUCKET PREFIX DIR [EVERY]
                                          the listing is the directory, by names, sizes and MD5s, and
                                          every EVERYth object has the bytes of its file
objects.py md5 ENDPOINT BUCKET KEY        of the object's bytes
objects.py open ENDPOINT BUCKET           number of multipart uploads under way
objects.py etag ENDPOINT BUCKET KEY
objects.py upload ENDPOINT BUCKET KEY FILE PART_MIB   boto3 uploads it; prints its ETag
"""
import hashlib
import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

MIB = 1 << 20


def small(directory, count, seed=0):
    rng = random.Random(int(seed))
    noise = rng.randbytes(MIB)
    for number in range(int(count)):
        place = os.path.join(directory, f"{number // 500:03}")
        if number % 500 == 0:
            os.makedirs(place, exist_ok=True)
        at = rng.randrange(MIB - 4096)
        with open(os.path.join(place, f"file-{number:05}"), "wb") as file:
            file.write(b"%d of %d\n" % (number, int(seed)) + noise[at:at + rng.randrange(1500, 2500)])


def large(path, mebibytes, seed=0):
    noise = random.Random(int(seed)).randbytes(MIB - 16)
    with open(path, "wb") as file:
        for number in range(int(mebibytes)):
            file.write(b"%016d" % number + noise)


def client_of(endpoint):
    return boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1",
                        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3},
                                      max_pool_connections=16))


def listing_of(client, bucket, prefix):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {entry["Key"][len(prefix):]: entry for page in pages for entry in page.get("Contents", [])}


def compare(endpoint, bucket, prefix, directory, every="1"):
    client = client_of(endpoint)
    found = listing_of(client, bucket, prefix)
    files = {os.path.relpath(os.path.join(place, name), directory)
             for place, _, names in os.walk(directory) for name in names}
    wrong = [f"{name}: no object" for name in sorted(files - set(found))]
    wrong += [f"{name}: no file" for name in sorted(set(found) - files)]

    def check(name, with_bytes):
        with open(os.path.join(directory, name), "rb") as file:
            content = file.read()
        entry = found[name]
        etag = entry["ETag"].strip('"')
        if entry["Size"] != len(content):
            return f"{name}: {entry['Size']} bytes, not {len(content)}"
        if "-" not in etag and etag != hashlib.md5(content).hexdigest():
            return f"{name}: ETag {etag}"
        if with_bytes and client.get_object(Bucket=bucket, Key=prefix + name)["Body"].read() != content:
            return f"{name}: other bytes"
        return None

    both = sorted(files & set(found))
    with ThreadPoolExecutor(8) as pool:
        wrong += filter(None, pool.map(check, both, (i % int(every) == 0 for i in range(len(both)))))
    if wrong or not both:
        raise SystemExit("\n".join(wrong[:20]) + f"\n{len(wrong)} differences, {len(both)} of both")


def md5(endpoint, bucket, key):
    digest = hashlib.md5()
    for block in client_of(endpoint).get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(MIB):
        digest.update(block)
    print(digest.hexdigest())


def open_uploads(client, bucket):
    return [upload["Key"] for upload in client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]


def upload(endpoint, bucket, key, path, part_mib):
    client = client_of(endpoint)
    size = int(part_mib) * MIB
    client.upload_file(path, bucket, key,
                       Config=TransferConfig(multipart_threshold=size, multipart_chunksize=size))
    print(client.head_object(Bucket=bucket, Key=key)["ETag"].strip('"'))


def main():
    what, *words = sys.argv[1:]
    if what == "open":
        print(len(open_uploads(client_of(words[0]), words[1])))
    elif what == "etag":
        print(client_of(words[0]).head_object(Bucket=words[1], Key=words[2])["ETag"].strip('"'))
    else:
        {"small": small, "large": large, "compare": compare, "md5": md5, "upload": upload}[what](*words)


if __name__ == "__main__":
    main()
