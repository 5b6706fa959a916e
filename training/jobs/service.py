"""tf.data services: other machines that make the training batches, where the input is the bottleneck.

python -m training.service --port 5050
"""

import sys

from export import flags
from export.tensorflow_import import import_tensorflow


def start(port=0):
    """Starts a dispatcher with one worker in this process; returns both, and its address is `dispatcher.target`.

    Args:
        port: Where the dispatcher listens; 0 for one that is free.
    """
    import tensorflow as tf

    service = tf.data.experimental.service
    dispatcher = service.DispatchServer(service.DispatcherConfig(port=port))
    address = dispatcher.target.partition("://")[2]
    return dispatcher, service.WorkerServer(service.WorkerConfig(dispatcher_address=address))


def main(argv=None):
    """Serves until it is stopped."""
    parser = flags.Parser(prog="python -m training.service", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=flags.up_to(65535, 1), default=5050, help="where to listen (default: %(default)s)")
    try:
        args = parser.parse_args(argv)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    import_tensorflow()
    dispatcher, _ = start(args.port)
    print(f"Serving on port {args.port}: pass --data-service grpc://HOST:{args.port} to training.train", flush=True)
    try:
        dispatcher.join()
    except KeyboardInterrupt:
        return 0
    return 0
