"""Training: the skorch net, which rows come next, when to keep which weights, and on what device."""

from .batches import Part, split_rows
from .build import build_autoencoder, build_encoder_decoder, check_net_params, check_shapes, new_net, try_loss
from .checkpoints import WEIGHTS, Checkpoints, NoCheckpoints
from .concurrency import one_at_a_time, reads_snapshot, snapshot, with_snapshots
from .cross_validation import cross_validation_losses, has_enough_folds
from .dependent_rows import joined_groups, row_groups
from .device import (
    PRECISIONS,
    full_precision,
    private_seed,
    resolve_device,
    seeded_weights,
    with_gradients,
)
from .early_stopping import BestWeights, StopTraining
from .errors import reports_out_of_memory
from .fingerprint import RowsFingerprint, labels_fingerprint, random_state_fingerprint, weights_fingerprint
from .nested_codes import cumulative_explained_variance, shortened, training_codes
from .net import OPTIMIZERS, AutoencoderNet
from .optimizer_state import go_on, moments_of, set_moments
from .pca_init import components_for_share
from .records import described, plain_history, reported
from .rescaling import forget_features, is_extensible
from .schedule import automatic_batch_size, automatic_learning_rate, automatic_patience, planned_cycles

__all__ = [
    "OPTIMIZERS",
    "PRECISIONS",
    "WEIGHTS",
    "AutoencoderNet",
    "BestWeights",
    "Checkpoints",
    "NoCheckpoints",
    "Part",
    "RowsFingerprint",
    "StopTraining",
    "automatic_batch_size",
    "automatic_learning_rate",
    "automatic_patience",
    "build_autoencoder",
    "build_encoder_decoder",
    "check_net_params",
    "check_shapes",
    "components_for_share",
    "cross_validation_losses",
    "cumulative_explained_variance",
    "described",
    "forget_features",
    "full_precision",
    "go_on",
    "has_enough_folds",
    "is_extensible",
    "joined_groups",
    "labels_fingerprint",
    "moments_of",
    "new_net",
    "one_at_a_time",
    "plain_history",
    "planned_cycles",
    "private_seed",
    "random_state_fingerprint",
    "reads_snapshot",
    "reported",
    "reports_out_of_memory",
    "resolve_device",
    "row_groups",
    "seeded_weights",
    "set_moments",
    "shortened",
    "snapshot",
    "split_rows",
    "training_codes",
    "try_loss",
    "weights_fingerprint",
    "with_gradients",
    "with_snapshots",
]
