"""Says that the token is still good: still.py URL, with HUB_TOKEN. Else it ends with an error."""

import os
import sys
from urllib.request import Request, urlopen

token = {"Authorization": f"Bearer {os.environ['HUB_TOKEN']}"}
with urlopen(Request(f"{sys.argv[1]}/api/v1/me", headers=token), timeout=20) as answer:
    assert answer.status == 200, answer.status
