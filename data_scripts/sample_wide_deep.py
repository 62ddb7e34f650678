"""A synthetic app store's log whose best possible prediction is known.

Every visit shows five apps to a user; each is installed with a known probability. Most of it is
general: people of a country, an age and a device like kinds of apps, some apps appeal to all, price
and a low place on the page put off. On top stand exceptions, as in the paper's example ("users who
installed this one install that one"): pairs of the last installed app and the shown one with a
strong effect of their own, which no general taste explains.

So embeddings can generalise to pairs that were never shown in training, crosses can memorise the
exceptions, and the area under the curve of the true probabilities is the most anyone can reach.

    python -m data_scripts.sample_wide_deep log.csv --visits 40000
    python -m data_scripts.sample_wide_deep log.parquet --visits 4000000 --users 200000
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from common import files

PLACES = 5  # apps a visit
DAYS, FIRST_DAY = 30, "2024-03-01"
COUNTRIES = ("BR", "DE", "IN", "JP", "KE", "MX", "PL", "US")
DEVICES = ("phone", "tablet", "watch")
CATEGORIES = ("books", "fitness", "games", "maps", "music", "news", "photo", "shopping", "social",
              "tools", "travel", "weather")  # fmt: skip
TASTES = 4  # dimensions of what users like and apps offer
BASE, TASTE, APPEAL, PRICE, PLACE, EXCEPTION = -1.2, 1.6, 0.5, -0.3, -0.25, 2.5
VISITS_A_PIECE = 100_000


@dataclass(frozen=True)
class Log:
    """Impressions as an operator would have them, and what only the maker of the world knows.

    Attributes:
        frame: one row an impression, `installed` 0 or 1 last.
        truth: beside it the true `probability` and whether an `exception` holds.
    """

    frame: pd.DataFrame
    truth: pd.DataFrame


class World:
    """Users, apps and their tastes; the same seed makes the same world.

    Args:
        seed: of everything.
        users, apps: how many.
        exceptions: pairs of the last installed and the shown app with an effect of their own.
    """

    def __init__(self, seed: int = 0, users: int = 800, apps: int = 60, exceptions: int = 120):
        if users < 1 or apps < 2 * PLACES:
            raise ValueError(f"users={users}, apps={apps}: at least 1 user and {2 * PLACES} apps.")
        if not 0 <= exceptions <= apps * (apps - 1) // 4:
            raise ValueError(f"exceptions={exceptions} must be from 0 to a quarter of all pairs.")
        self.seed, self.users, self.apps = seed, users, apps
        random = np.random.default_rng([seed, 0])
        self.country = random.integers(0, len(COUNTRIES), users)
        self.age = np.clip(random.gamma(5.0, 7.0, users) + 10, 13, 90).astype(int)
        self.device = random.choice(len(DEVICES), users, p=(0.75, 0.18, 0.07))
        of_country, of_device, of_band = (
            random.normal(size=(n, TASTES)) for n in (len(COUNTRIES), len(DEVICES), 5)
        )
        band = np.digitize(self.age, (20, 30, 45, 60))
        own = 0.15 * random.normal(size=(users, TASTES))
        likes = of_country[self.country] + of_band[band] + 0.7 * of_device[self.device] + own
        self.category = random.integers(0, len(CATEGORIES), apps)
        self.developer = random.integers(0, max(2, apps // 5), apps)
        paid = random.random(apps) < 0.3
        self.price = np.where(paid, np.round(random.lognormal(0.8, 0.7, apps), 2), 0.0)
        offers = random.normal(size=(len(CATEGORIES), TASTES))[self.category]
        offers = offers + 0.5 * random.normal(size=(apps, TASTES))
        scale = TASTE / np.sqrt(TASTES * 2.5 * 1.25)
        self.likes, self.offers = likes * scale, offers
        self.appeal = APPEAL * random.normal(size=apps)
        popularity = 1 / np.arange(1, apps + 1) ** 0.8
        self.popularity = random.permutation(popularity / popularity.sum())
        # Exceptions fall on pairs that are often seen, half of them for and half against.
        odds = np.outer(self.popularity, self.popularity)
        np.fill_diagonal(odds, 0)
        pairs = random.choice(apps * apps, exceptions, replace=False, p=(odds / odds.sum()).ravel())
        self.effect = np.zeros((apps, apps), np.float32)
        signs = np.where(np.arange(exceptions) % 2, 1, -1)
        self.effect[pairs // apps, pairs % apps] = EXCEPTION * signs

    def log(self, visits: int, piece: int = 0) -> Log:
        """Some visits of five impressions each; another piece holds other visits of the world."""
        random = np.random.default_rng([self.seed, 1, piece])
        user = random.integers(0, self.users, visits)
        last = random.choice(self.apps, visits, p=self.popularity)
        day, hour = random.integers(0, DAYS, visits), random.integers(0, 24, visits)
        order = np.lexsort((hour, day))
        user, last, day, hour = user[order], last[order], day[order], hour[order]
        # Five different apps a visit, none of them the last installed: Gumbel's trick draws
        # without repetition, in proportion to the popularity.
        shown = np.empty((visits, PLACES), np.int64)
        for start in range(0, visits, 10_000):
            part = slice(start, start + 10_000)
            rows = len(last[part])
            keys = np.log(self.popularity) + random.gumbel(size=(rows, self.apps))
            keys[np.arange(rows), last[part]] = -np.inf
            best = np.argpartition(-keys, PLACES, axis=1)[:, :PLACES]
            shown[part] = random.permuted(best, axis=1)
        app, place = shown.ravel(), np.tile(np.arange(PLACES), visits)
        visit = np.repeat(np.arange(visits), PLACES)
        user, last, day, hour = user[visit], last[visit], day[visit], hour[visit]
        effect = self.effect[last, app]
        score = (
            BASE + (self.likes[user] * self.offers[app]).sum(1) + self.appeal[app]
            + PRICE * np.log1p(self.price[app]) + PLACE * place
            + 0.2 * np.cos((hour - 20) * np.pi / 12) + effect
        )  # fmt: skip
        probability = 1 / (1 + np.exp(-score))
        frame = pd.DataFrame({
            "visit": visit + piece * VISITS_A_PIECE,
            "day": (np.datetime64(FIRST_DAY) + day).astype("datetime64[s]"),
            "hour": hour, "place": place + 1,
            "user_id": user, "country": _named(COUNTRIES, self.country[user]),
            "age": self.age[user], "device": _named(DEVICES, self.device[user]),
            "last_install": _named([f"app{k}" for k in range(self.apps)], last),
            "app": _named([f"app{k}" for k in range(self.apps)], app),
            "category": _named(CATEGORIES, self.category[app]),
            "developer": _named([f"dev{k}" for k in range(self.apps)], self.developer[app]),
            "price": self.price[app],
            "installed": (random.random(len(app)) < probability).astype(int),
        })  # fmt: skip
        return Log(frame, pd.DataFrame({"probability": probability, "exception": effect != 0}))

    def pieces(self, visits: int) -> Iterator[Log]:
        """The same in pieces that fit into memory."""
        for piece, start in enumerate(range(0, visits, VISITS_A_PIECE)):
            yield self.log(min(VISITS_A_PIECE, visits - start), piece)


def _named(names, numbers: np.ndarray) -> pd.Categorical:
    return pd.Categorical.from_codes(numbers, names)


def main(arguments: list[str] | None = None) -> None:
    """Command line: write the log as CSV or Parquet, in pieces."""
    parser = argparse.ArgumentParser(description="Write a synthetic app store's log.")
    parser.add_argument("out", type=Path, help="the .csv or .parquet file to write")
    parser.add_argument("--visits", type=int, default=40_000, help="of five rows each")
    parser.add_argument("--users", type=int, default=800)
    parser.add_argument("--apps", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.out.suffix not in (".csv", ".parquet"):
        parser.error(f"{options.out}: write to a .csv or .parquet file")
    try:
        world = World(options.seed, options.users, options.apps)
    except ValueError as error:
        parser.error(str(error))
    writer, rows = None, 0
    with files.whole(options.out) as aside:
        try:
            for log in world.pieces(options.visits):
                if options.out.suffix == ".csv":
                    log.frame.to_csv(aside, mode="a", header=rows == 0, index=False)
                else:
                    import pyarrow as pa
                    import pyarrow.parquet as pq

                    table = pa.Table.from_pandas(log.frame, preserve_index=False)
                    writer = writer or pq.ParquetWriter(aside, table.schema)
                    writer.write_table(table)
                rows += len(log.frame)
        finally:
            if writer:
                writer.close()
    print(f"{options.out}: {rows:,} synthetic impressions, seed {options.seed}")


if __name__ == "__main__":
    main()
