"""Reads YAML into values that know their lines."""

from __future__ import annotations

from typing import Any

from multiarch.core.structure_test.definitions import DefinitionError
from multiarch.core.structure_test.document import LIST, MAP, SCALAR, Node

# A file of tests has some hundred values. One whose aliases name aliases may have any number.
_MOST_VALUES = 100_000
_TAG = "tag:yaml.org,2002:"


def read_yaml(text: str, *, file: str) -> Node:
    """Read the one document of a text; raises DefinitionError with the line of a mistake."""
    import yaml

    try:
        loader = bounded_loader()(text)
        root = loader.get_single_node()
        if root is None:
            raise DefinitionError(f"{file}:1: the file is empty")
        return _Nodes(loader).node(root, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = " ".join(filter(None, (error.context, error.problem)))
        raise DefinitionError(f"{file}:{line}: not YAML: {problem}") from None
    except yaml.YAMLError as error:
        raise DefinitionError(f"{file}:1: not YAML: {error}") from None
    except RecursionError:
        raise DefinitionError(f"{file}:1: not YAML: it is nested too deeply") from None


def bounded_loader() -> Any:
    """PyYAML's loader of plain values, but for a file whose merges (`<<`) multiply."""
    import yaml

    class Loader(yaml.SafeLoader):
        def flatten_mapping(self, node: Any) -> None:
            super().flatten_mapping(node)  # type: ignore[no-untyped-call]
            if len(node.value) > _MOST_VALUES:
                raise _too_large(node)

    return Loader


def _too_large(node: Any) -> Exception:
    import yaml

    return yaml.MarkedYAMLError(
        problem=f"with its aliases written out it has more than {_MOST_VALUES} values",
        problem_mark=node.start_mark,
    )


class _Nodes:
    """Makes values of one document's nodes, and counts them."""

    def __init__(self, loader: Any) -> None:
        self.loader, self.count = loader, 0

    def node(self, node: Any, above: tuple[int, ...]) -> Node:
        """The value of a node; `above` are those that it is within."""
        import yaml

        line = node.start_mark.line + 1
        self.count += 1
        if self.count > _MOST_VALUES:
            raise _too_large(node)
        if id(node) in above:
            raise yaml.MarkedYAMLError(
                problem="an alias within itself", problem_mark=node.start_mark
            )
        within = (*above, id(node))
        if isinstance(node, yaml.MappingNode):
            self.merge(node)
            entries = tuple(
                (str(key.value), key.start_mark.line + 1, self.node(value, within))
                for key, value in node.value
            )
            return Node(MAP, line, entries=entries)
        if isinstance(node, yaml.SequenceNode):
            items = tuple(self.node(part, within) for part in node.value)
            return Node(LIST, line, items=items)
        return Node(SCALAR, line, node.value, node.tag.removeprefix(_TAG))

    def merge(self, node: Any) -> None:
        """Put what `<<` names into a mapping, but for what it says itself."""
        own = [pair for pair in node.value if pair[0].tag != f"{_TAG}merge"]
        self.loader.flatten_mapping(node)
        merged = node.value[: len(node.value) - len(own)]
        said = {key.value for key, _ in own if isinstance(key.value, str)}
        kept = (p for p in merged if not isinstance(p[0].value, str) or p[0].value not in said)
        node.value = [*kept, *own]
