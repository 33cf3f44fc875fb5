"""Operators of the emulator: one per role, so that one can sign in to the back office."""

PASSWORD = "local-operator"
OPERATORS = {
    "olive@dutyline.example": ("Olive Lead", ["lead"]),
    "oscar@dutyline.example": ("Oscar Support", ["support"]),
    "rita@dutyline.example": ("Rita Reader", ["read-only"]),
    "nora@dutyline.example": ("Nora Nobody", []),
}
