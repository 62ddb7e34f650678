"""Can this fundus photograph be graded? It says no with a reason, before a network says a grade.

It measures in the disc at 512 pixels and compares with limits. They were chosen on the 413 training
photographs of IDRiD (P. Porwal et al., Medical Image Analysis 59:101561, 2020), all graded by
experts, and on spoilt copies of them, so that all 413 pass. The 51 test photographs at hand had no
part in it. `python -m recipes.retina.tests.spoil` measures in the folder RECIPES_MIRROR what is
refused:

| photographs | of 413 for training | of 51 for testing |
| --- | --- | --- |
| as they are | 0 % | 0 % |
| blurred by 1.5, 2, 3 pixels of 512 | 47, 100, 100 % | 47, 100, 100 % |
| shaken by 15, 25 pixels | 100, 100 % | 100, 100 % |
| a fifth, a tenth of the light | 100, 100 % | 100, 100 % |
| 2, 3, 4 times the light | 36, 87, 96 % | 25, 82, 96 % |
| noise of 20 levels | 100 % | 100 % |
| half in shadow | 100 % | 100 % |
| right 55 % cut away | 99.5 % | 100 % |

Of 397 photographs of ants and bees, 396 are refused, 394 of them because there is no disc.

All of these come from one camera. A limit that is right for it may be wrong for another: look at
what is refused before you trust it. It says nothing about what a photograph shows, and it is no
medical device.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

import cv2
import numpy as np
from filelock import FileLock

from common import datasets, files, pictures
from common.validation import DataError
from recipes.retina import disc, normalize, preprocess
from recipes.retina.disc import Disc, NoDisc

SIZE = 512  # pixels at which is measured
INNER = 0.9  # of the radius, as for "graham": the border is neither sharp nor evenly lit
MARGIN = 12  # pixels that are left out where the disc is cut off, for the same reason

# In brackets the least or most of the training photographs, and of copies spoilt for that limit.
LEAST_SEEN = 0.6  # (0.91; 0.41 with the right 55 % cut away)
LEAST_REDNESS = 0.0  # (0.33); none was spoilt for it: red is what a retina is with any camera
LEAST_LIGHT = 30  # (33; 29 with a fifth of the light)
MOST_BURNT = 0.05  # (0.034; half above 0.88 with 4 times the light)
MOST_NOISE = 5.0  # (1.6; 8.6 with noise of 20 levels)
LEAST_SHARPNESS = 0.525  # (0.534; 0.520 blurred by 2 pixels)
LEAST_DETAIL = 0.006  # (0.0064; 0.0032 to 0.0055 blurred by 9 pixels, with noise of 2 levels)
LEAST_STEADINESS = 0.58  # (0.69; 0.55 shaken by 15 pixels)
LEAST_EVENNESS = 0.4  # (0.45; 0.37 with half in shadow)


@dataclass(frozen=True)
class Quality:
    """What `check` says.

    Attributes:
        gradable: whether nothing speaks against grading it.
        reason: why it is not, in words that begin with what is wrong; else empty.
        measures: see `measure`; share_seen alone where too little is seen, none without a disc.
    """

    gradable: bool
    reason: str = ""
    measures: dict[str, float] = field(default_factory=dict)


def check(photograph: np.ndarray | str | Path) -> Quality:
    """Say whether a photograph can be graded.

    Args:
        photograph: uint8 [height, width, 3], red, green, blue; or the path of a file.

    Raises:
        DataError: the file cannot be read.
        ValueError: no such array.
    """
    try:
        if isinstance(photograph, np.ndarray):
            pixels, found = photograph, disc.find(photograph)
        else:
            path = Path(photograph)
            pixels, found, _ = preprocess.decoded(path, pictures.bytes_of(path), SIZE)
    except NoDisc as error:
        said = str(error).removeprefix(f"{photograph} ")
        return Quality(False, f"not a fundus photograph: it {said}")
    return judged(pixels, found)


def judged(pixels: np.ndarray, found: Disc) -> Quality:
    """The same for pixels whose disc is found, see `preprocess.decoded` with `SIZE`."""
    if found.share_seen < LEAST_SEEN:
        reason = (f"cut too much: {found.share_seen:.0%} of the disc are seen, at least "
                  f"{LEAST_SEEN:.0%} are needed")  # fmt: skip
        return Quality(False, reason, {"share_seen": found.share_seen})
    measures = measure(pixels, found)
    reason = _reason(measures)
    return Quality(not reason, reason, measures)


def checked(
    paths: Sequence[str | Path],
    digests: Sequence[str],
    log: Callable[[str], None] | None = None,
) -> list[Quality]:
    """`check` of files side by side, kept under RECIPES_CACHE by their content.

    A file that cannot be read is not gradable; its reason says why.

    Args:
        digests: sha256 of each file's bytes.
        log: receives how many were new.
    """
    key = files.work_key([*preprocess.CODE, __file__])
    path = datasets.cache_folder() / "retina" / f"quality-{key}.json"
    path.parent.mkdir(parents=True, exist_ok=True)

    def one(number: int) -> dict:
        try:
            return asdict(check(paths[number]))
        except DataError as error:
            said = str(error).removeprefix(f"{paths[number]} ")
            return asdict(Quality(False, f"cannot be read: {said}"))

    with FileLock(f"{path}.lock"):
        known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        missing = {digest: k for k, digest in enumerate(digests) if digest not in known}
        if missing:
            with preprocess.one_thread_each(), ThreadPoolExecutor(os.cpu_count() or 2) as pool:
                new = zip(missing, pool.map(one, missing.values()), strict=True)
                known |= dict(new)
            files.write_text(path, json.dumps(known))
    if log:
        log(f"quality of {len(digests):,} photographs: {len(missing):,} were new")
    return [Quality(**known[digest]) for digest in digests]


def measure(pixels: np.ndarray, found: Disc) -> dict[str, float]:
    """What is compared with the limits, in the disc without its border.

    Args:
        pixels: uint8 [height, width, 3].
        found: its disc, most of which is seen.

    Returns:
        share_seen: of the circle's area.
        redness: mean red - mean blue, by their sum; -1 to 1.
        light: median of the grey, in levels of 255.
        burnt: share of the pixels whose green is 245 or more.
        noise: in levels, of what a Gaussian of 1 pixel takes from the green, 1.48 times its median
            absolute deviation: vessels and lesions take up too little room to be seen in it.
        sharpness: standard deviation of the green between Gaussians of 1 and 2 pixels, by that
            between 2 and 4: blur takes fine detail before coarse, a weak contrast both alike.
        detail: the deviation between Gaussians of 2 and 4 pixels without that of noise, by the
            median of the green: where noise came after the blur, sharpness alone is deceived.
        steadiness: of the same fine detail, the standard deviation of its slope in the direction
            where that is least, by that across it: shaking wipes detail out in one direction.
        evenness: the grey blurred by 16 pixels, its tenth percentile by its median.
    """
    picture, box = normalize.crop(pixels, found, SIZE)
    radius = INNER * normalize.SHARE * SIZE / 2
    picture, inside = picture[box], normalize.circle(SIZE, radius)[box] > 0
    middle = np.zeros_like(inside)
    middle[MARGIN:-MARGIN, MARGIN:-MARGIN] = True
    inside &= middle
    red, green, blue = cv2.split(picture)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    once, twice, four = (cv2.GaussianBlur(green.astype(np.float32), (0, 0), s) for s in (1, 2, 4))
    rest, fine = (green - once)[inside], once - twice
    coarse, lit = (twice - four)[inside].std(), max(float(np.median(green[inside])), 1.0)
    across, down = (cv2.Sobel(fine, cv2.CV_32F, *axes)[inside] for axes in ((1, 0), (0, 1)))
    slopes = np.linalg.eigvalsh(np.cov(across, down))
    soft = cv2.resize(grey, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(soft.astype(np.float32), (0, 0), 2)
    soft = cv2.resize(soft, grey.shape[::-1])[inside]
    reds, blues = red[inside].mean(), blue[inside].mean()
    measures = {
        "share_seen": found.share_seen,
        "redness": (reds - blues) / max(reds + blues, 1.0),
        "light": np.median(grey[inside]),
        "burnt": np.mean(green[inside] >= 245),
        "noise": 1.4826 * np.median(np.abs(rest - np.median(rest))),
        "sharpness": fine[inside].std() / max(coarse, 1e-6),
        # A band twice as coarse has half of white noise's deviation.
        "detail": np.sqrt(max(coarse**2 - fine[inside].std() ** 2 / 4, 0.0)) / lit,
        "steadiness": np.sqrt(max(slopes[0], 0.0) / max(slopes[1], 1e-6)),
        "evenness": np.percentile(soft, 10) / max(np.median(soft), 1e-6),
    }
    return {name: float(value) for name, value in measures.items()}


def _reason(found: dict[str, float]) -> str:
    """The first that is wrong; what spoils the measures after it comes before them."""
    if found["redness"] < LEAST_REDNESS:
        return "not a fundus photograph: what is in the disc is rather blue than red"
    if found["light"] < LEAST_LIGHT:
        return (f"too dark: half of the disc is below level {found['light']:.0f} of 255, at least "
                f"{LEAST_LIGHT} is needed")  # fmt: skip
    if found["burnt"] > MOST_BURNT:
        return (f"overexposed: {found['burnt']:.0%} of the disc are burnt out, at most "
                f"{MOST_BURNT:.0%} may be")  # fmt: skip
    if found["noise"] > MOST_NOISE:
        return f"noisy: by {found['noise']:.1f} levels, at most {MOST_NOISE:.0f} may be"
    if found["sharpness"] < LEAST_SHARPNESS:
        return (f"blurred: sharpness {found['sharpness']:.3f}, at least {LEAST_SHARPNESS} is "
                "needed")  # fmt: skip
    if found["detail"] < LEAST_DETAIL:
        return (f"blurred: no vessel is seen beside the noise (detail {found['detail']:.4f}, at "
                f"least {LEAST_DETAIL} is needed)")  # fmt: skip
    if found["steadiness"] < LEAST_STEADINESS:
        return (f"shaken: steadiness {found['steadiness']:.2f}, at least {LEAST_STEADINESS:.2f} is "
                "needed")  # fmt: skip
    if found["evenness"] < LEAST_EVENNESS:
        return (f"unevenly lit: a tenth of the disc has less than {found['evenness']:.0%} of the "
                f"middle brightness, at least {LEAST_EVENNESS:.0%} are needed")  # fmt: skip
    return ""
