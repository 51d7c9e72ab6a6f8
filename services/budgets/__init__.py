"""What a person may spend on vendors' models in a day: reserved before a question, settled after its answer."""

from services.budgets.spending import Reservation, reserve, settle

__all__ = ["Reservation", "reserve", "settle"]
