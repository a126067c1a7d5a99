"""Events as the IVR and telephony publish them."""
import itertools

CAMPAIGN_NAME = "Winter Appeal"
_numbers = itertools.count(1)


def unique(prefix):
    """An id that no other example of this run uses."""
    return f"{prefix}-{next(_numbers)}"


def unique_phone():
    return f"+999{next(_numbers):09d}"


def event(call_id, campaign_id, phone, **fields):
    return {"callId": call_id, "campaignId": campaign_id, "contactId": f"contact-of-{call_id}", "phoneNumber": phone, **fields}


def donation(call_id, campaign_id, phone, **fields):
    return event(call_id, campaign_id, phone, **{"dtmfInput": "1", "metadata": {"campaignName": CAMPAIGN_NAME}, **fields})


def optout(call_id, campaign_id, phone, **fields):
    return event(call_id, campaign_id, phone, dtmfInput="9", **fields)


def ended(call_id, campaign_id, phone, outcome="answered", **fields):
    return event(call_id, campaign_id, phone, **{"eventType": "call_ended", "outcome": outcome, **fields})
