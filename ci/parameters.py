"""A notebook's parameters cell, read without running it, and values checked against it."""

from __future__ import annotations

import ast
import io
import json
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class ParameterError(ValueError):
    """A parameter that the notebook does not have, or a value of the wrong type."""


KINDS = {
    "int": int, "float": float, "str": str, "bool": bool, "list": list, "None": type(None),
}  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """One line of the parameters cell: `NAME = literal  # comment`.

    `NAME: int | None = None` names the types that it takes; without that the default's type holds.
    """

    name: str
    default: Any
    comment: str
    line: int
    annotation: str = ""

    @property
    def kind(self) -> str:
        """The default's type as a word, "anything" where the default is None."""
        if self.annotation:
            return self.annotation.replace("|", "or")
        return "anything" if self.default is None else type(self.default).__name__

    def check(self, value: Any) -> Any:
        """Return `value`, or raise ParameterError when its type is not the default's.

        An int passes for a float and a tuple for a list; a bool never passes for a number.
        """
        kind = type(self.default)
        if isinstance(value, tuple):
            value = list(value)
        if self.annotation:
            kinds = [KINDS[name.strip()] for name in self.annotation.split("|")]
            if type(value) in kinds:
                return value
            if type(value) is int and float in kinds:
                return float(value)
            raise ParameterError(f"{self.name} takes {self._words()}, got {value!r} "
                                 f"({type(value).__name__})")
        if self.default is None:
            return value
        if kind is float and type(value) is int:
            return float(value)
        if kind in (list, tuple) and isinstance(value, list):
            self._check_elements(value)
            return value
        if type(value) is not kind:
            got = f"{value!r} ({type(value).__name__})"
            raise ParameterError(f"{self.name} takes {self._words()}, got {got}")
        return value

    def _check_elements(self, values: list) -> None:
        kinds = {type(v) for v in self.default} - {type(None)}
        if len(kinds) != 1:
            return
        kind = kinds.pop()
        for v in values:
            if type(v) is not kind and not (kind is float and type(v) is int):
                raise ParameterError(f"{self.name} takes a list of {kind.__name__}, not {v!r}")

    def parse(self, text: str) -> Any:
        """Turn a command line's text into a value of this parameter's type.

        Python literals (`3`, `1e-3`, `[3, 4]`, `None`) and YAML's `true`, `null`, `[a, b]` are
        understood; a text parameter takes its text as it stands.
        """
        if self.annotation:
            try:
                return self.check(_literal(text))
            except ParameterError:
                if "str" not in self.annotation:
                    raise
                return text
        if isinstance(self.default, str):
            quoted = text[:1] in "'\"" and text[-1:] == text[:1] and len(text) > 1
            return str(_literal(text)) if quoted else text
        return self.check(_literal(text))

    def _words(self) -> str:
        article = "an" if self.kind[0] in "aeiou" else "a"
        return f"{article} {self.kind} (default {self.default!r})"


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError):
        pass
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def parse_parameters(source: str) -> dict[str, Parameter]:
    """Read a parameters cell without running it.

    Raises ValueError, with the line, for anything but `NAME = literal` statements.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise ValueError(f"line {error.lineno}: {error.msg}") from None
    comments = {
        token.start[0]: token.string.lstrip("# ").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found: dict[str, Parameter] = {}
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        annotation = ""
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                annotation = ast.unparse(node.annotation)
                unknown = {part.strip() for part in annotation.split("|")} - set(KINDS)
                if unknown:
                    raise ValueError(f"line {node.lineno}: the type of {name} may be made of "
                                     f"{', '.join(KINDS)}, not {', '.join(sorted(unknown))}")
            case _:
                raise ValueError(f"line {node.lineno}: only NAME = literal lines belong here")
        if name in found:
            raise ValueError(f"line {node.lineno}: {name} is set twice")
        try:
            default = ast.literal_eval(value)
        except ValueError:
            raise ValueError(f"line {node.lineno}: the value of {name} is no literal") from None
        lines = range(node.lineno, node.end_lineno + 1)
        comment = next((comments[i] for i in lines if i in comments), "")
        found[name] = Parameter(name, default, comment, node.lineno, annotation)
    return found


def read_parameters(notebook: Path) -> dict[str, Parameter]:
    """The parameters of a notebook file, from its one cell tagged `parameters`.

    Raises ValueError, with the file, for one that is missing, unreadable or without such a cell.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except FileNotFoundError:
        raise ValueError(f"{notebook}: no such notebook – mend `notebook:`") from None
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ValueError(f"{notebook}: not a readable notebook ({error})") from None
    tagged = [c for c in cells if "parameters" in c.get("metadata", {}).get("tags", [])]
    if len(tagged) != 1:
        raise ValueError(f"{notebook}: {len(tagged)} cells are tagged `parameters`, one is needed")
    source = tagged[0].get("source", "")
    try:
        return parse_parameters("".join(source))
    except ValueError as error:
        raise ValueError(f"{notebook}: parameters cell, {error}") from None
