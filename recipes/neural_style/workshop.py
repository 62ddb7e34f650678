"""Many pictures from one network: each call may change any setting, nothing is compiled twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import keras

from recipes.neural_style import memory
from recipes.neural_style.network import Network
from recipes.neural_style.settings import Settings
from recipes.neural_style.stylise import Made, Studio
from recipes.neural_style.targets import Wish


class Workshop:
    """A network, settings and a folder."""

    def __init__(self, network: Network, settings: Settings, output_dir: str | Path,
                 resume: bool = True):
        """Args:
        network: from `network.find`; its own layers are taken where the settings name none.
        settings: of every picture, unless a call changes them.
        output_dir: where unfinished and finished pictures are kept.
        resume: take them up from there.
        """
        self.network, self.settings = network, settings
        self.output_dir, self.resume = Path(output_dir), resume
        self._extractors: dict[tuple, keras.Model] = {}
        self._objectives: dict[tuple, dict] = {}

    def studio(self, **changes) -> Studio:
        """The studio of these settings."""
        how = self.network.fill(Settings(**{**self.settings.model_dump(), **changes}))
        layers = tuple(dict.fromkeys([*how.content_layers, *how.style_layers]))
        which = (layers, how.pooling)
        if which not in self._extractors:
            self._extractors[which] = self.network.extractor(list(layers), how.pooling)
        studio = Studio(self._extractors[which], how, self.network.key)
        same = (which, str(how.content_layers), str(how.style_layers), how.content_scaling,
                how.tile)  # fmt: skip
        studio.objectives = self._objectives.setdefault(same, {})
        return studio

    def studio_for(self, shape: tuple[int, int], **changes) -> Studio:
        """The same for a photograph of this height and width: with the tile that a budget asks for.

        Raises:
            MemoryError: the size does not fit; it names the largest one that does.
        """
        studio = self.studio(**changes)
        within = memory.within_budget(studio.extractor, studio.settings, shape)
        if within.tile != studio.settings.tile:
            studio = self.studio(**{**changes, "tile": within.tile})
        memory.check(studio.extractor, studio.settings, shape)
        return studio

    def make(self, wish: Wish, log: Callable[[str], None] | None = None, **changes) -> Made:
        """One picture, see `Studio.make`.

        Raises:
            MemoryError: before anything is computed; it names the largest size that fits.
            pydantic.ValidationError: a change that is no setting.
        """
        shape = (1, 1) if wish.content is None else wish.content.shape[:2]
        studio = self.studio_for(shape, **changes)
        return studio.make(wish, self.output_dir, resume=self.resume, log=log)
