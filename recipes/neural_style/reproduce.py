"""Every number of the result tables: `python -m recipes.neural_style.reproduce`.

Pictures and frames are kept in build/reproduce_neural_style; results/neural_style.json is written
after each collection. VGG-19's first three blocks make the pictures called ours, and judge all.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from common.reproduce import ROOT, over_sets

SETS = {"style": "tubingen", "sample": "china"}  # with the photograph that is painted
OTHERS = ("small", "random_filters")
SIZE, STEPS, FILM, SEED = 384, 150, 409, 0


def reproduce(name: str, folder: Path) -> None:
    """Make and measure one collection's pictures, and put their numbers into results/."""
    from common import results
    from recipes.neural_style import data, look, network, pictures, report, video
    from recipes.neural_style.settings import Settings
    from recipes.neural_style.targets import Wish
    from recipes.neural_style.workshop import Workshop

    started, settings = time.time(), Settings(size=SIZE, steps=STEPS, seed=SEED)
    collection = data.load(name)
    photograph = collection.photograph(SETS[name]).pixels
    paintings = {each: pictures.read(path).pixels for each, path in collection.styles.items()}
    judge = Workshop(network.find("vgg19_to_block3"), settings, folder / "pictures")
    made: dict[str, dict] = {}
    for arm in ("vgg19_to_block3", *OTHERS):
        shop = Workshop(network.find(arm), settings, folder / "pictures")
        for title, painting in paintings.items():
            made.setdefault(arm, {})[title] = shop.make(Wish(photograph, [painting])).pixels
            print(f"{name}: {title} by {arm}", flush=True)
        look.sheet(made[arm], columns=2).savefig(folder / f"{arm}.png", dpi=110)
    own, *others = made.values()
    compared = report.compare(
        judge.studio(), photograph, paintings, own,
        **{arm.replace("_", " "): each for arm, each in zip(OTHERS, others, strict=True)},
    )  # fmt: skip
    records = report.measure(collection, compared, [SEED])
    frames, style = video.read_frames(collection.frames), collection.paintings(None)[0]
    if name == "style":
        style = collection.paintings("van_gogh")[0]
    wish = Wish(None, [style[0].pixels])
    films = [
        video.make(judge.studio(size=FILM), frames, wish, folder / "frames", how)
        for how in (video.Consistency(), video.Consistency(weight=0))
    ]
    records += report.measure_film(collection, judge.studio(size=FILM), wish, *films, [SEED])
    strips = {"film": films[0].frames, "held together": films[0].made,
              "frame by frame": films[1].made}  # fmt: skip
    look.animation(strips, folder / "film.gif")
    parameters = {"DATA": name, "CONTENT": SETS[name], "WEIGHTS": "vgg19_to_block3",
                  "SIZE of the film": FILM, **settings.model_dump()}  # fmt: skip
    run = results.record(
        folder, "neural_style", results.describe(collection),
        {"metric": "style left", "variant": report.OURS}, records, parameters, started,
    )  # fmt: skip
    results.merge(ROOT / "results" / "neural_style.json", [run], "reproduce")
    print(report.table(records))
    print(report.verdict(collection, records))


if __name__ == "__main__":
    sys.exit(over_sets("recipes.neural_style.reproduce", SETS, reproduce, seed=SEED))
