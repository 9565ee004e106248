"""Standard Webhooks' own library: which of the messages (JSON lines: secret, headers, body) it believes."""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError


def believed(secret, headers, body):
    try:
        Webhook(secret).verify(body, headers)
        return True
    except WebhookVerificationError as error:
        return str(error)


with open(sys.argv[1], encoding="utf-8") as messages:
    print(json.dumps([believed(**json.loads(line)) for line in messages]))
