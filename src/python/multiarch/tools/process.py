"""How the tools read their request and report an error: one JSON file in, plain text out."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import Any, Callable

from multiarch.core.errors import MultiarchError


def run(main: Callable[[Mapping[str, Any]], None]) -> int:
    """Call `main` with the request named on the command line; 1 and a message on a user's error.

    A second argument is the number of cores to use; it becomes `concurrency` in the request.
    """
    with open(sys.argv[1], encoding="utf-8") as file:
        request = json.load(file)
    if len(sys.argv) > 2:
        request["concurrency"] = int(sys.argv[2])
    try:
        main(request)
    except MultiarchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def relative(text: str) -> str:
    """Take the sandbox's own path out of a message."""
    return text.replace(os.getcwd() + "/", "").replace(os.getcwd(), ".")
