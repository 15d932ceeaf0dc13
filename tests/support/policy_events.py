"""Activations of policies as intake publishes them."""

from datetime import datetime

from shared.contract.envelope import cloud_event, encode
from shared.contract.policies import PolicyActivated
from shared.policy.document import Policy


def activation(policy: Policy, active_from: str) -> bytes:
    """Return the record that activates *policy*."""
    said = PolicyActivated(
        name=policy.name,
        version=policy.version,
        digest=policy.digest,
        text=policy.text,
        active_from=datetime.fromisoformat(active_from),
        by="pat",
    )
    return encode(
        cloud_event(
            said,
            type="policy.activated",
            id=f"{policy.name}-{policy.version}-{policy.digest}"[:100],
            source="tierline/intake",
            subject=policy.name,
            time=datetime.fromisoformat(active_from),
        )
    )
