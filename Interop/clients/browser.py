"""Chromium without a screen, driven by chromedriver with the commands of W3C WebDriver."""

import asyncio
import base64
import json
import os
import pathlib
import re
import subprocess
import urllib.error
import urllib.request

from scenario import Unexpected

WAIT = 20
PAUSE = 0.05
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Escape": "\ue00c", "Enter": "\ue007", "Tab": "\ue004"}

ARGUMENTS = [
    "--headless=new", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions",
    "--disable-background-networking", "--disable-component-update", "--ignore-certificate-errors", "--lang=en-GB",
]  # fmt: skip


class Driver:
    """The chromedriver process; its windows are browsers of their own, which share no cookies."""

    def __init__(self):
        self.process = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.port = next(
            (found[1] for line in self.process.stdout if (found := re.search(r"successfully on port (\d+)", line))), None
        )
        if self.port is None:
            raise Unexpected("chromedriver did not start")

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if method == "GET" else json.dumps(body or {}).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise BrowserError(value["error"], value["message"].splitlines()[0]) from None

    async def window(self, name, width=1100, height=720):
        arguments = [*ARGUMENTS, f"--window-size={width},{height}"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")
        wish = {"goog:chromeOptions": {"args": arguments}, "goog:loggingPrefs": {"browser": "ALL"}}
        created = await asyncio.to_thread(self.call, "POST", "/session", {"capabilities": {"alwaysMatch": wish}})
        return Window(self, f"/session/{created['sessionId']}", name)

    def close(self):
        self.process.terminate()
        self.process.wait()


class BrowserError(Unexpected):
    def __init__(self, kind, message):
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class Window:
    """Every wait is for a condition that the page shows; nothing is done before it."""

    def __init__(self, driver, path, name):
        self.driver = driver
        self.path = path
        self.name = name

    async def call(self, method, path, body=None):
        return await asyncio.to_thread(self.driver.call, method, self.path + path, body)

    async def open(self, address):
        await self.call("POST", "/url", {"url": address})

    async def evaluate(self, script, *arguments):
        return await self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    async def until(self, look, what):
        """The first true outcome of the look."""
        end = asyncio.get_running_loop().time() + WAIT
        while True:
            try:
                if found := await look():
                    return found
            except BrowserError as error:
                # The page changes while one looks at it.
                if error.kind not in ("no such element", "stale element reference", "javascript error",
                                      "element not interactable", "element click intercepted"):  # fmt: skip
                    raise
            if asyncio.get_running_loop().time() > end:
                shown = " | ".join((await self.text()).split("\n"))
                raise Unexpected(f"{self.name}'s window does not show {what}; it shows: {shown[:1500]}")
            await asyncio.sleep(PAUSE)

    async def text(self, selector="body"):
        return await self.evaluate("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    async def shows(self, text, selector="body"):
        async def look():
            return text in await self.text(selector)

        await self.until(look, f"{text!r} in {selector}")

    async def find(self, selector, text=None):
        """The element with this text that can be seen."""

        def script():
            return self.evaluate(
                """return [...document.querySelectorAll(arguments[0])].find((node) => node.checkVisibility()
                   && (arguments[1] === null || node.innerText.includes(arguments[1]))) ?? null""",
                selector, text,
            )  # fmt: skip

        found = await self.until(script, f"{selector} {text or ''}")
        return f"/element/{found[ELEMENT]}"

    async def click(self, selector, text=None):
        async def look():
            await self.call("POST", await self.find(selector, text) + "/click")
            return True

        await self.until(look, f"{selector} {text or ''} to be clicked")

    async def type(self, selector, text):
        await self.call("POST", await self.find(selector) + "/value", {"text": text})

    async def select(self, selector, text):
        """Chooses from a list. Its options are drawn by the system, where no click can reach them."""
        await self.find(selector)
        await self.evaluate(
            """const list = document.querySelector(arguments[0]);
               list.value = [...list.options].find((option) => option.text === arguments[1]).value;
               list.dispatchEvent(new Event("change", { bubbles: true }));""",
            selector, text,
        )  # fmt: skip

    async def press(self, *keys):
        """Types on the keyboard, wherever the focus is: names of keys, or texts."""
        actions = [
            {"type": kind, "value": key}
            for text in keys
            for key in ([KEYS[text]] if text in KEYS else text)
            for kind in ("keyDown", "keyUp")
        ]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        await self.call("POST", "/actions", {"actions": [source]})

    async def size(self, width, height, scheme="light"):
        """The size of what the page has for itself, and its colours."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        await self.devtools("Emulation.setDeviceMetricsOverride", metrics)
        wishes = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        features = [{"name": name, "value": value} for name, value in wishes.items()]
        await self.devtools("Emulation.setEmulatedMedia", {"features": features})

    async def devtools(self, command, parameters):
        return await self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    async def picture(self, folder, name):
        data = await self.call("GET", "/screenshot")
        path = pathlib.Path(folder) / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(data))

    async def complaints(self):
        """What the console of the page has said since the last time: errors, and what a policy has refused."""
        entries = await self.call("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    async def close(self):
        await self.call("DELETE", "")
