"""What training minimizes: a reconstruction loss and weighted, named terms beside it."""

from .objective import Objective, Term
from .reconstruction import LOSSES, check_loss

__all__ = ["LOSSES", "Objective", "Term", "check_loss"]
