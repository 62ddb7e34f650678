"""Networks that give a style in one pass, as others use them: exported, from TensorFlow Hub.

`Taught` is a network of `fast.py`: one style. `AnyStyle` is a published module that takes the
painting as a second picture: Ghiasi et al., "Exploring the structure of a real-time, arbitrary
neural artistic stylization network", BMVC 2017; on TensorFlow Hub as
"https://tfhub.dev/google/magenta/arbitrary-image-stylization-v1-256/2".
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from common import export, files
from common.validation import DataError
from recipes.neural_style import fast, pictures
from recipes.neural_style.pictures import as_bytes, fitted, resized

STYLE_SIDE = 256  # pixels that the published module was taught with
FILE = "fast.keras"


class Taught:
    """A network that was taught one style."""

    def __init__(self, network: keras.Model):
        self.network = network

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """float32 [height, width, 3], 0 to 1, of the same size."""
        return fast.apply(self.network, pixels)

    @classmethod
    def load(cls, where: str | Path) -> Taught:
        """From a folder that `save` wrote.

        Raises:
            DataError: there is none.
        """
        path = Path(where) / FILE if Path(where).is_dir() else Path(where)
        if not path.is_file():
            raise DataError(f"{where} holds no {FILE}. Give the folder `fast` of a finished run.")
        try:
            return cls(keras.saving.load_model(path, compile=False))
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be loaded ({error}). Teach it again.") from error

    def save(self, folder: str | Path) -> Path:
        """Write `folder/fast.keras`, whole or not at all."""
        path = Path(folder) / FILE
        with files.whole(path) as aside:
            self.network.save(aside)
        return path.parent

    def export(self, folder: str | Path, example: np.ndarray) -> Path:
        """A SavedModel in TF Serving's layout, loaded again and compared before it counts.

        Its signature `stylise` takes `picture`, the bytes of a JPEG or PNG file, and gives
        `pixels` uint8 [height, width, 3] and `jpeg`, the bytes of a file.

        Args:
            folder: the version goes to `folder/<n>`.
            example: float32 [height, width, 3], a picture to compare on.

        Raises:
            RuntimeError: Keras runs on another backend than TensorFlow.
            export.ExportError: it does not do what the network does.
        """
        export.require_tensorflow()
        import tensorflow as tf

        class Served(tf.Module):
            def __init__(self, network):
                super().__init__()
                self.network = network

            @tf.function(input_signature=[tf.TensorSpec([], tf.string, name="picture")])
            def stylise(self, picture):
                pixels = tf.io.decode_image(picture, channels=3, expand_animations=False)
                pixels = tf.cast(pixels, tf.float32) / 255
                size = tf.shape(pixels)[:2]
                # Whole strides: `fast.apply` repeats the border as far.
                for axis in (0, 1):
                    lack = -size[axis] % fast.STRIDE
                    border = tf.gather(pixels, [size[axis] - 1], axis=axis)
                    pixels = tf.concat([pixels, tf.repeat(border, lack, axis=axis)], axis)
                made = self.network(pixels[None], training=False)[0, : size[0], : size[1]]
                made = tf.cast(tf.round(tf.clip_by_value(made, 0, 1) * 255), tf.uint8)
                return {"pixels": made, "jpeg": tf.io.encode_jpeg(made, quality=95)}

        data = tf.io.encode_png(as_bytes(example)).numpy()
        own = as_bytes(self(as_bytes(example) / np.float32(255)))
        # One step of 255 is rounding.
        return export.saved_model(Path(folder), Served(self.network), "stylise",
                                  {"picture": data}, {"pixels": own}, tolerance=1)  # fmt: skip


class AnyStyle:
    """A published module that gives a photograph the style of any painting in one pass."""

    def __init__(self, where: str, painting: np.ndarray):
        """Args:
        where: address of a module on TensorFlow Hub, or a folder that holds one.
        painting: float32 [height, width, 3], 0 to 1.

        Raises:
            DataError: there is no such module, or it cannot be fetched.
        """
        import tensorflow as tf
        import tensorflow_hub as hub

        try:
            self.module = hub.load(str(where))
        except Exception as error:  # the hub raises what its network layers raise
            raise DataError(
                f"{where} cannot be loaded ({type(error).__name__}: {error}). Give the folder of a "
                "module that was fetched and unpacked before."
            ) from error
        side = min(STYLE_SIDE, max(painting.shape[:2]))
        self.painting = tf.constant(resized(painting, *fitted(painting.shape[:2], side))[None])

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """float32 [height, width, 3], 0 to 1, of the same size."""
        import tensorflow as tf

        photograph = tf.constant(pixels[None], tf.float32)
        if callable(self.module):
            found = self.module(photograph, self.painting)
        else:
            serve = self.module.signatures["serving_default"]
            names = sorted(serve.structured_input_signature[1])
            found = list(serve(**dict(zip(names, (photograph, self.painting), strict=True)))
                         .values())  # fmt: skip
        made = found[0] if isinstance(found, (list, tuple)) else found
        return np.clip(resized(made.numpy()[0], *pixels.shape[:2]), 0, 1)


def apply(
    network, source: str | Path, target: str | Path, longest: int | None = None, log=print
) -> int:
    """A picture, a folder of pictures or a film through a network, one at a time.

    Args:
        network: `Taught` or `AnyStyle`.
        source: a picture, a folder of pictures, or a video file.
        target: a picture, a folder, or a video file.
        longest: longer side in pixels; None leaves sizes as they are.
        log: receives a line for each picture, or every hundred frames.

    Returns:
        How many pictures or frames.

    Raises:
        DataError: nothing there that can be read.
    """
    from recipes.neural_style import video

    source, target = Path(source), Path(target)

    def styled(pixels):
        if longest:
            pixels = resized(pixels, *fitted(pixels.shape[:2], longest))
        return network(pixels)

    if source.resolve() == target.resolve():
        raise DataError(f"{target} is the input itself; name another output.")
    if source.is_dir():
        found = pictures.named(pictures.listed(source))
        for name, path in found.items():
            made = styled(pictures.read(path).pixels)
            log(str(pictures.save(target / f"{name}.png", made)))
        return len(found)
    if source.suffix.lower() not in video.SUFFIXES:
        log(str(pictures.save(target, styled(pictures.read(source).pixels))))
        return 1
    video.check_output(target)
    count = 0

    def frames():
        nonlocal count
        for frame in video.frames_of(source):
            count += 1
            if count % 100 == 0:
                log(f"frame {count}")
            yield styled(frame)

    video.write(frames(), target, video.frame_rate([source]), source)
    return count
