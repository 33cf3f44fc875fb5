"""Audited actions of calls, phone lines and phone numbers, with their meanings."""

ACTIONS = {
    "call.listened": "A recording was played or downloaded.",
    "call.viewed": "An operator viewed the call.",
    "conversation.recorded": "A conversation was recorded.",
    "ivr.changed": "The IVR configuration was changed.",
    "number.given_up": "The number is being released; it can still be restored.",
    "number.adopted": "A number of the Twilio account became the number of the location.",
    "number.orphan_released": "A number that belongs to no customer was released.",
    "number.purchase_retried": "An operator retried the purchase of the number.",
    "number.purchased": "The number was purchased.",
    "number.refused": "The purchase of the number failed.",
    "number.released": "The number was released.",
    "number.reservation_lost": "The number that was reserved for the customer is not in the Twilio account any more.",
    "number.reservation_withdrawn": "The number can no longer be adopted by the customer.",
    "number.reserved": "The number was reserved for the customer, who can adopt it.",
    "number.restored": "The pending release of the number was cancelled.",
    "numberprofile.address_registered": "The telephone service accepted the address.",
    "numberprofile.address_rejected": "The telephone service did not accept the address.",
    "numberprofile.bundle_recorded": "An operator recorded the documents for numbers of the country.",
    "numberprofile.changed": "The address for numbers of the country was changed.",
    "numberprofile.removed": "The address and documents for numbers of the country were removed.",
    "phone.unverified": "The user's phone has to be confirmed again, because the e-mail address was changed soon after "
    "they had come in.",
    "phone.verified": "The user confirmed their phone.",
    "quota.changed": "The customer's limit of phone numbers was changed.",
    "voicemail.recorded": "A caller left a voicemail.",
}
