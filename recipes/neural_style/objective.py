"""The picture as the only weight of a Keras model, and how far it is from what it should be."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from recipes.neural_style import losses

PARTS = ("content", "style", "total variation", "temporal")


class Compiled(keras.Model):
    """A model whose only trainable weight is a picture and whose output is its loss."""

    size: tuple[int, int]  # height and width of the picture
    kind = None

    def make_picture(self) -> None:
        """The weight: float32 [1, height, width, 3], held between 0 and 1."""
        self.picture = self.add_weight(
            shape=(1, *self.size, 3), name="picture", dtype="float32", initializer="zeros",
            constraint=Visible(),
        )  # fmt: skip

    def constant(self, shape: tuple[int, ...], name: str, initializer: str = "zeros"):
        """A float32 variable that no step changes."""
        return self.add_weight(shape=shape, name=name, initializer=initializer, trainable=False,
                               dtype="float32")  # fmt: skip

    def start(self, optimizer: str, learning_rate: float = 0.0, jit: bool | str = "auto") -> None:
        """Make the step ready, with all that an optimizer remembers forgotten.

        Args:
            optimizer: "adam", or "gradient": the step leaves the picture alone and keeps its
                gradient in `gradient`.
            learning_rate: of Adam.
            jit: compile with XLA.

        Raises:
            ValueError: an unknown optimizer.
        """
        if self.kind != (optimizer, jit):
            if optimizer == "adam":
                # The second moment forgets quickly: gradients shrink fast at the beginning.
                rule = keras.optimizers.Adam(learning_rate, beta_1=0.9, beta_2=0.99)
            elif optimizer == "gradient":
                rule = GradientRecorder()
            else:
                raise ValueError(f'optimizer={optimizer!r}; choose "adam" or "gradient".')
            # The losses are float32 whatever the network is: nothing to scale.
            self.compile(rule, loss=_as_it_is, jit_compile=jit, auto_scale_loss=False)
            rule.build(self.trainable_variables)
            self.kind = optimizer, jit
        for variable in self.optimizer.variables:
            variable.assign(ops.zeros(variable.shape, variable.dtype))
        self.optimizer.learning_rate = learning_rate

    @property
    def gradient(self) -> np.ndarray:
        """float32 [1, height, width, 3], of the last step with "gradient"."""
        return ops.convert_to_numpy(self.optimizer.gradients[0])

    def step(self) -> float:
        """One step of the optimizer; the loss before it."""
        nothing = np.zeros((1, 1), np.float32)
        return float(self.train_on_batch(nothing, nothing))


class Objective(Compiled):
    """A picture and its losses; `train_on_batch` with any optimizer makes one compiled step.

    Targets, masks and weights are variables, so that another painting, mixture or video frame of
    the same size needs no new compilation. Features are divided by the mean of their layer over
    the targets (Gatys 2016, section 2, scales VGG's filters to a mean of 1 once and for all; here
    it is done by the pictures at hand, so that weights mean the same for every network).
    """

    def __init__(
        self,
        extractor: keras.Model,
        height: int,
        width: int,
        content_layers: dict[str, float],
        style_layers: dict[str, float],
        regions: int = 0,
        content_scaling: losses.ContentScaling = "mean",
        references: int = 0,
    ):
        """Args:
        extractor: from `features.py`; it gives at least these layers.
        height, width: of the picture.
        content_layers, style_layers: what each counts; made to sum to 1.
        regions: masks, each with a style of its own; 0 for one style everywhere.
        content_scaling: see `losses.content`.
        references: earlier frames that the picture is held to.
        """
        super().__init__(name="objective", dtype="float32")
        self.extractor, self.regions, self.references = extractor, regions, references
        self.content_scaling, self.size = content_scaling, (height, width)
        self.content_layers, self.style_layers = shares_of(content_layers), shares_of(style_layers)
        self.shapes = {
            name: tuple(spec[1:]) for name, spec in
            extractor.compute_output_shape((1, height, width, 3)).items()
        }  # fmt: skip
        self.make_picture()
        constant = self.constant
        self.scales = {
            name: constant((), f"scale_{name}", "ones")
            for name in {**self.content_layers, **self.style_layers}
        }
        self.content_targets = {
            name: constant((1, *self.shapes[name]), f"content_{name}")
            for name in self.content_layers
        }
        regions = max(regions, 1)
        self.style_targets = {
            name: constant((regions, *self.shapes[name][-1:] * 2), f"style_{name}")
            for name in self.style_layers
        }
        self.masks = {
            name: constant((regions, *self.shapes[name][:2]), f"masks_{name}", "ones")
            for name in self.style_layers
        }
        self.region_shares = constant((regions,), "regions")
        self.warped = constant((max(references, 1), height, width, 3), "warped")
        self.trust = constant((max(references, 1), height, width), "trust")
        self.weighting = constant((len(PARTS),), "weighting")
        self.last = constant((len(PARTS),), "last")
        self.built = True

    def losses_of(self, picture):
        """float32 [content, style, total variation, temporal], not yet weighted."""
        found = self.features(picture)
        nothing = ops.zeros(())
        content, style = [nothing], [nothing]
        for name, share in self.content_layers.items():
            target = self.content_targets[name]
            content.append(share * losses.content(found[name], target, self.content_scaling))
        for name, share in self.style_layers.items():
            grams = losses.gram(found[name], self.masks[name] if self.regions else None)
            apart = losses.style(grams, self.style_targets[name], self.region_shares)
            style.append(share * apart)
        temporal = nothing
        if self.references:
            temporal = losses.temporal(picture, self.warped, self.trust)
        return ops.stack([sum(content), sum(style), losses.total_variation(picture), temporal])

    def features(self, picture) -> dict:
        """float32 features of a picture [1, height, width, 3], of mean 1."""
        found = self.extractor(picture, training=False)
        return {
            name: ops.cast(found[name], "float32") / scale for name, scale in self.scales.items()
        }

    def measured(self, pixels: np.ndarray) -> dict[str, float]:
        """The losses of any picture [height, width, 3], by name, not weighted."""
        found = ops.convert_to_numpy(self.losses_of(pixels[None]))
        return dict(zip(PARTS, map(float, found), strict=True))

    def call(self, _):
        parts = self.losses_of(self.picture)
        self.last.assign(parts)
        return ops.sum(parts * self.weighting)[None, None]

    def parts(self) -> dict[str, float]:
        """The losses of the last step, by name, not weighted."""
        return dict(zip(PARTS, map(float, ops.convert_to_numpy(self.last)), strict=True))


def _as_it_is(truth, total):
    return ops.sum(total) + 0 * ops.sum(truth)


def shares_of(weights: dict[str, float]) -> dict[str, float]:
    """The same, made to sum to 1."""
    total = sum(weights.values())
    return {name: value / total for name, value in weights.items()} if total else {}


class Visible(keras.constraints.Constraint):
    """Between 0 and 1."""

    def __call__(self, picture):
        return ops.clip(picture, 0.0, 1.0)


@keras.saving.register_keras_serializable(package="neural_style")
class GradientRecorder(keras.optimizers.Optimizer):
    """Keeps the gradient and leaves the weights alone: a gradient in one step on every backend."""

    def __init__(self, **keywords):
        super().__init__(learning_rate=0.0, **keywords)
        self.gradients = []

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.gradients = [
            self.add_variable_from_reference(variable, "gradient") for variable in variables
        ]

    def update_step(self, gradient, variable, learning_rate):
        self.assign(self.gradients[self._get_variable_index(variable)], gradient)
