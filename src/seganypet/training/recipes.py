"""Training recipes: functions that return a configuration, named after where it comes from.

What a paper leaves open is ours, and said so here and in docs/training.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Final

from seganypet.models.compact import CompactConfig
from seganypet.models.presets import PRESETS
from seganypet.phantom import PhantomConfig
from seganypet.phantom.stream import StreamConfig
from seganypet.targets import LESION, ORGANS
from seganypet.training.config import TrainingConfig
from seganypet.training.cpcl import CPCLConfig
from seganypet.training.episode import EpisodeConfig
from seganypet.training.loop_config import LoopConfig
from seganypet.training.on_the_fly import FlyingConfig
from seganypet.training.optimisation import OptimiserConfig, ScheduleConfig
from seganypet.training.sampling import SamplingConfig
from seganypet.training.validation import ValidationConfig

_WHOLE_ORGANS: Final = tuple(name for name in ORGANS if "lobe" not in name and name != "heart_myocardium")

SIMULATED_TARGETS: Final = (
    *_WHOLE_ORGANS * 3,
    *("cerebellum", "spinal_cord", "larynx", "trachea", "esophagus", "thymus", "inferior_vena_cava"),
    *("adrenal_gland_left", "adrenal_gland_right", "breast_left", "breast_right", "testis_left"),
    *("gluteus_maximus_left", "gluteus_maximus_right", "iliopsoas_left", "iliopsoas_right"),
    *("autochthon_left", "thigh_muscle_left", "thigh_muscle_right", "iliac_artery_left"),
    *("sternum", "sacrum", "hip_left", "hip_right", "femur_left", "femur_right", "humerus_left"),
    *(
        "vertebrae_T5",
        "vertebrae_T8",
        "vertebrae_T10",
        "vertebrae_T12",
        "vertebrae_L1",
        "vertebrae_L3",
        "vertebrae_L5",
    ),
    LESION,
)
"""What our own weights learn from simulated bodies: what readers click, three times as often as other parts.

