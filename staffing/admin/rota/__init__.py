"""The rota of a location or a person: a grid of days, by person or by location."""
