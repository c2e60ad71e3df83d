"""Training: from settled parameters and rows to a result, which reading calls compute with."""

from .batches import Part, split_rows
from .build import check_net_params, new_net
from .checkpoints import NoCheckpoints, checkpoints_for
from .code_map import mean_decoder_directions
from .concurrency import begin_computing, one_at_a_time, snapshot, with_snapshots
from .dependent_rows import joined_groups, row_groups
from .device import PRECISIONS, draw_seed, full_precision, resolve_device, with_gradients
from .early_stopping import BestWeights, StopTraining
from .errors import reports_out_of_memory
from .fit import TrainData, TrainingInterrupted, train
from .history import report_stage
from .inference import decode, encode, reconstruct, squared_errors, sums_of_squares
from .net import OPTIMIZERS, AutoencoderNet
from .net_state import get_moments, set_moments
from .pca_init import components_for_share
from .rescaling import is_extensible
from .result import FitResult
from .spec import TrainSpec

__all__ = [
    "OPTIMIZERS",
    "PRECISIONS",
    "AutoencoderNet",
    "BestWeights",
    "FitResult",
    "NoCheckpoints",
    "Part",
    "StopTraining",
    "TrainData",
    "TrainSpec",
    "TrainingInterrupted",
    "begin_computing",
    "check_net_params",
    "checkpoints_for",
    "components_for_share",
    "decode",
    "draw_seed",
    "encode",
    "full_precision",
    "get_moments",
    "is_extensible",
    "joined_groups",
    "mean_decoder_directions",
    "new_net",
    "one_at_a_time",
    "reconstruct",
    "report_stage",
    "reports_out_of_memory",
    "resolve_device",
    "row_groups",
    "set_moments",
    "snapshot",
    "split_rows",
    "squared_errors",
    "sums_of_squares",
    "train",
    "with_gradients",
    "with_snapshots",
]