Of what lies in one another only the whole: a click in the heart means the heart, and what it means cannot be learned
where every fifth one means its wall.
"""

UNSEEN_TRACER: Final = "dotatate"
"""What our own weights never learn from, to be tested on."""

PETS_5K_ORGANS: Final = ("liver", "kidney_left", "kidney_right", "heart", "spleen")
"""The five organs that P1 trains on."""

# The compact network works on 2, 4, 6 and 8 mm; patches are drawn at three of them, and by `zoom` at all in between.
_SCALES: Final = (0.5, 1.0, 1.5, 2.0)
_DRAWN: Final = (0.5, 1.0, 2.0)

# Patches flipped on three axes and not changed otherwise [P2 Methods]; centred on the first click, any voxel of the
# target, as a reader's first click places them (the released code centres them on the label's box).
_FLIPS_ONLY: Final = SamplingConfig(
    lesion_share=None, deepest_share=0.0, near=0.0, beside_share=0.0, zoom_share=0.0, uptake_scale=0.0
)
_RATE_P2: Final = OptimiserConfig(learning_rate=8e-5, prompt_and_decoder_factor=0.1, weight_decay=0.1)


def pets_5k() -> TrainingConfig:
    """Return P1's recipe: CPCL on few labels of high and many of low quality, five organs [P1 §3.3, §4.1, §B.2].

    Batches of 12 for each of 4 GPUs, gradients accumulated over 20 of them, 200 epochs. 11 clicks as in the released
    code, of which the newest alone is shown [eq. 1]; two steps in ten see the mask alone (there one at random and the
    last). Ours: every fourth patch is of high quality, H, and L_seg being the mean over the clicks.
    """
    return TrainingConfig(
        recipe="pets-5k",
        model=PRESETS["papers"],
        targets=PETS_5K_ORGANS,
        sampling=replace(_FLIPS_ONLY, hq_share=0.25),
        episode=EpisodeConfig(clicks=(11, 11), mask_only_share=0.2),
        cpcl=CPCLConfig(),
        batch_size=12,
        epochs=200,
        loop=LoopConfig(
            optimiser=OptimiserConfig(learning_rate=8e-4, weight_decay=0.1),
            schedule=ScheduleConfig(kind="multistep", milestones=(120 / 200, 180 / 200), gamma=0.1),
            steps=1,
            accumulation=20,
            validate_every=100,
        ),
    )


def petwb_seg11k() -> TrainingConfig:
    """Return P2's recipe: organs and lesions, 1 to 20 clicks that accumulate, CPCL off [P2 Methods, eq. 1].

    Batches of 12 for each of 8 GPUs in mixed precision, 500 epochs with milestones at 120 and 180.
    """
    return TrainingConfig(
        recipe="petwb-seg11k",
        model=PRESETS["papers"],
        sampling=_FLIPS_ONLY,
        episode=EpisodeConfig(clicks=(1, 20), prompt_policy="all"),
        batch_size=12,
        epochs=500,
        loop=LoopConfig(
            optimiser=_RATE_P2,
            schedule=ScheduleConfig(kind="multistep", milestones=(120 / 500, 180 / 500), gamma=0.1),
            steps=1,
            precision="float16",
            validate_every=2000,
        ),
    )


def segany_pet_lesion() -> TrainingConfig:
    """Return the recipe of SegAnyPET-Lesion: 200 further epochs on lesions alone, from weights [P2 Methods].

    Ours: the rates begin anew as in P2's recipe, with milestones at the same epochs.
    """
    general = petwb_seg11k()
    schedule = ScheduleConfig(kind="multistep", milestones=(120 / 200, 180 / 200), gamma=0.1)
    return replace(
        general,
        recipe="segany-pet-lesion",
        targets=(LESION,),
        epochs=200,
        fine_tunes=True,
        loop=replace(general.loop, schedule=schedule),
    )


def compact() -> TrainingConfig:
    """Return the recipe of our own weights: a compact network for CPUs, organs and lesions, clicks, masks and boxes."""
    network = CompactConfig(patch_size=32, boxes=True, connected=True, surroundings=True)
    model = replace(PRESETS["compact"], config=asdict(network), boxes=True, scales=_SCALES)
    return TrainingConfig(
        recipe="compact",
        model=model,
        sampling=SamplingConfig(lesion_share=0.5, scales=_DRAWN, afar_share=0.15, flips=False),
        episode=EpisodeConfig(
            clicks=(1, 5),
            learned=2,
            policies=(("uniform", 0.5), ("deepest", 0.5)),
            mask_only_share=0.1,
            second_pass_share=0.5,
            prior_share=0.3,
            box_share=0.1,
        ),
        batch_size=8,
        loop=LoopConfig(
            optimiser=OptimiserConfig(learning_rate=6e-4, weight_decay=0.02, betas=(0.9, 0.98)),
            schedule=ScheduleConfig(kind="cosine", warmup_steps=150),
            steps=3300,
            precision="bfloat16",
            clip_norm=1.0,
            ema_decay=0.998,
            validate_every=1000,
        ),
        validation=ValidationConfig(samples=160, batch_size=8),
    )


def debug() -> TrainingConfig:
    """Return a recipe of seconds, to see that data and machine work: a tiny network, a few steps."""
    recipe = compact()
    network = CompactConfig(
        patch_size=32,
        channels=(8, 16, 24),
        encoder_blocks=(1, 1, 1),
        transformer_blocks=1,
        decoder_blocks=1,
        num_heads=2,
        boxes=True,
    )
    return replace(
        recipe,
        recipe="debug",
        model=replace(recipe.model, config=asdict(network), spacing_mm=6.0),
        batch_size=2,
        loop=replace(
            recipe.loop,
            schedule=ScheduleConfig(kind="cosine", warmup_steps=2),
            steps=10,
            log_every=2,
            validate_every=0,
        ),
        validation=ValidationConfig(samples=4, batch_size=2),
    )


RECIPES: Final[Mapping[str, Callable[[], TrainingConfig]]] = {
    "compact": compact,
    "debug": debug,
    "pets-5k": pets_5k,
    "petwb-seg11k": petwb_seg11k,
    "segany-pet-lesion": segany_pet_lesion,
}
"""Recipes by the name that the command line knows."""


def simulated_on_the_fly() -> FlyingConfig:
    """Return what is simulated while training: many lesions, every fourth lane on a finer grid, tracers but one."""
    phantom = PhantomConfig(tracer="mixed", without=(UNSEEN_TRACER,), lesions="mixed", lesion_count=(8, 25))
    return FlyingConfig(
        stream=StreamConfig(phantom=phantom, shape=(112, 80, 128)),
        spacings_mm=(4.0, 4.0, 4.0, 2.5),
        names=SIMULATED_TARGETS,
        lanes=16,
        patches_per_block=80,
    )
