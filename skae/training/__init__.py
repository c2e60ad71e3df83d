"""Training: from checked parameters and rows to a result, and inference with the result."""

from .batches import Part, StreamPart, equal_rows, split_rows
from .build import check_net_params, new_net
from .checkpoints import checkpoints_for
from .code_map import mean_decoder_directions
from .concurrency import begin_computing, one_at_a_time, snapshot, with_snapshots
from .dependent_rows import joined_groups, row_groups
from .device import draw_seed, full_precision, resolve_device, with_gradients
from .early_stopping import NO_ERROR, BestWeights
from .errors import reports_out_of_memory
from .fingerprint import describe, fingerprint
from .fit import TrainData, TrainingInterrupted, train
from .inference import (
    decode,
    decode_features,
    draw,
    encode,
    encode_batches,
    reconstruct,
    reconstruct_features,
    squared_errors,
    sums_of_squares,
)
from .net import OPTIMIZERS, AutoencoderNet
from .net_state import get_moments, set_moments
from .pca_init import components_for_share, fill_by_pca
from .precision import PRECISIONS, check_bfloat16
from .progress import Progress, parallel
from .rescaling import is_extensible
from .result import FitResult
from .spec import TrainSpec
