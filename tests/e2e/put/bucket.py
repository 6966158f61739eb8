# SPDX-License-Identifier: Apache-2.0
"""What boto3 sees: bucket.py ENDPOINT BUCKET same KEY FILE | type KEY | keys [PREFIX] | uploads | get KEY"""
import os
import sys

import boto3
from botocore.config import Config


def same(client, bucket, key, path):
    body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    with open(os.fsencode(path), "rb") as file:
        expected = file.read()
    if body != expected:
        raise SystemExit(f"{key!r} has {len(body)} bytes that are not the {len(expected)} of {path!r}")


def keys(client, bucket, prefix=""):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    print(" ".join(entry["Key"] for page in pages for entry in page.get("Contents", [])))


def main():
    endpoint, bucket, what, *words = sys.argv[1:]
    client = boto3.client("s3", endpoint_url=endpoint,
                          config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 2}))
    if what == "same":
        same(client, bucket, *words)
    elif what == "type":
        print(client.head_object(Bucket=bucket, Key=words[0])["ContentType"])
    elif what == "keys":
        keys(client, bucket, *words)
    elif what == "uploads":
        print(len(client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])))
    elif what == "get":
        sys.stdout.write(client.get_object(Bucket=bucket, Key=words[0])["Body"].read().decode())
    else:
        raise SystemExit(f"no such word: {what}")


if __name__ == "__main__":
    main()
