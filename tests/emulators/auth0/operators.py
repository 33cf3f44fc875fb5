"""The support people of this machine: one of each role, so that the back office can be entered."""

PASSWORD = "local-operator"
OPERATORS = {
    "olive@dutyline.example": ("Olive Lead", ["lead"]),
    "oscar@dutyline.example": ("Oscar Support", ["support"]),
    "rita@dutyline.example": ("Rita Reader", ["read-only"]),
    "nora@dutyline.example": ("Nora Nobody", []),
}
