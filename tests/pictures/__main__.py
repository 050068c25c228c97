"""`make pictures`: redraw every picture of the documents."""

import asyncio

from tests.pictures.posts import pictures

for path, svg in asyncio.run(pictures()).items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(svg, encoding="utf-8")
    print(f"{path.parent.name}/{path.name}")
