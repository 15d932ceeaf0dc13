from __future__ import annotations

import pytest

from shared.policy.document import Policy
from shared.policy.load import DEFAULT_POLICY, load_policy_file


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The policy that ships with Tierline."""
    return load_policy_file(DEFAULT_POLICY)
