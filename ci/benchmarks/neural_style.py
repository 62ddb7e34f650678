"""Speed of neural_style: `python -m ci.benchmarks.neural_style`.

VGG-19 up to block5_conv1 with random weights, square pictures, one step at a time, alternating in
one process:

* `tutorial`: as the best-known tutorials have it: photograph, painting and picture go through the
  network together in every step, and the optimizer's step is not compiled;
* `ours`: the picture is the model's only weight, targets are computed once, one compiled step;
* `ours, bfloat16`: the same, the network in bfloat16 and the losses in float32.

Then, at the first size, how long ours (from coarse to fine) takes to the loss that the tutorial has
after `--loss-steps` of its steps. Both have the same loss to rounding, which is checked, both
Adam with the same learning rate, and both are compiled before the clock starts.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

LEARNING_RATE = 0.02
CONTENT = {"block4_conv2": 1.0}
STYLE = {f"block{k}_conv1": 1.0 for k in range(1, 6)}
CONTENT_WEIGHT, STYLE_WEIGHT = 0.01, 1.0


def main(arguments: list[str] | None = None) -> int:
    """Print a table; exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m ci.benchmarks.neural_style")
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 384], help="pixels a side")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="of each arm in a repetition")
    parser.add_argument("--loss-steps", type=int, default=100, help="of the tutorial; 0 leaves out")
    parser.add_argument("--last-block", type=int, default=5, help="5 is VGG-19 to block5_conv1")
    options = parser.parse_args(arguments)
    if min(options.repetitions, options.steps, *options.sizes) < 1:
        parser.error("--repetitions, --steps and --sizes must be at least 1")

    from common import device, results

    print(device.setup(seed=0))
    for layer in [*STYLE]:
        if int(layer[5]) > options.last_block:
            del STYLE[layer]
    if options.last_block < 4:
        CONTENT.clear()
        CONTENT[f"block{options.last_block}_conv1"] = 1.0
    kernels = random_kernels()
    for size in options.sizes:
        content, painting = inputs(size)
        arms = {
            "tutorial": Tutorial(kernels, content, painting),
            "ours": ours(kernels, content, painting, "float32"),
            "ours, bfloat16": ours(kernels, content, painting, "mixed_bfloat16"),
        }
        found: dict[str, list[float]] = {}
        for repetition in range(options.repetitions + 1):
            for name, arm in arms.items():
                began = time.perf_counter()
                for _ in range(options.steps if repetition else 1):
                    arm.step()
                if repetition:  # the one before compiles
                    seconds = (time.perf_counter() - began) / options.steps
                    found.setdefault(name, []).append(seconds)
                    print(f"{size} pixels  repetition {repetition}  {name:14}  {seconds:.3f} s a "
                          "step", flush=True)
        print(f"\n{size} x {size} pixels, commit {results.environment()['commit']}")
        for name, seconds in found.items():
            ratios = [a / b for a, b in zip(found["tutorial"], seconds, strict=True)]
            print(f"{name:14}  {statistics.median(seconds):.3f} s a step, "
                  f"{statistics.median(ratios):.2f} times as quick as the tutorial "
                  f"({min(ratios):.2f} to {max(ratios):.2f})")
        print(flush=True)
    if options.loss_steps:
        to_the_loss(kernels, options.sizes[0], options.loss_steps)
    return 0


def random_kernels() -> dict:
    """VGG-19's, drawn at random (He et al. 2015): what a step costs does not hang on them."""
    import keras

    from recipes.neural_style import features

    network = features.vgg19([*STYLE, *CONTENT], None)
    return {
        f"{layer.name}/{kind}": values
        for layer in network.layers if isinstance(layer, keras.layers.Conv2D)
        for kind, values in zip(("kernel", "bias"), layer.get_weights(), strict=True)
    }  # fmt: skip


def inputs(size: int):
    """A photograph and a painting of the sample, square."""
    import numpy as np

    from data_scripts import sample_neural_style
    from recipes.neural_style.pictures import resized

    pictures = (sample_neural_style.photograph("china"),
                sample_neural_style.painting("brushwork", size))  # fmt: skip
    return [resized(each / np.float32(255), size, size) for each in pictures]


