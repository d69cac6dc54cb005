"""Files and calls of the standard profile: XEP-0363 on the server's own store and on an S3-compatible one, and XEP-0215
with a TURN server that other people wrote."""

import asyncio
import contextlib
import http.client
import os
import pathlib
import subprocess
import urllib.parse
import urllib.request
from xml.etree import ElementTree

from person import Person
from scenario import Stage, Suite, Unexpected, require, require_equal

suite = Suite()

UPLOAD = "urn:xmpp:http:upload:0"
SERVICES = "urn:xmpp:extdisco:2"
LARGE = 64 << 20
READY_SECONDS = 30


class Files(Stage):
    def __init__(self, service):
        self.certificate = service["certificate"]
        self.standard = service["standard"]
        self.files = service["files"]
        self.people = []
        self.programs = []

    def person(self, name, host):
        account = self.standard["accounts"][name]
        person = Person(f"{name}@{host}", self.standard["address"], self.certificate, password=account["password"])
        person.use("SCRAM-SHA-256")
        self.people.append(person)
        return person

    def run(self, *command):
        folder = pathlib.Path(self.files["folder"])
        with open(folder / f"{pathlib.Path(command[0]).name}.log", "w", encoding="utf-8") as log:
            self.programs.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder))

    async def close(self):
        for person in self.people:
            await person.sign_out()
        for program in self.programs:
            program.terminate()
            program.wait(10)


async def ready(port):
    for _ in range(READY_SECONDS * 10):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.close()
        return
    raise Unexpected(f"nobody listens on port {port}")


async def slot(person, name, size):
    request = ElementTree.Element(f"{{{UPLOAD}}}request", {"filename": name, "size": str(size)})
    answer = await person.request("get", request, f"upload.{person.boundjid.domain}")
    return answer.find(f"{{{UPLOAD}}}put").get("url"), answer.find(f"{{{UPLOAD}}}get").get("url")


def exchange(stage, method, url, body=None):
    """Asks the server itself, whatever stands before it."""
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(*stage.files["web"], timeout=60)
    connection.request(method, address.path, body=body, headers={"Host": address.netloc})
    response = connection.getresponse()
    return response, response.read()


async def there_and_back(stage, host, content):
    romeo = await stage.person("romeo", host).sign_in()
    put, get = await slot(romeo, "très cool.bin", len(content))
    response, _ = await asyncio.to_thread(exchange, stage, "PUT", put, content)
    require_equal(response.status, 201, "status of PUT")
    response, received = await asyncio.to_thread(exchange, stage, "GET", get)
    require_equal(response.status, 200, "status of GET")
    require(received == content, "the file came back changed")
    await romeo.sign_out()
    return get


@suite.scenario("a file goes to the server and comes back")
async def own_store(stage):
    await there_and_back(stage, "localhost", os.urandom(LARGE))


@suite.scenario("a file goes to an S3-compatible store and comes back")
async def s3_store(stage):
    port = stage.files["s3"]["port"]
    stage.run(stage.files["moto"], "-H", "127.0.0.1", "-p", str(port))
    await ready(port)
    bucket = f"http://127.0.0.1:{port}/{stage.files['s3']['bucket']}"
    await asyncio.to_thread(
        lambda: urllib.request.urlopen(urllib.request.Request(bucket, method="PUT"), timeout=30).read())
    stage.bucket = bucket
    stage.address = await there_and_back(stage, stage.files["s3"]["host"], os.urandom(LARGE))
    require(b"<Key>" in urllib.request.urlopen(bucket, timeout=30).read(), "the bucket is empty")


@suite.scenario("the checker and the deletion reach the S3-compatible store")
async def s3_deletion(stage):
    host = stage.files["s3"]["host"]

    def command(name, *arguments):
        return subprocess.run(
            [*stage.files["command"], name, f"host={host}", *arguments, "--config", stage.files["configuration"]],
            capture_output=True, text=True, timeout=60, check=True).stdout  # fmt: skip

    require("All files are in order." in await asyncio.to_thread(command, "upload-check"), "the checker complains")
    await asyncio.to_thread(command, "upload-delete", f"file={stage.address}")
    response, _ = await asyncio.to_thread(exchange, stage, "GET", stage.address)
    require_equal(response.status, 404, "status of GET")
    require(b"<Key>" not in urllib.request.urlopen(stage.bucket, timeout=30).read(), "the bucket is not empty")


@suite.scenario("credentials for a TURN server get a relay from coturn")
async def turn(stage):
    turn = stage.files["turn"]
    stage.run(
        "/usr/bin/turnserver", "-n", "--listening-ip=127.0.0.1", f"--listening-port={turn['port']}",
        "--relay-ip=127.0.0.1", "--use-auth-secret", f"--static-auth-secret={turn['secret']}", "--realm=localhost",
        "--no-tls", "--no-dtls", "--no-cli", "--allow-loopback-peers", "--log-file=stdout", "--pidfile=turn.pid",
        "--userdb=turn.db",
    )  # fmt: skip
    await ready(turn["port"])
    romeo = await stage.person("romeo", "localhost").sign_in()
    answer = await romeo.request("get", ElementTree.Element(f"{{{SERVICES}}}services"), "localhost")
    service = answer.find(f"{{{SERVICES}}}service[@type='turn']")
    require_equal(service.get("port"), str(turn["port"]), "port")

    def try_relay(password):
        return subprocess.run(
            ["/usr/bin/turnutils_uclient", "-y", "-c", "-n", "3", "-m", "1", "-u", service.get("username"),
             "-w", password, "-p", service.get("port"), service.get("host")],
            capture_output=True, text=True, timeout=20)  # fmt: skip

    def relay(password):
        # It waits for ever for a datagram that is lost.
        for _ in range(2):
            with contextlib.suppress(subprocess.TimeoutExpired):
                return try_relay(password)
        return try_relay(password)

    good = await asyncio.to_thread(relay, service.get("password"))
    require(good.returncode == 0 and "Total lost packets 0" in good.stdout + good.stderr, "no relay")
    bad = await asyncio.to_thread(relay, "not the password")
    require(bad.returncode != 0, "a relay without credentials")
    await romeo.sign_out()


if __name__ == "__main__":
    suite.main(Files)
