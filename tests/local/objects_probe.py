"""Asks moto about objects in all ways that Lakeferry does, and more; prints what it says.

Takes a shim to leave out, and `http` to ask over the local stack's server.
"""

import contextlib
import json
import re
import sys
from collections import Counter
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.config import Config
from flask import Flask
from moto.core import request
from moto.s3 import utils
from moto.s3.responses import S3Response

from local import shims

done: Counter[str] = Counter()


def count(owner: Any, name: str, what: str) -> None:
    original = getattr(owner, name)

    def counted(*args: Any, **named: Any) -> Any:
        done[what] += 1
        return original(*args, **named)

    setattr(owner, name, staticmethod(counted) if what == "hosts" else counted)


count(Flask, "full_dispatch_request", "flask")
count(S3Response, "subdomain_based_buckets", "hosts")
count(request, "environ_key_for_header", "headers")
utils.re = SimpleNamespace(compile=re.compile, IGNORECASE=re.IGNORECASE)
count(utils.re, "compile", "searches")
shims.apply(leave_out=sys.argv[1])

from moto import mock_aws  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app  # noqa: E402

from local.http_server import HttpServer  # noqa: E402

said: list[Any] = []
OF_EACH = {"date", "x-amzn-requestid", "x-amz-request-id", "access-control-allow-origin", "last-modified", "connection"}
UNLIKE = {"UploadId", "LastModified", "Initiated", "VersionId", "CreationDate"}


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items() if key not in UNLIKE}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.read().decode() if hasattr(value, "read") else value


def ask(name: str, **named: Any) -> Any:
    try:
        answer = getattr(client, name)(**named)
    except client.exceptions.ClientError as error:
        answer = {"error": str(error), **error.response}
    about = answer["ResponseMetadata"]
    # ids in a body of XML are drawn, and not equally long
    drawn = {"content-length"} if about["HTTPHeaders"].get("content-type", "").endswith("xml") else set()
    headers = {key: value for key, value in about["HTTPHeaders"].items() if key not in OF_EACH | drawn}
    told = {key: value for key, value in answer.items() if key != "ResponseMetadata"}
    said.append([name, about["HTTPStatusCode"], headers, plain(told)])
    return answer


KEY: dict[str, Any] = {"Bucket": "one", "Key": "a/b c+ä%2F/x.csv"}
with contextlib.ExitStack() as stack:
    named: dict[str, Any] = {"region_name": "eu-west-1"}
    if sys.argv[2] == "http":
        server = HttpServer(DomainDispatcherApplication(create_backend_app), "127.0.0.1", 0)
        stack.enter_context(server)
        named |= {"endpoint_url": f"http://127.0.0.1:{server.port}"}
        named |= {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    else:
        stack.enter_context(mock_aws())
    client: Any = boto3.client("s3", config=Config(retries={"total_max_attempts": 1}), **named)
    for bucket in ("one", "two.dots"):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    client.put_bucket_tagging(Bucket="one", Tagging={"TagSet": []})
    done.clear()
    metadata = {"mtime": "1", "my_key": "2", "my-key": "3", "Upper": "4", "a.b": "5"}
    ask("put_object", **KEY, Body=b"a,b\n1,2\n" * 1000, Metadata=metadata, ContentType="text/csv", Tagging="x=1&y=2")
    ask("put_object", Bucket="one", Key="empty", Body=b"", CacheControl="no-store", ContentEncoding="gzip")
    ask("put_object", Bucket="none", Key="a", Body=b"x")
    ask("put_object", **KEY, Body=b"x", IfNoneMatch="*")
    ask("put_object", Bucket="two.dots", Key="k", Body=b"x", ChecksumAlgorithm="SHA256", ServerSideEncryption="AES256")
    more: dict[str, Any]
    for more in ({}, {"Range": "bytes=2-5"}, {"Range": "bytes=9000-"}, {"IfNoneMatch": '"x"'}, {"IfMatch": '"x"'}):
        ask("get_object", **KEY, **more)
        ask("head_object", **KEY, **more)
    ask("get_object", Bucket="one", Key="none")
    ask("head_object", Bucket="one", Key="none")
    ask("get_object", Bucket="two.dots", Key="k", ChecksumMode="ENABLED")
    ask("get_object_tagging", **KEY)
    source = {"Bucket": KEY["Bucket"], "Key": KEY["Key"]}
    for more in ({}, {"MetadataDirective": "REPLACE", "Metadata": {"new_one": "1"}}, {"TaggingDirective": "REPLACE"}):
        ask("copy_object", Bucket="two.dots", Key="copy", CopySource=source, **more)
        ask("head_object", Bucket="two.dots", Key="copy")
    ask("copy_object", Bucket="two.dots", Key="copy", CopySource={"Bucket": "one", "Key": "none"})
    ask("copy_object", **KEY, CopySource=source)
    upload = {**KEY, "UploadId": ask("create_multipart_upload", **KEY, Metadata={"in_parts": "1"})["UploadId"]}
    parts = [
        {"PartNumber": number, "ETag": ask("upload_part", **upload, PartNumber=number, Body=b"p" * size)["ETag"]}
        for number, size in ((1, 5 * 1024 * 1024), (2, 10))
    ]
    ask("upload_part_copy", **upload, PartNumber=3, CopySource=source)
    ask("list_parts", **upload)
    ask("list_multipart_uploads", Bucket="one")
    ask("complete_multipart_upload", **upload, MultipartUpload={"Parts": parts})
    ask("head_object", **KEY)
    ask("abort_multipart_upload", **upload)
    ask("list_objects_v2", Bucket="one", Prefix="a/")
    ask("delete_object", **KEY)
    ask("delete_objects", Bucket="one", Delete={"Objects": [{"Key": "empty"}, {"Key": "none"}]})
    ask("list_objects_v2", Bucket="one")
print(json.dumps([done, said], default=str, sort_keys=True))
