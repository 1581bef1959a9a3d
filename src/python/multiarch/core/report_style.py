"""How the page about a run looks."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --line: #8886; --bar: #4a78c8; }
body { font: 14px/1.4 system-ui, sans-serif; margin: 2em; }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--line); padding: .3em .6em; text-align: left; vertical-align: top; }
th { font-weight: 600; }
td.failed { background: #d33b3b40; }
td.skipped { background: #d9a41f40; }
td.built, td.passed { background: #2f9e4440; }
td.cached { background: #8882; }
td em { font-style: normal; color: #b0611f; }
pre { overflow-x: auto; background: #8882; padding: .8em; }
summary { cursor: pointer; }
.row { display: grid; grid-template-columns: 28em 1fr 6em; gap: 1em; max-width: 80em; }
.bar { position: relative; }
.bar b { display: block; height: 1em; background: var(--bar); }
.bar i { position: absolute; top: 0; height: 1.2em; border-left: 2px solid #d33b3b; }
svg { border: 1px solid var(--line); max-width: 100%; }
rect { fill: var(--bar); }
"""
