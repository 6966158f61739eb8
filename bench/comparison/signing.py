# SPDX-License-Identifier: Apache-2.0
"""AWS Signature Version 4 of many GETs at once, so that the raw limit asks as Shoal does: the bucket
checks a signature for both, and nobody signs while the clock runs. Source: "Create a signed AWS API
request" in the IAM user guide."""
import hashlib
import hmac
import time
import urllib.parse

PAYLOAD = hashlib.sha256(b"").hexdigest()
SIGNED_HEADERS = "host;x-amz-content-sha256;x-amz-date"


class Signer:
    """Good for as long as a service takes a date for now: a quarter of an hour."""

    def __init__(self, host, environment, when=None):
        self.host = host
        self.date = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(when))
        self.scope = f"{self.date[:8]}/{environment['AWS_REGION']}/s3/aws4_request"
        self.key_id = environment["AWS_ACCESS_KEY_ID"]
        key = ("AWS4" + environment["AWS_SECRET_ACCESS_KEY"]).encode()
        for part in self.scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        self.key = key

    def headers(self):
        """What all requests have in common, besides Host."""
        return [f"x-amz-content-sha256: {PAYLOAD}", f"x-amz-date: {self.date}"]

    def authorization(self, path):
        """Of a GET of this path, not encoded yet, without a query."""
        request = (f"GET\n{urllib.parse.quote(path, safe='/-._~')}\n\nhost:{self.host}\n"
                   f"x-amz-content-sha256:{PAYLOAD}\nx-amz-date:{self.date}\n\n{SIGNED_HEADERS}\n{PAYLOAD}")
        text = (f"AWS4-HMAC-SHA256\n{self.date}\n{self.scope}\n"
                f"{hashlib.sha256(request.encode()).hexdigest()}")
        signature = hmac.digest(self.key, text.encode(), "sha256").hex()
        return (f"AWS4-HMAC-SHA256 Credential={self.key_id}/{self.scope}, "
                f"SignedHeaders={SIGNED_HEADERS}, Signature={signature}")
