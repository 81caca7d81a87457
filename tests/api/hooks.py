"""A key of idempotence is for one request: each that fits its schema is made one of its own."""

import re
from itertools import count

import schemathesis

KEY = "Idempotency-Key"
FITS = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")

calls = count()


@schemathesis.hook
def before_call(context, case, kwargs):
    key = (case.headers or {}).get(KEY)
    if isinstance(key, str) and FITS.fullmatch(key):
        case.headers[KEY] = f"{key[:200]}-{next(calls)}"
