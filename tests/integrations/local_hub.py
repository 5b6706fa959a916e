"""A stand-in of the Hugging Face Hub: a server that answers what `huggingface_hub` asks when it fetches files of a model."""

import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Answers for the models of its server: `files`, bytes by name for each USER/NAME, and `sizes` that it states for other files.

    `asked` of the server collects the names of the files that were fetched.
    """

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = urlsplit(self.path).path.strip("/")
        if path.startswith("api/models/"):
            return self.describe(*path.removeprefix("api/models/").partition("/revision/")[::2])
        repository, _, rest = path.partition("/resolve/")
        revision, _, name = rest.partition("/")
        if revision != COMMIT or name not in self.server.files.get(repository, {}):
            return self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
        body = self.server.files[repository][name]
        if self.command == "GET":
            self.server.asked.append(name)
        return self.answer(200, body, {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Repo-Commit": COMMIT})

    do_HEAD = do_GET

    def describe(self, repository, revision):
        if repository not in self.server.files:
            return self.answer(404, b"", {"X-Error-Code": "RepoNotFound"})
        if revision not in ("", "main", "v1", COMMIT):
            return self.answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
        sizes = {name: len(body) for name, body in self.server.files[repository].items()} | self.server.sizes
        described = {"id": repository, "sha": COMMIT, "siblings": [{"rfilename": name, "size": size} for name, size in sizes.items()]}
        return self.answer(200, json.dumps(described).encode(), {"Content-Type": "application/json"})

    def answer(self, status, body, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": len(body)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments):
        """Writes nothing."""


@contextlib.contextmanager
def serving():
    """Yields a running server, without models yet, and ends it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.files, server.sizes, server.asked = {}, {}, []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
