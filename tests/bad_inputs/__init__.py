"""The table of bad inputs: the number of each case, its input and its error."""

from bad_inputs.parameters import PARAMETERS
from bad_inputs.reading import READ
from bad_inputs.rows import FITTED
from bad_inputs.training import RUNNING

CASES = [*PARAMETERS, *FITTED, *READ, *RUNNING]
