"""Serve an artifact: a page to explore it and an API, without TensorFlow."""

import socket
import sys

from export.shell import flags
from export.shell.command import Command


def parse(argv):
    """Returns the flags."""
    parser = flags.Parser(prog="python -m export.serve", description=__doc__)
    parser.add_argument("artifact", type=flags.path, help="artifact or package folder, or the name of a bundled package")
    parser.add_argument(
        "--host", type=flags.text, default="127.0.0.1", help="address to listen at (default: %(default)s, this machine alone)"
    )
    parser.add_argument("--port", type=flags.up_to(65535), default=8000, help="port, 0 for a free one (default: %(default)s)")
    parser.add_argument("--allow-host", type=flags.text, action="append", default=[], help="name by which others reach it; repeatable")
    parser.add_argument("--workers", type=flags.at_least(0), default=0, help="requests computed at a time, 0 for one per core")
    parser.add_argument("--queue", type=flags.at_least(0), default=128, help="requests that may wait (default: %(default)s)")
    parser.add_argument("--max-rows", type=flags.at_least(1), default=256, help="most rows in a request (default: %(default)s)")
    parser.add_argument("--seconds", type=flags.positive, default=30.0, help="time limit of a request (default: %(default)s)")
    return parser.parse_args(argv)


def serve(args):
    """Serves until a signal comes, then answers what it has begun."""
    try:
        import uvicorn  # not before the flags are read: the extra may be absent

        from export.server.app import make_app
        from export.server.limits import Limits
    except ModuleNotFoundError as error:
        expected = 'Expected the packages of the server: pip install ".[serve]" in a clone, or -r requirements-serve.txt'
        raise ValueError(f"{expected}. Received: no {error.name}") from None

    limits = Limits(rows=args.max_rows, seconds=args.seconds, workers=args.workers, queue=args.queue)
    listener = listen(args.host, args.port)
    with listener:
        host, port = listener.getsockname()[:2]
        named = f"[{host}]" if ":" in host else host
        app = make_app(args.artifact, (named, *args.allow_host), limits)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, ws="none", timeout_graceful_shutdown=int(args.seconds) + 1
        )
        print(f"Serving {args.artifact} at http://{named}:{port}", flush=True)
        uvicorn.Server(config).run(sockets=[listener])


def listen(host, port):
    """Returns a socket that listens at an address."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise OSError(f"Expected a free port and an address of this machine. Received: {host}:{port}: {error}") from None


def stopped(args, signals):
    """Says that the server has ended, and returns the status of the signal."""
    print("Stopped")
    return signals.status


main = Command(parse, serve, stopped)

if __name__ == "__main__":
    sys.exit(main())
