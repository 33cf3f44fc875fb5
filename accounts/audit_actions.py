"""Audited actions of users, customers, locations, devices and terms, with their meanings."""

ACTIONS = {
    "attempt.refused": "An attempt to act on a user, location or customer beyond the actor's access was refused, or "
    "several within an hour: `attempts` of them.",
    "customer.changed": "Name or settings of the customer were changed.",
    "customer.created": "The customer was created.",
    "customer.resumed": "The customer's users have access again.",
    "customer.suspended": "The customer's users lost access.",
    "device.moved_away": "A device was registered for another user.",
    "device.pruned": "A device that no longer accepts notifications was removed.",
    "device.registered": "A device was registered for notifications.",
    "device.removed": "A device was removed.",
    "directory.completed": "The directory that searches for users read was completed.",
    "grant.refused": "An attempt to grant a role, permission or location that the actor does not have was refused, or "
    "several within an hour: `attempts` of them.",
    "import.previewed": "An operator previewed the import of a file, which tells who of it exists: `rows` of them.",
    "location.changed": "The location was changed.",
    "location.created": "The location was created.",
    "location.removed": "The location was deleted.",
    "terms.accepted": "The user accepted the terms.",
    "terms.announced": "New terms were announced to the users of the customer.",
    "terms.viewed": "An operator viewed evidence of accepted terms.",
    "user.accepted": "The user accepted the invitation by signing in.",
    "user.address_begun": "A change of the e-mail address began.",
    "user.blocked": "The user lost access.",
    "user.change_refused": "Auth0 refused a change of the e-mail address.",
    "user.changed": "The user was changed.",
    "user.deleted": "The user was deleted.",
    "user.deletion_begun": "The deletion of the user began.",
    "user.exported": "The user exported their personal data.",
    "user.handed_over": "What came before a new address, an unblocking, a new invitation or a withdrawn change of the "
    "address ended: password, sessions, tokens, links and devices.",
    "user.invitation_expired": "Nobody accepted the invitation in time, and somebody else uses the address.",
    "user.address_rekeyed": "The key that makes an e-mail address unique follows the present rule.",
    "user.invitation_resent": "The invitation was requested again.",
    "user.invitation_sent": "The invitation was sent.",
    "user.invited": "The user was created and invited.",
    "user.link_not_sent": "The user was unblocked, or got another address, without an e-mail, because a daily limit "
    'was reached: "Forgot password?" at sign-in sends them a link.',
    "user.refused": "Auth0 refused the creation of the user.",
    "user.unblocked": "The user has access again.",
    "user.viewed": "An operator viewed the user.",
}
