"""Actions: the claims that deployed post-login Actions add to ID tokens."""

import re
from typing import Any

from tests.emulators.auth0.tenant import Auth0Tenant, Auth0User

POST_LOGIN = "post-login"
_ROLES_CLAIM = re.compile(r'api\.idToken\.setCustomClaim\(\s*"([^"]+)"\s*,\s*event\.authorization\??\.roles\b')
"""The only statement that the emulator understands."""


def id_token_claims(tenant: Auth0Tenant, user: Auth0User) -> dict[str, Any]:
    """The custom claims of a user. A user's roles are in their ``app_metadata``."""
    bindings = tenant.get_record("bindings", POST_LOGIN) or {"action_ids": []}
    roles = user["app_metadata"].get("roles", [])
    actions = [tenant.get_record("action", id) for id in bindings["action_ids"]]
    codes = [action["deployed_version"]["code"] for action in actions if action and action.get("deployed_version")]
    return {claim: roles for code in codes for claim in _ROLES_CLAIM.findall(code)}
