"""Makes a few things of each kind, so that requests for one find one: seed.py URL FILE, with HUB_TOKEN and HUB_API_KEY.

The file gets the id and the secret of a connection to a radio network that nothing else is done to.
"""

import json
import os
import sys
from datetime import datetime, timedelta, timezone
from urllib.request import Request, urlopen

NOW = datetime.now(timezone.utc)
OF_EACH = 3


def at(**distance):
    return (NOW + timedelta(**distance)).isoformat(timespec="milliseconds")


def post(path, body, **headers):
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ['HUB_TOKEN']}", **headers}
    with urlopen(Request(sys.argv[1] + path, json.dumps(body).encode(), headers), timeout=20) as answer:
        return json.loads(answer.read() or b"{}")


def make(things, **body):
    return post(f"/api/v1/{things}", body)["id"]


def place(n):
    """A site, with what is of it."""
    site = make("sites", name=f"Site {n}", timezone="Europe/Berlin")
    area = make("areas", siteId=site, name="Kitchen")
    unit = make("units", siteId=site, areaId=area, name="Fridge")
    make("gateways", siteId=site, name="Attic", gatewayEui=f"70B3D57ED00000A{n}")
    device = make("devices", unitId=unit, name="Probe", devEui=f"70B3D57ED00000D{n}")
    make("calibrations", deviceId=device, performedAt=at(days=-1), performedBy="Lab", deviation=0.2)
    make("maintenance-windows", unitId=unit, kind="maintenance", startsAt=at(days=1), endsAt=at(days=1, hours=1), reason="Door")
    make("inspector-links", siteIds=[site], name=f"Inspection {n}", expiresAt=at(days=7))
    make("alert-rules", scope="unit", scopeId=unit, rule={"highLimit": 8})
    log = make("manual-logs", unitId=unit, temperature=11.5, recordedAt=at(minutes=-5))
    make("corrective-actions", unitId=unit, manualLogId=log, action="Moved the stock")
    post(f"/api/v1/units/{unit}/door-events", {"open": True, "recordedAt": at(minutes=-4)})
    warm = [{"unitId": unit, "temperature": 15, "recordedAt": at(minutes=-minute)} for minute in range(120, 0, -5)]
    post("/api/ingest/readings", {"readings": warm}, **{"X-API-Key": os.environ["HUB_API_KEY"]})


def people(n):
    """A contact, with who is told of alerts, and somebody who is invited."""
    contact = make("contacts", name=f"Contact {n}", email=f"contact{n}@example.test")
    steps = [{"afterMinutes": 0, "contactIds": [contact], "channels": ["email"]}]
    make("notification-policies", name=f"Policy {n}", scope="organization", steps=steps)
    make("digests", contactId=contact, rhythm="weekly", weekday=1, at="07:00", timezone="Europe/Berlin")
    make("invitations", email=f"guest{n}@example.test", role="staff")


def radio(n):
    """A connection to a radio network, which heard a sensor of nobody."""
    connection = post("/api/v1/ttn-connections", {"name": f"Network {n}"})
    uplink = {"f_cnt": 1, "f_port": 1, "frm_payload": "AQI=", "received_at": at(minutes=-1)}
    device = {"dev_eui": f"70B3D57ED00000F{n}", "device_id": f"sensor-{n}"}
    body = {"end_device_ids": device, "received_at": at(minutes=-1), "uplink_message": uplink}
    post(f"/api/integrations/ttn/{connection['id']}", body, **{"X-Webhook-Secret": connection["secret"]})


def of_its_own():
    """A connection for whoever sends frames."""
    connection = post("/api/v1/ttn-connections", {"name": "Network of the test"})
    with open(sys.argv[2], "w") as file:
        file.write(f"{connection['id']} {connection['secret']}\n")


of_its_own()
for number in range(1, OF_EACH + 1):
    place(number)
    people(number)
    radio(number)
    make("api-keys", name=f"Key {number}")
