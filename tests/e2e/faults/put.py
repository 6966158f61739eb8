# SPDX-License-Identifier: Apache-2.0
"""put.py ENDPOINT BUCKET DIR: puts every file below DIR, and with KEYS as DIR every odd key, as objects."""
import http.client
import os
import sys
import urllib.parse

ODD = ["a", "a/b", "a//b", "../x", "x/./y", "x/../y", ".", "..", "./z", "slash/", "slash/in", "both", "both/",
       "both!", "a.b", "/lead", "//", "w//", "n" * 300, "d" * 300 + "/f", "d/" + "e" * 255, "d/" + "e" * 256,
       "new\nline", "tab\tkey", "control\x01\x7f", "deep/" + "/".join(f"k{i}" for i in range(150)), "é/ü",
       "back\\slash", '"quoted"', "%41", "a+b c", "a&amp;b", "<x>", "c", "c/c", "c/d", "c/d/e", "nl\r\nx",
       "star*", "/".join(["y" * 100] * 9)]

endpoint, bucket, directory = sys.argv[1:]
connection = http.client.HTTPConnection(urllib.parse.urlsplit(endpoint).netloc)


def put(key, body):
    path = "/" + bucket + "/" + urllib.parse.quote(key, safe="/")
    connection.putrequest("PUT", path, skip_accept_encoding=True)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        sys.exit(f"PUT {key!r}: {answer.status} {text!r}")


if directory == "KEYS":
    for odd in ODD:
        put("odd/" + odd, (odd + "!").encode())
    print(len(ODD))
else:
    for folder, _, names in os.walk(directory):
        for name in names:
            file = os.path.join(folder, name)
            with open(file, "rb") as content:
                put("data/" + os.path.relpath(file, directory), content.read())
