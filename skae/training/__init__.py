"""Training: the skorch net, which rows come next, when to keep which weights, and on what device."""

from .automatic import automatic_batch_size, automatic_learning_rate, automatic_patience, planned_cycles
from .batches import Part, split_rows
from .checkpoints import WEIGHTS, Checkpoints, NoCheckpoints
from .concurrency import one_at_a_time, reads_snapshot, snapshot, with_snapshots
from .dependence import joined_groups, row_groups
from .device import (
    PRECISIONS,
    full_precision,
    private_seed,
    resolve_device,
    seeded_weights,
    with_gradients,
)
from .failures import telling_of_memory
from .features import forget_features, is_extensible
from .fitting import built_autoencoder, built_halves, check_net_params, check_shapes, new_net, try_loss
from .identity import RowsIdentity, labels_identity, stream_identity, weights_identity
from .moments import go_on, moments_of, set_moments
from .net import OPTIMIZERS, AutoencoderNet
from .order import explained_shares, shortened, training_codes
from .records import described, plain_history, reported
from .selection import BestWeights, StopTraining
from .start import components_for_share
from .turns import enough_in_turns, losses_in_turns

__all__ = [
    "OPTIMIZERS",
    "PRECISIONS",
    "WEIGHTS",
    "AutoencoderNet",
    "BestWeights",
    "Checkpoints",
    "NoCheckpoints",
    "Part",
    "RowsIdentity",
    "StopTraining",
    "automatic_batch_size",
    "automatic_learning_rate",
    "automatic_patience",
    "built_autoencoder",
    "built_halves",
    "check_net_params",
    "check_shapes",
    "components_for_share",
    "described",
    "enough_in_turns",
    "explained_shares",
    "forget_features",
    "full_precision",
    "go_on",
    "is_extensible",
    "joined_groups",
    "labels_identity",
    "losses_in_turns",
    "moments_of",
    "new_net",
    "one_at_a_time",
    "plain_history",
    "planned_cycles",
    "private_seed",
    "reads_snapshot",
    "reported",
    "resolve_device",
    "row_groups",
    "seeded_weights",
    "set_moments",
    "shortened",
    "snapshot",
    "split_rows",
    "stream_identity",
    "telling_of_memory",
    "training_codes",
    "try_loss",
    "weights_identity",
    "with_gradients",
    "with_snapshots",
]
