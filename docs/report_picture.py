"""Draws docs/report.png: the top of the report of `chipweave demo`'s schedule, in Chromium. Run by `make picture`."""

from __future__ import annotations

import base64
import shutil
import tempfile
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

import chipweave
from chipweave.cli.demo import PACKAGE, SCENARIO
from chipweave.report.html import page

WIDTH, HEIGHT = 1280, 1290

if __name__ == "__main__":
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={WIDTH},{HEIGHT}"):
        options.add_argument(flag)
    text = page(chipweave.schedule(SCENARIO, PACKAGE))
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        path.write_text(text, encoding="utf-8")
        browser.get(path.as_uri())
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT, "scale": 1}
        shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    browser.quit()
    Path(__file__).with_name("report.png").write_bytes(base64.b64decode(shot["data"]))