class Tutorial:
    """Three pictures through the network in every step; the optimizer is called from outside."""

    def __init__(self, kernels, content, painting):
        import keras
        import tensorflow as tf

        from recipes.neural_style import features

        keras.config.set_dtype_policy("float32")
        self.network = features.vgg19([*dict.fromkeys([*CONTENT, *STYLE])], kernels)
        self.content, self.painting = tf.constant(content[None]), tf.constant(painting[None])
        self.picture = tf.Variable(content[None])
        self.optimizer = keras.optimizers.Adam(LEARNING_RATE, beta_1=0.9, beta_2=0.99)
        self.compiled = tf.function(self.loss_and_gradient)
        # Ours divides features by their means over the targets; so do the losses here.
        seen = self.network(tf.concat([self.content, self.painting], 0))
        self.scales = {name: tf.reduce_mean(each) for name, each in seen.items()}

    def loss_and_gradient(self, picture):
        """Of the picture, both anew."""
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(picture)
            together = tf.concat([self.content, self.painting, picture], axis=0)
            seen = {name: each / self.scales[name] for name, each in self.network(together).items()}
            loss = tf.zeros(())
            for name in CONTENT:
                apart = tf.reduce_mean(tf.square(seen[name][2] - seen[name][0]))
                loss += CONTENT_WEIGHT / len(CONTENT) * apart
            for name in STYLE:
                filters = seen[name].shape[-1]
                apart = tf.square(self.gram(seen[name][2]) - self.gram(seen[name][1]))
                loss += STYLE_WEIGHT / len(STYLE) * tf.reduce_sum(apart) / (4 * filters**2)
        return loss, tape.gradient(loss, picture)

    @staticmethod
    def gram(features):
        """[N, N] of [height, width, N]."""
        import tensorflow as tf

        flat = tf.reshape(features, [-1, features.shape[-1]])
        return tf.matmul(flat, flat, transpose_a=True) / tf.cast(tf.shape(flat)[0], tf.float32)

    def step(self) -> float:
        """One step; the loss before it."""
        import tensorflow as tf

        loss, gradient = self.compiled(self.picture)
        self.optimizer.apply_gradients([(gradient, self.picture)])
        self.picture.assign(tf.clip_by_value(self.picture, 0.0, 1.0))
        return float(loss)

    def loss_of(self, pixels) -> float:
        """Of any picture."""
        import tensorflow as tf

        return float(self.compiled(tf.Variable(pixels[None]))[0])


def studio(kernels, size: int, steps: int, scales: int, precision: str):
    """This recipe's, with the same layers and weights."""
    import keras

    from recipes.neural_style import features
    from recipes.neural_style.settings import Settings
    from recipes.neural_style.stylise import Studio

    keras.config.set_dtype_policy(precision)
    network = features.vgg19([*dict.fromkeys([*CONTENT, *STYLE])], kernels)
    keras.config.set_dtype_policy("float32")
    how = Settings(size=size, scales=scales, steps=steps, learning_rate=LEARNING_RATE,
                   content_layers=CONTENT, style_layers=STYLE, content_weight=CONTENT_WEIGHT,
                   style_weight=STYLE_WEIGHT)  # fmt: skip
    return Studio(network, how, "random")


def ours(kernels, content, painting, precision: str):
    """This recipe's compiled step."""
    from recipes.neural_style import targets
    from recipes.neural_style.targets import Wish

    made = studio(kernels, len(content), 1, 1, precision)
    objective = made.objective(*content.shape[:2])
    targets.set_targets(objective, Wish(content, [painting]), made.settings)
    objective.picture.assign(content[None])
    objective.start("adam", LEARNING_RATE, made.jit)
    return objective


def to_the_loss(kernels, size: int, steps: int) -> None:
    """Print how long each takes to the tutorial's loss after `steps` of its steps."""
    from recipes.neural_style.targets import Wish

    content, painting = inputs(size)
    tutorial = Tutorial(kernels, content, painting)
    first = ours(kernels, content, painting, "float32").step()
    assert abs(tutorial.step() / first - 1) < 1e-3, "the two losses are not the same"
    tutorial = Tutorial(kernels, content, painting)
    tutorial.loss_of(content)  # compiles
    began = time.perf_counter()
    for _ in range(steps):
        tutorial.step()
    seconds = time.perf_counter() - began
    wanted = tutorial.loss_of(tutorial.picture.numpy()[0])
    print(f"{size} x {size} pixels: the tutorial's loss after {steps} steps is {wanted:.5g}, "
          f"in {seconds:.1f} s", flush=True)
    for precision in ("float32", "mixed_bfloat16"):
        reached = None
        for many in (10, 15, 20, 30, 40, 60, 80, 120, 160):
            made = studio(kernels, size, many, 3, precision)
            wish = Wish(content, [painting])
            made.make(wish, log=None)  # compiles every size
            found = made.make(wish, log=None)
            loss = tutorial.loss_of(found.pixels)
            print(f"ours, {precision}: {many} steps, {found.seconds:.1f} s, loss {loss:.5g}",
                  flush=True)
            if loss <= wanted:
                reached = found.seconds
                break
        said = f"{seconds / reached:.2f} times as quick" if reached else "not reached"
        print(f"ours, {precision}, to the same loss: {said}\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
