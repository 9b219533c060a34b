"""Open every page of the built documentation in headless Chromium, on a phone and on a desk: nothing may be cut off.

A page must not scroll sideways as a whole, at 390 and at 1280 pixels, in light and in dark; what is wide scrolls within
a box of its own. Pages with formulas must have drawn them. Chromium is the distribution's; no other library is needed.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_WIDTHS = (390, 1280)
_SCRIPT = """
const wanted = %s, widths = %s, found = [];
function scrolls(node) {
  for (let one = node.parentElement; one && one !== node.ownerDocument.body; one = one.parentElement)
    if (/auto|scroll|hidden/.test(getComputedStyle(one).overflowX)) return true;
  return false;
}
async function look(address, width, theme) {
  const frame = document.createElement("iframe");
  frame.style.cssText = `border:0;width:${width}px;height:900px`;
  const loaded = new Promise(done => { frame.onload = done; });
  frame.src = address;
  document.body.append(frame);
  await loaded;
  const page = frame.contentDocument;
  page.body.dataset.theme = theme;
  const wide = page.documentElement.scrollWidth - width;
  const article = page.querySelector("article");
  const edge = article ? (article.closest(".content") || article).getBoundingClientRect().right : width;
  const out = [];
  if (article) for (const node of article.querySelectorAll("*")) {
    const box = node.getBoundingClientRect();
    const words = node.textContent.trim().replace(/\\s+/g, " ").slice(0, 50);
    if (box.width && box.right > edge + 1.5 && !scrolls(node)) out.push(`${node.tagName} ${words}`);
  }
  const flat = [...page.querySelectorAll("math")].filter(one => {
    const box = one.getBoundingClientRect();
    return one.textContent.trim() && one.checkVisibility() && !(box.height > 0);
  }).length;
  if (wide > 1 || out.length || flat) found.push({address, width, theme, wide, out: out.slice(0, 3), flat});
  frame.remove();
}
(async () => {
  for (const address of wanted) for (const width of widths) for (const theme of ["light", "dark"])
    await look(address, width, theme);
  document.body.textContent = "SEEN " + JSON.stringify(found) + " DONE";
})();
"""


def main() -> int:
    """Look at all pages of the site in the folder that is given, and say what is cut off."""
    site = Path(sys.argv[1]).resolve()
    browser = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if browser is None:
        print(f"no browser ({', '.join(_NAMES)}): the pages were not looked at")
        return 0 if "--if-there" in sys.argv else 1
    pages = [path.as_uri() for path in sorted(site.rglob("*.html")) if "_static" not in path.parts]
    with tempfile.TemporaryDirectory() as box:
        start = Path(box) / "look.html"
        script = _SCRIPT % (json.dumps(pages), json.dumps(_WIDTHS))
        start.write_text(f"<!doctype html><meta charset=utf-8><body><script>{script}</script>", encoding="utf-8")
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--dump-dom"]
        command = [browser, *options, "--virtual-time-budget=600000", f"--user-data-dir={box}/profile", start.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    told = re.search(r"SEEN (\[.*\]) DONE", html.unescape(done.stdout), re.DOTALL)
    if told is None:
        print(f"the browser did not look at all pages\n{done.stdout[-500:]}\n{done.stderr[-1000:]}")
        return 1
    found = json.loads(told[1])
    for one in found:
        what = "; ".join(one["out"]) or f"{one['wide']} pixels too wide, {one['flat']} formulas not drawn"
        print(f"{one['address'].removeprefix(site.as_uri())} at {one['width']} pixels, {one['theme']}: {what}")
    print(f"{len(pages)} pages at {len(_WIDTHS)} widths, light and dark: {len(found)} faults")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
