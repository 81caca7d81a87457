"""A key of idempotence is for one request: each that fits its schema is made one of its own.

What was answered is counted by status, and left in the file HUB_ANSWERS at the end: a line of `STATUS COUNT` for each.
"""

import atexit
import os
import re
from collections import Counter
from itertools import count

import schemathesis

KEY = "Idempotency-Key"
FITS = re.compile(r"[!-~]([ -~]{0,253}[!-~])?")

calls = count()
answers = Counter()


@schemathesis.hook
def before_call(context, case, kwargs):
    key = (case.headers or {}).get(KEY)
    if isinstance(key, str) and FITS.fullmatch(key):
        case.headers[KEY] = f"{key[:200]}-{next(calls)}"


@schemathesis.hook
def after_call(context, case, response):
    answers[response.status_code] += 1


@atexit.register
def tell():
    with open(os.environ["HUB_ANSWERS"], "w") as file:
        file.writelines(f"{status} {times}\n" for status, times in sorted(answers.items()))
