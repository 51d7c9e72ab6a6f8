"""What people may spend on vendors' models in a day: reserved before a question, settled after its answer."""

from services.budgets.prices import Prices, read_prices
from services.budgets.spending import LAPSE, Reservation, lapse, reserve, settle

__all__ = ["LAPSE", "Prices", "Reservation", "lapse", "read_prices", "reserve", "settle"]
