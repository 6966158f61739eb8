# SPDX-License-Identifier: Apache-2.0
"""boto3: every operation of the server, through the library most programs use."""
import hashlib
import io
import socket
import urllib.error
import urllib.request

import boto3
import botocore.config
import botocore.exceptions

from harness import KEY, ODD_KEYS, SECRET, UPLOAD_BYTES, pattern


def client_for(server, secret=SECRET, key=KEY, style="path", region="us-east-1", url=None):
    config = botocore.config.Config(s3={"addressing_style": style},
                                    retries={"max_attempts": 1, "mode": "standard"})
    return boto3.client("s3", endpoint_url=url or server.url, aws_access_key_id=key,
                        aws_secret_access_key=secret, region_name=region, config=config)


def code_of(action):
    try:
        action()
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return "none"


class Round:
    def __init__(self, server):
        self.server = server
        self.s3 = client_for(server)

    def create_bucket(self):
        self.s3.create_bucket(Bucket="boto")
        assert "boto" in [b["Name"] for b in self.s3.list_buckets()["Buckets"]]
        self.s3.head_bucket(Bucket="boto")
        assert code_of(lambda: self.s3.create_bucket(Bucket="boto")) == "BucketAlreadyOwnedByYou"
        assert code_of(lambda: self.s3.head_bucket(Bucket="not-there")) == "404"

    def odd_keys(self):
        keys = ODD_KEYS + ["a", "a/b", "a/", "a//b", "../up", "dots/./x", "L" * 300, "L" * 255 + "/x"]
        for key in keys:
            answer = self.s3.put_object(Bucket="boto", Key=key, Body=key.encode(),
                                        Metadata={"word": "value"}, ContentType="text/x-odd")
            assert answer["ETag"] == f'"{hashlib.md5(key.encode()).hexdigest()}"'
        for key in keys:
            got = self.s3.get_object(Bucket="boto", Key=key)
            assert got["Body"].read() == key.encode() and got["Metadata"] == {"word": "value"}, key
            assert got["ContentType"] == "text/x-odd"
        listed = [o["Key"] for o in self.s3.list_objects_v2(Bucket="boto")["Contents"]]
        assert listed == sorted(keys, key=lambda key: key.encode()), listed
        listed = [o["Key"] for o in self.s3.list_objects(Bucket="boto")["Contents"]]
        assert listed == sorted(keys, key=lambda key: key.encode())
        self.s3.delete_objects(Bucket="boto", Delete={"Objects": [{"Key": k} for k in keys]})
        assert self.s3.list_objects_v2(Bucket="boto")["KeyCount"] == 0

    def list_many(self):
        keys = [f"many/{i % 7}/{i:05d}" for i in range(2345)]
        for key in keys:
            self.s3.put_object(Bucket="boto", Key=key, Body=b"x")
        for operation in ("list_objects_v2", "list_objects"):
            pages = list(self.s3.get_paginator(operation).paginate(Bucket="boto", Prefix="many/"))
            assert len(pages) == 3, len(pages)
            assert [o["Key"] for p in pages for o in p["Contents"]] == sorted(keys)
            pages = self.s3.get_paginator(operation).paginate(
                Bucket="boto", Prefix="many/", Delimiter="/", PaginationConfig={"PageSize": 2})
            prefixes = [c["Prefix"] for page in pages for c in page.get("CommonPrefixes", [])]
            assert prefixes == [f"many/{i}/" for i in range(7)], prefixes
        after = self.s3.list_objects_v2(Bucket="boto", StartAfter="many/6/02343", MaxKeys=3)
        assert [o["Key"] for o in after["Contents"]] == [k for k in sorted(keys) if k > "many/6/02343"][:3]

    def ranges(self):
        data = pattern(100_000)
        self.s3.put_object(Bucket="boto", Key="ranged", Body=data)

        def get(header):
            return self.s3.get_object(Bucket="boto", Key="ranged", Range=header)

        part = get("bytes=10-19")
        assert part["Body"].read() == data[10:20] and part["ContentRange"] == "bytes 10-19/100000"
        assert get("bytes=99990-200000")["Body"].read() == data[99990:]
        assert get("bytes=-7")["Body"].read() == data[-7:]
        assert code_of(lambda: get("bytes=100000-")) == "InvalidRange"

    def conditions(self):
        self.s3.put_object(Bucket="boto", Key="cond", Body=b"1")
        head = self.s3.head_object(Bucket="boto", Key="cond")
        args = {"Bucket": "boto", "Key": "cond"}
        self.s3.get_object(IfMatch=head["ETag"], **args)
        assert code_of(lambda: self.s3.get_object(IfMatch='"x"', **args)) == "PreconditionFailed"
        assert code_of(lambda: self.s3.get_object(IfNoneMatch=head["ETag"], **args)) == "304"
        assert code_of(lambda: self.s3.get_object(IfModifiedSince=head["LastModified"], **args)) == "304"
        assert code_of(lambda: self.s3.get_object(Bucket="boto", Key="none")) == "NoSuchKey"
        assert code_of(lambda: self.s3.head_object(Bucket="boto", Key="none")) == "404"
        assert code_of(lambda: self.s3.get_object(Bucket="none", Key="none")) == "NoSuchBucket"

    def multipart(self):
        data = pattern(UPLOAD_BYTES)
        self.s3.upload_fileobj(io.BytesIO(data), "boto", "big file.bin")
        head = self.s3.head_object(Bucket="boto", Key="big file.bin")
        assert head["ContentLength"] == len(data) and head["ETag"].endswith('-3"'), head["ETag"]
        out = io.BytesIO()
        self.s3.download_fileobj("boto", "big file.bin", out)
        assert out.getvalue() == data
        upload = self.s3.create_multipart_upload(Bucket="boto", Key="mp")["UploadId"]
        args = {"Bucket": "boto", "Key": "mp", "UploadId": upload}
        etag = self.s3.upload_part(PartNumber=1, Body=b"small", **args)["ETag"]
        part = self.s3.upload_part_copy(PartNumber=2, CopySource="boto/big file.bin",
                                        CopySourceRange="bytes=5-9", **args)
        assert [p["PartNumber"] for p in self.s3.list_parts(**args)["Parts"]] == [1, 2]
        assert self.s3.list_multipart_uploads(Bucket="boto")["Uploads"][0]["UploadId"] == upload
        both = [{"PartNumber": 1, "ETag": etag},
                {"PartNumber": 2, "ETag": part["CopyPartResult"]["ETag"]}]
        done = self.s3.complete_multipart_upload
        assert code_of(lambda: done(MultipartUpload={"Parts": both}, **args)) == "EntityTooSmall"
        assert code_of(lambda: done(MultipartUpload={"Parts": both[::-1]}, **args)) == "InvalidPartOrder"
        done(MultipartUpload={"Parts": both[1:]}, **args)
        assert self.s3.get_object(Bucket="boto", Key="mp")["Body"].read() == data[5:10]
        upload = self.s3.create_multipart_upload(Bucket="boto", Key="mp")["UploadId"]
        self.s3.abort_multipart_upload(Bucket="boto", Key="mp", UploadId=upload)
        assert code_of(lambda: self.s3.list_parts(Bucket="boto", Key="mp", UploadId=upload)) == "NoSuchUpload"

    def copy(self):
        self.s3.put_object(Bucket="boto", Key="from é+ x", Body=b"copied", Metadata={"m": "1"})
        self.s3.copy_object(Bucket="boto", Key="to", CopySource={"Bucket": "boto", "Key": "from é+ x"})
        got = self.s3.get_object(Bucket="boto", Key="to")
        assert got["Body"].read() == b"copied" and got["Metadata"] == {"m": "1"}

    def presigned(self):
        self.s3.put_object(Bucket="boto", Key="pre signed", Body=b"by url")
        # boto3's own choice for URLs to a custom endpoint is Signature V2, which S3 retires.
        config = botocore.config.Config(signature_version="s3v4")
        v4 = boto3.client("s3", endpoint_url=self.server.url, aws_access_key_id=KEY,
                          aws_secret_access_key=SECRET, region_name="eu-west-1", config=config)
        url = v4.generate_presigned_url("get_object", {"Bucket": "boto", "Key": "pre signed"})
        assert urllib.request.urlopen(url).read() == b"by url"
        try:
            urllib.request.urlopen(url.replace("X-Amz-Expires=3600", "X-Amz-Expires=3601"))
        except urllib.error.HTTPError as error:
            assert error.code == 403
        else:
            raise AssertionError("a changed URL was accepted")

    def virtual_hosted(self):
        # Not every resolver knows that *.localhost is this machine.
        resolve = socket.getaddrinfo
        socket.getaddrinfo = lambda host, *rest, **options: resolve(
            "127.0.0.1" if str(host).endswith(".localhost") else host, *rest, **options)
        try:
            self.use_virtual_hosts()
        finally:
            socket.getaddrinfo = resolve

    def use_virtual_hosts(self):
        s3 = client_for(self.server, style="virtual", url=f"http://localhost:{self.server.port}")
        s3.create_bucket(Bucket="by-host")
        s3.put_object(Bucket="by-host", Key="k/1", Body=b"host")
        assert self.s3.get_object(Bucket="by-host", Key="k/1")["Body"].read() == b"host"
        assert s3.list_objects_v2(Bucket="by-host")["KeyCount"] == 1

    def wrong_secret(self):
        assert code_of(client_for(self.server, secret="no").list_buckets) == "SignatureDoesNotMatch"
        assert code_of(client_for(self.server, key="no").list_buckets) == "InvalidAccessKeyId"

    def delete_bucket(self):
        assert code_of(lambda: self.s3.delete_bucket(Bucket="boto")) == "BucketNotEmpty"
        for page in self.s3.get_paginator("list_objects_v2").paginate(Bucket="boto"):
            self.s3.delete_objects(Bucket="boto", Delete={
                "Objects": [{"Key": o["Key"]} for o in page["Contents"]], "Quiet": True})
        self.s3.delete_bucket(Bucket="boto")
        assert code_of(lambda: self.s3.head_bucket(Bucket="boto")) == "404"


def run(report, server):
    tests = Round(server)
    if not report.check("boto3 create_bucket", tests.create_bucket):
        return
    for name in ("odd_keys", "list_many", "ranges", "conditions", "multipart", "copy", "presigned",
                 "virtual_hosted", "wrong_secret", "delete_bucket"):
        report.check(f"boto3 {name}", getattr(tests, name))
