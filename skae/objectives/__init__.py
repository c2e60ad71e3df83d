"""The objective of training: a reconstruction loss plus weighted, named penalties."""

from .objective import Objective, Term
from .reconstruction import LOSSES, check_loss
