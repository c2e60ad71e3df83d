"""The table of bad inputs: its number of a case, what is passed, and the error that follows."""

from bad_inputs.parameters import PARAMETERS
from bad_inputs.reading import READ
from bad_inputs.rows import FITTED
from bad_inputs.training import RUNNING

CASES = [*PARAMETERS, *FITTED, *READ, *RUNNING]
