"""Tidegate for a Django project: publish to a group, and sign tokens for clients.

Settings: TIDEGATE_API, the address of the gateway's operator listener (default
http://127.0.0.1:9000), and TIDEGATE_KEY, one of its access keys (default none).
"""

import base64
import hashlib
import hmac
import json
import time
import urllib.parse
import urllib.request

from django.conf import settings

HUB = "chat"


def send_to_group(group, payload, timeout=5):
    """Publish payload, as JSON, to every member of group; return its position.

    Raises urllib.error.HTTPError when the gateway refuses, with the reason in its
    body, and OSError when the gateway cannot be reached. After a timeout it is not
    known whether the message was published.
    """
    api = getattr(settings, "TIDEGATE_API", "http://127.0.0.1:9000")
    request = urllib.request.Request(
        f"{api}/api/hubs/{HUB}/groups/{urllib.parse.quote(group, safe='')}/:send",
        data=json.dumps(payload).encode(),
        headers={"Content-Type": "application/json"},
    )
    key = getattr(settings, "TIDEGATE_KEY", "")
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    with urllib.request.urlopen(request, timeout=timeout) as response:
        return json.load(response)["position"]


def client_token(user, join=(), send=(), seconds=3600):
    """Sign a token for a client: who it is, and which groups it may join and send to.

    The gateway asks for it at each connect, so it has to live as long as a page may
    stay open and connect again by itself.
    """
    now = int(time.time())
    claims = {
        "aud": f"https://gateway/client/hubs/{HUB}",  # only the path counts
        "sub": user,
        "iat": now,
        "exp": now + seconds,
        "role": [f"webpubsub.joinLeaveGroup.{g}" for g in join]
        + [f"webpubsub.sendToGroup.{g}" for g in send],
    }
    signed = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
    digest = hmac.new(settings.TIDEGATE_KEY.encode(), signed.encode(), hashlib.sha256)
    return f"{signed}.{_base64url(digest.digest())}"


def _part(value):
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
