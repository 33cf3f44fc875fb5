"""Audited actions of calls, phone lines and phone numbers, with their meanings."""

ACTIONS = {
    "call.listened": "A recording was played or downloaded.",
    "call.viewed": "An operator viewed the call.",
    "conversation.recorded": "A conversation was recorded.",
    "ivr.changed": "The IVR configuration was changed.",
    "number.given_up": "The number is being released; it can still be restored.",
    "number.orphan_released": "A number that belongs to no customer was released.",
    "number.purchase_retried": "An operator retried the purchase of the number.",
    "number.purchased": "The number was purchased.",
    "number.refused": "The purchase of the number failed.",
    "number.released": "The number was released.",
    "number.restored": "The pending release of the number was cancelled.",
    "phone.unverified": "The user's phone has to be confirmed again, because the e-mail address was changed soon after "
    "they had come in.",
    "phone.verified": "The user confirmed their phone.",
    "quota.changed": "The customer's limit of phone numbers was changed.",
    "voicemail.recorded": "A caller left a voicemail.",
}
