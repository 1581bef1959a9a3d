"""Reads YAML into values that know their lines."""

from __future__ import annotations

from multiarch.core.structure_test.definitions import DefinitionError
from multiarch.core.structure_test.document import LIST, MAP, SCALAR, Node

_TAG = "tag:yaml.org,2002:"


def read_yaml(text: str, *, file: str) -> Node:
    """Read the one document of a text; raises DefinitionError with the line of a mistake."""
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            raise DefinitionError(f"{file}:1: the file is empty")
        return _node(loader, root, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = " ".join(filter(None, (error.context, error.problem)))
        raise DefinitionError(f"{file}:{line}: not YAML: {problem}") from None
    except yaml.YAMLError as error:
        raise DefinitionError(f"{file}:1: not YAML: {error}") from None
    except RecursionError:
        raise DefinitionError(f"{file}:1: not YAML: it is nested too deeply") from None


def _node(loader: object, node: object, above: tuple[int, ...]) -> Node:
    import yaml

    assert isinstance(node, yaml.Node)
    assert isinstance(loader, yaml.SafeLoader)
    line = node.start_mark.line + 1
    if id(node) in above:
        raise yaml.MarkedYAMLError(problem="an alias within itself", problem_mark=node.start_mark)
    within = (*above, id(node))
    if isinstance(node, yaml.MappingNode):
        own = [pair for pair in node.value if pair[0].tag != f"{_TAG}merge"]
        loader.flatten_mapping(node)  # type: ignore[no-untyped-call]
        merged = node.value[: len(node.value) - len(own)]
        said = {key.value for key, _ in own}
        node.value = [*(pair for pair in merged if pair[0].value not in said), *own]
        entries = tuple(
            (str(key.value), key.start_mark.line + 1, _node(loader, value, within))
            for key, value in node.value
        )
        return Node(MAP, line, entries=entries)
    if isinstance(node, yaml.SequenceNode):
        return Node(LIST, line, items=tuple(_node(loader, part, within) for part in node.value))
    return Node(SCALAR, line, node.value, node.tag.removeprefix(_TAG))
